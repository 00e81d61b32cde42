"""Whose certificate it is."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from identity import client_certificate

AGENT = x509.NameAttribute(NameOID.COMMON_NAME, "agent")
SHOP = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "shop, Ltd")


def certificate(names=(), alternatives=()):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name(names)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(1))
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_subject_names_it_with_the_most_specific_part_first():
    assert client_certificate.subject(certificate([SHOP, AGENT])) == r"CN=agent,O=shop\, Ltd"


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        ([x509.DNSName("a.example"), x509.UniformResourceIdentifier("spiffe://shop/agent")], "spiffe://shop/agent"),
        ([x509.RFC822Name("a@shop.example"), x509.DNSName("a.example")], "a.example"),
        ([x509.RFC822Name("a@shop.example")], "a@shop.example"),
        ([], ""),
    ],
)
def test_without_a_subject_an_alternative_name_does(alternatives, expected):
    assert client_certificate.subject(certificate((), alternatives)) == expected


def test_what_is_no_certificate_is_refused():
    with pytest.raises(ValueError, match="parsing"):
        client_certificate.subject(b"no certificate")
