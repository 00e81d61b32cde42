"""The files of TLS: read, checked, and looked at again when they change.

In: `TlsSettings` that name a certificate. Out: `Material`, all that the doors need of one state of the files, or a
`TlsError` that names the setting, the file and the mend. Refused: files that are missing, unreadable or no PEM, a key
that is encrypted or belongs to another certificate, and a state that changed while it was read.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from identity.tls_settings import TlsSettings

_log = logging.getLogger(__name__)

_OTHERS = 0o007
"""Permission bits of everybody who is neither the file's owner nor of its group."""

MAX_FILE_BYTES = 1024 * 1024
"""A certificate is some 2 KB, a bundle of all public CAs 250 KB."""

Stamp = tuple[tuple[int, ...] | None, ...]
"""What tells one state of the files from another; None for a file that is not there."""


class TlsError(Exception):
    """The files cannot be used. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Material:
    """One state of the files. Holds the private key: it is never shown or logged."""

    certificates: tuple[x509.Certificate, ...]
    """The house's own, and those between it and its CA."""
    chain_pem: bytes
    key_pem: bytes
    client_ca_pem: bytes
    """Empty without mutual TLS."""
    open_context: ssl.SSLContext
    """For a door that asks nobody for a certificate."""
    demanding_context: ssl.SSLContext | None
    """For a door that does; None without `client_ca`."""

    def __repr__(self) -> str:
        return f"Material({self.certificates[0].subject.rfc4514_string()}, until {self.expires})"

    @property
    def expires(self) -> float:
        """Unix seconds at which the first of the house's certificates runs out."""
        return min(one.not_valid_after_utc.timestamp() for one in self.certificates)

    @property
    def begins(self) -> float:
        """Unix seconds before which one of them does not count yet."""
        return max(one.not_valid_before_utc.timestamp() for one in self.certificates)


def stamp(settings: TlsSettings) -> Stamp:
    """The files' present state, by `stat` alone. Symlinks are followed, since Kubernetes swaps those."""
    return tuple(_stamp(path) for path in (settings.certificate, settings.key, settings.client_ca) if path)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # The change time as well: a mended permission leaves the modification time as it was.
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(settings: TlsSettings) -> Material:
    """Read and check the files. Raises `TlsError`."""
    certificate, key = settings.certificate, settings.key
    if certificate is None or key is None:
        raise ValueError("TLS is off: there is nothing to read")
    before = stamp(settings)
    chain_pem, key_pem = _content("certificate", certificate), _content("key", key)
    client_ca_pem = _content("client_ca", settings.client_ca) if settings.client_ca else b""
    certificates = _certificates("certificate", certificate, chain_pem)
    _check_key(certificates[0], settings, key_pem)
    trusted = _certificates("client_ca", settings.client_ca, client_ca_pem) if settings.client_ca else ()
    material = Material(
        certificates,
        chain_pem,
        key_pem,
        client_ca_pem,
        open_context=_context(certificate, key),
        demanding_context=_demanding(_context(certificate, key), trusted) if trusted else None,
    )
    if stamp(settings) != before:  # the contexts were made from the files themselves
        raise TlsError("the files changed while they were read; they are read again")
    _warn_of_open_key(key)
    return material


def _content(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        mend = "give the path of a PEM file that the house may read"
        raise TlsError(f"identity.tls.{name}: {path} cannot be read ({error.strerror}): {mend}") from error
    if len(content) > MAX_FILE_BYTES:
        raise TlsError(f"identity.tls.{name}: {path} has more than {MAX_FILE_BYTES} bytes: give a PEM file")
    return content


def _certificates(name: str, path: Path, pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        mend = "it must begin with -----BEGIN CERTIFICATE-----"
        raise TlsError(f"identity.tls.{name}: {path} holds no certificate in PEM form: {mend}") from error


def _check_key(certificate: x509.Certificate, settings: TlsSettings, pem: bytes) -> None:
    where = f"identity.tls.key: {settings.key}"
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise TlsError(f"{where} is encrypted: decrypt it with `openssl pkey -in FILE -out FILE`") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        mend = "it must begin with -----BEGIN PRIVATE KEY----- or the like"
        raise TlsError(f"{where} holds no private key in PEM form: {mend}") from error
    if key.public_key() != certificate.public_key():
        mend = "give the key that the certificate was made with; the house's own certificate comes first in its file"
        raise TlsError(f"{where} does not belong to the certificate in {settings.certificate}: {mend}")


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "reason", None) or error.strerror or error
        mend = "make a pair that OpenSSL's default security level accepts, such as RSA 2048 or EC P-256 with SHA-256"
        raise TlsError(f"identity.tls.certificate: {certificate} and {key} are not usable ({why}): {mend}") from error
    return context


def _demanding(context: ssl.SSLContext, trusted: tuple[x509.Certificate, ...]) -> ssl.SSLContext:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=b"".join(ca.public_bytes(Encoding.DER) for ca in trusted))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate CA counts by itself, as in gRPC
    # A resumed session would not have its certificate looked at again.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    return context


def _warn_of_open_key(key: Path) -> None:
    mode = key.stat().st_mode
    if mode & _OTHERS:
        mend = "chmod o= it, or give its Secret volume `defaultMode: 0400`"
        _log.warning("identity.tls.key: %s is open to every user of this machine (%o): %s", key, mode & 0o777, mend)
