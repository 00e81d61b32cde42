"""Who a client certificate speaks of. Checking it is the handshake's business, and done by then."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


@functools.lru_cache(maxsize=1024)
def subject(der: bytes) -> str:
    """The certificate's subject as RFC 4514 writes it, ``CN=agent,O=shop``.

    Where that is empty, as in SPIFFE's, the first URI, DNS name or e-mail address among the alternative names, in this
    order; else an empty string. Raises `ValueError` for what is no certificate.
    """
    from cryptography import x509  # noqa: PLC0415  a house without client certificates should not load it

    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject.rfc4514_string() or _alternative_name(certificate)


def _alternative_name(certificate: "x509.Certificate") -> str:
    from cryptography import x509  # noqa: PLC0415  as above

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    found = (
        names.get_values_for_type(x509.UniformResourceIdentifier)
        or names.get_values_for_type(x509.DNSName)
        or names.get_values_for_type(x509.RFC822Name)
    )
    return str(found[0]) if found else ""
