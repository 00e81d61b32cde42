"""Which doors speak TLS, and which demand a certificate."""

import pytest
from pydantic import ValidationError

from identity.tls_settings import TlsSettings

PAIR = {"certificate": "tls.crt", "key": "tls.key"}


def test_without_a_certificate_every_door_stays_in_plain_text():
    settings = TlsSettings()

    assert not settings.on
    assert not any(settings.at(door) for door in ("grpc", "http", "rest"))


def test_a_certificate_turns_tls_on_at_every_door_and_asks_nobody_for_theirs():
    settings = TlsSettings(**PAIR)

    assert all(settings.at(door) for door in ("grpc", "http", "rest"))
    assert not any(settings.demands_certificate(door) for door in ("grpc", "http", "rest"))


def test_a_client_ca_makes_every_door_with_tls_demand_a_certificate():
    settings = TlsSettings(**PAIR, client_ca="ca.crt", doors=("grpc", "http"))

    assert [door for door in ("grpc", "http", "rest") if settings.demands_certificate(door)] == ["grpc", "http"]


def test_a_door_can_be_spared_from_demanding_certificates():
    settings = TlsSettings(**PAIR, client_ca="ca.crt", client_certificates_at=("grpc", "http"))

    assert settings.at("rest")
    assert not settings.demands_certificate("rest")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"certificate": "tls.crt"}, "without tls.key"),
        ({"key": "tls.key"}, "without tls.certificate"),
        ({"client_ca": "ca.crt"}, "without tls.certificate and tls.key"),
        ({**PAIR, "client_certificates_at": ("grpc",)}, "without tls.client_ca"),
        (
            {**PAIR, "client_ca": "ca.crt", "doors": ("grpc",), "client_certificates_at": ("grpc", "rest")},
            "names rest, which tls.doors leaves in plain text",
        ),
        ({**PAIR, "doors": ()}, "at least 1"),
        ({**PAIR, "doors": ("smtp",)}, "'grpc', 'http', 'rest' or 'mcp'"),
    ],
)
def test_what_would_leave_a_door_open_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        TlsSettings(**given)
