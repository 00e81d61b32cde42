"""What may be set, and which doors refuse to open."""

import logging

import pytest
from pydantic import ValidationError

from identity.settings import IdentitySettings, JwtSettings, is_loopback, refuse_open_doors
from identity.tls_settings import TlsSettings

EVERYWHERE_IPV4 = "0.0.0.0"  # noqa: S104  compared with, not listened on
HOSTS = {"ingest.grpc.host": "127.0.0.1", "ingest.http.host": "127.0.0.1", "query.host": "127.0.0.1"}
JWT = JwtSettings(jwks_url="https://login.example.com/keys", issuer="https://login.example.com", audience="otelhouse")
TLS = TlsSettings(certificate="c.pem", key="k.pem", client_ca="ca.pem", client_certificates_at=("grpc", "http"))


def test_nothing_is_asked_and_everything_is_bounded_by_default():
    settings = IdentitySettings()

    assert not settings.senders_are_asked
    assert not settings.readers_are_asked
    assert not settings.let_anyone_in
    assert settings.lockout.failures == 10
    assert (settings.jwt.cache_s, settings.jwt.min_refresh_s, settings.jwt.timeout_s) == (300, 30, 5)


def test_every_setting_says_what_it_is():
    def check(model):
        for name, info in model.model_fields.items():
            assert info.description, name
            if isinstance(info.annotation, type) and hasattr(info.annotation, "model_fields"):
                check(info.annotation)

    check(IdentitySettings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jwks_url": "https://a.example.com", "issuer": "i"}, "jwt.audience"),
        ({"jwks_url": "https://a.example.com", "audience": "a"}, "jwt.issuer"),
        ({"issuer": "i", "audience": "a"}, "without a key source"),
        ({"jwks_url": "https://a.example.com", "jwks_file": "f", "issuer": "i", "audience": "a"}, "both set"),
        ({"jwks_url": "http://a.example.com/keys", "issuer": "i", "audience": "a"}, "must be https"),
        ({"jwks_url": "ftp://a.example.com/keys", "issuer": "i", "audience": "a"}, "https address"),
        ({"jwks_url": "keys", "issuer": "i", "audience": "a"}, "https address"),
        ({"jwks_url": "https://user:hunter2@a.example.com", "issuer": "i", "audience": "a"}, "user or a password"),
        ({"leeway_s": 61}, "leeway_s"),
    ],
)
def test_half_a_jwt_configuration_is_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        JwtSettings.model_validate(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_key_source_on_loopback_may_speak_plain_http(host):
    assert JwtSettings(jwks_url=f"http://{host}:8000/keys", issuer="i", audience="a").on


def test_certificates_count_only_where_somebody_asks_for_them():
    with pytest.raises(ValidationError, match=r"tls\.client_ca"):
        IdentitySettings(client_certificates_count=True)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        (EVERYWHERE_IPV4, False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
        ("0", False),
    ],
)
def test_what_only_this_machine_reaches(host, local):
    assert is_loopback(host) is local


def test_a_house_on_loopback_needs_no_authentication():
    refuse_open_doors(HOSTS, IdentitySettings())


@pytest.mark.parametrize("key", HOSTS)
@pytest.mark.parametrize("host", [EVERYWHERE_IPV4, "::", "10.0.0.1", "otelhouse.example.com"])
def test_a_door_to_the_network_that_asks_nobody_is_refused_with_its_key_and_the_mends(key, host):
    with pytest.raises(ValueError, match=key) as caught:
        refuse_open_doors(HOSTS | {key: host}, IdentitySettings())

    for mend in (host, "127.0.0.1", "identity.tokens_file", "otelhouse token create", "identity.let_anyone_in"):
        assert mend in str(caught.value)


EVERYWHERE = dict.fromkeys(HOSTS, EVERYWHERE_IPV4)


@pytest.mark.parametrize(
    "settings", [{"tokens_file": "tokens.yaml"}, {"let_anyone_in": True}, {"jwt": JWT, "tls": TLS}]
)
def test_doors_to_the_network_open_where_somebody_is_asked_or_the_settings_say_anyone(settings):
    refuse_open_doors(EVERYWHERE, IdentitySettings(**settings))


@pytest.mark.parametrize(("settings", "refused"), [({"jwt": JWT}, "ingest.grpc.host"), ({"tls": TLS}, "query.host")])
def test_a_door_is_not_shut_by_what_guards_another(settings, refused):
    with pytest.raises(ValueError, match=refused):
        refuse_open_doors(EVERYWHERE, IdentitySettings(**settings))


def test_credentials_that_would_travel_in_plain_text_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        refuse_open_doors(EVERYWHERE, IdentitySettings(tokens_file="tokens.yaml", tls=TLS))
        assert caplog.text == ""

        refuse_open_doors({"query.host": EVERYWHERE_IPV4}, IdentitySettings(tokens_file="tokens.yaml"))
        assert "query.host" in caplog.text
