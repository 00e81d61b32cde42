"""Who may ask: read tokens, JWTs, and who sits at this machine where nobody is asked."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prometheus_client import CollectorRegistry
from provider import AUDIENCE, ISSUER, claims, ec_key, jwk, key_set, rsa_key, signed
from tokens_made import made, write

from identity.errors import ForbiddenError, KeysUnavailableError, LockedOutError, UnauthenticatedError
from identity.gates import open_gates
from identity.reader import Reader, Role, Scope
from identity.settings import IdentitySettings, JwtSettings, LockoutSettings
from identity.token_format import Kind


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def opened(registry):
    """Opens gates, and closes them after the test."""
    all_of_them = []

    def build(**settings):
        all_of_them.append(open_gates(IdentitySettings(**settings), registry))
        return all_of_them[-1].read

    yield build
    for gates in all_of_them:
        gates.close()


@pytest.fixture
def tokens(tmp_path, opened):
    def build(*records, **settings):
        return opened(tokens_file=write(tmp_path / "tokens.yaml", *records), **settings)

    return build


@pytest.fixture
def jwts(tmp_path, opened):
    """A gate that takes JWTs signed with keys k1 (RSA) and k2 (P-256)."""

    def build(**settings):
        path = tmp_path / "keys.json"
        path.write_bytes(key_set(jwk(rsa_key()), jwk(ec_key(), "k2")))
        return opened(jwt=JwtSettings(jwks_file=path, issuer=ISSUER, audience=AUDIENCE, **settings))

    return build


def admit(gate, credential, peer="10.0.0.1"):
    return asyncio.run(gate.admit(credential, peer))


def refused(gate, credential, error=UnauthenticatedError, peer="10.0.0.1"):
    with pytest.raises(error) as caught:
        admit(gate, credential, peer)
    return caught.value


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_without_read_authentication_who_sits_at_this_machine_may_do_everything(opened, peer):
    gate = opened()

    assert not gate.asks
    assert admit(gate, None, peer) == Reader("anonymous", Role.ADMIN, Scope(), peer)
    assert admit(gate, "whatever", peer).role is Role.ADMIN


def test_without_read_authentication_who_comes_over_the_network_may_only_view(opened):
    assert admit(opened(let_anyone_in=True), None).role is Role.VIEWER


def test_a_read_token_gives_its_role_and_its_scope(tokens, registry):
    token, record = made("alice", Kind.READ, role="operator", scopes={"clusters": ["prod"], "signals": ["logs"]})

    found = admit(tokens(record), token)

    assert found == Reader("alice", Role.OPERATOR, Scope(clusters=("prod",), signals=("logs",)), "10.0.0.1")
    assert registry.get_sample_value("otelhouse_identity_admitted_total", {"kind": "read_token"}) == 1


def test_a_read_token_that_does_not_count_is_refused(tokens):
    token, record = made("alice", Kind.READ)
    sends, sender = made()
    expired, ended = made("old", Kind.READ, expires=datetime.now(UTC) - timedelta(seconds=1))
    gate = tokens(record, sender, ended)

    assert "ohr_" in str(refused(gate, None))
    assert "begins with ohr_" in str(refused(gate, sends))
    assert "mistyped" in str(refused(gate, token[:-2]))
    assert "not known" in str(refused(gate, made("alice", Kind.READ)[0]))
    assert "expired" in str(refused(gate, expired))
    assert "none that counts" in str(refused(gate, signed()))
    assert "none that counts" in str(refused(gate, "secret"))


def test_a_tokens_file_with_ingest_tokens_alone_lets_no_reader_in(tokens):
    refused(tokens(made()[1]), None, peer="127.0.0.1")


def test_an_address_is_locked_out_over_all_doors_and_a_valid_token_passes(tokens):
    token, record = made("alice", Kind.READ)
    gate = tokens(record, lockout=LockoutSettings(failures=2))
    for _ in range(2):
        refused(gate, "wrong")

    refused(gate, "wrong", LockedOutError)

    assert admit(gate, token).name == "alice"


@pytest.mark.parametrize(("key_id", "algorithm", "key"), [("k1", "RS256", rsa_key()), ("k2", "ES256", ec_key())])
def test_a_jwt_gives_name_role_and_scope(jwts, registry, key_id, algorithm, key):
    content = claims(
        otelhouse_role="viewer",
        otelhouse_clusters=["prod", "test"],
        otelhouse_namespaces="shop",
        otelhouse_compositions=["c1"],
        otelhouse_signals=["logs", "events"],
    )

    found = admit(jwts(), signed(content, key, algorithm, key_id))

    assert found.name == "alice"
    assert found.role is Role.VIEWER
    assert found.scope == Scope(("prod", "test"), ("shop",), ("c1",), ("logs", "events"))
    assert registry.get_sample_value("otelhouse_identity_admitted_total", {"kind": "jwt"}) == 1


def test_jwts_and_read_tokens_count_side_by_side(tmp_path, tokens):
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(jwk(rsa_key())))
    token, record = made("bob", Kind.READ)
    gate = tokens(record, jwt=JwtSettings(jwks_file=path, issuer=ISSUER, audience=AUDIENCE))

    assert [admit(gate, credential).name for credential in (token, signed())] == ["bob", "alice"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example.com"},
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": []},
        {"exp": None},
        {"exp": "soon"},
        {"exp": timedelta(seconds=-90)},
        {"exp": 0},
        {"nbf": timedelta(seconds=900)},
        {"iat": timedelta(seconds=900)},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"sub": "a" * 300},
    ],
)
def test_a_jwt_with_wrong_claims_is_refused(jwts, wrong):
    # A distance counts from the moment the test runs, not from when the module was read: a long run lies between.
    now = int(time.time())
    told = {k: now + int(v.total_seconds()) if isinstance(v, timedelta) else v for k, v in wrong.items()}

    refused(jwts(), signed(claims(**told)))


def test_an_audience_may_be_one_of_several_and_clocks_may_differ_by_the_leeway(jwts):
    gate = jwts(leeway_s=60)
    now = int(time.time())

    assert admit(gate, signed(claims(aud=["x", AUDIENCE])))
    assert admit(gate, signed(claims(exp=now - 30, iat=now + 30, nbf=now + 30)))


def base64url(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_jwt_without_a_signature_is_refused(jwts):
    gate = jwts()
    for algorithm in ("none", "None", "NONE"):
        unsigned = f"{base64url({'alg': algorithm, 'kid': 'k1'})}.{base64url(claims())}."
        assert "RS256 or ES256" in str(refused(gate, unsigned))


def test_a_jwt_signed_with_the_public_key_as_a_shared_secret_is_refused(jwts):
    gate = jwts()
    public = rsa_key().public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(rsa_key())).encode(),
        b"",
    ):
        body = f"{base64url({'alg': 'HS256', 'kid': 'k1'})}.{base64url(claims())}"
        mac = hmac.new(secret, body.encode(), hashlib.sha256).digest()
        forged = f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        refused(gate, forged)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_other_algorithms_of_the_same_key_are_refused(jwts, algorithm):
    assert "RS256 or ES256" in str(refused(jwts(), signed(algorithm=algorithm)))


def test_a_jwt_signed_with_another_key_is_refused(jwts):
    gate = jwts()

    assert "signature" in str(refused(gate, signed(key=rsa_key("stranger"))))
    assert "signature" in str(refused(gate, signed()[:-8] + "AAAAAAAA"))
    refused(gate, signed(key_id="k2"))  # an RSA signature, checked with the P-256 key


def test_a_jwt_that_brings_its_own_key_is_refused(jwts):
    stranger = rsa_key("stranger")

    refused(jwts(), signed(key=stranger, jwk=jwk(stranger), jku="http://127.0.0.1:1/keys"))


@pytest.mark.parametrize(
    "text", ["a.b.c", "..", "eyJhbGciOiJSUzI1NiJ9..", "é.é.é", "\udc80.\udc80.a", "x" * 20_000 + ".b.c", "e30.e30.e30"]
)
def test_what_is_no_jwt_is_refused(jwts, text):
    refused(jwts(), text)


@pytest.mark.parametrize("headers", [{"kid": 5}, {"kid": ["k1"]}, {"crit": ["new"]}, {"b64": False, "crit": ["b64"]}])
def test_headers_that_mean_something_else_are_refused(jwts, headers):
    head = {"alg": "RS256", "kid": "k1"} | headers

    refused(jwts(), f"{base64url(head)}.{base64url(claims())}.AAAA")


def test_a_key_id_that_is_not_published_is_told_as_nobody_can_say(jwts, registry):
    error = refused(jwts(), signed(key_id="new"), KeysUnavailableError)

    assert 1 <= error.retry_after <= 30
    labels = {"kind": "read", "reason": "unknown_key"}
    assert registry.get_sample_value("otelhouse_identity_refused_total", labels) == 1


def test_a_jwt_without_a_key_id_is_taken_where_there_is_one_key_alone(tmp_path, opened):
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(jwk(rsa_key())))

    gate = opened(jwt=JwtSettings(jwks_file=path, issuer=ISSUER, audience=AUDIENCE))

    assert admit(gate, signed(key_id=None)).name == "alice"


def test_a_jwt_without_a_key_id_is_not_tried_with_several_keys(jwts):
    refused(jwts(), signed(key_id=None), KeysUnavailableError)


@pytest.mark.parametrize(
    ("settings", "said", "role"),
    [
        ({}, {"otelhouse_role": "operator"}, Role.OPERATOR),
        ({}, {"otelhouse_role": ["viewer", "staff", "operator"]}, Role.OPERATOR),
        ({"role_claim": "realm_access.roles"}, {"realm_access": {"roles": ["admin"]}}, Role.ADMIN),
        ({"role_claim": "https://x.example.com/role"}, {"https://x.example.com/role": "viewer"}, Role.VIEWER),
        ({"role_claim": "groups", "role_prefix": "otelhouse-"}, {"groups": ["admin", "otelhouse-viewer"]}, Role.VIEWER),
        ({"default_role": "viewer"}, {"otelhouse_role": None}, Role.VIEWER),
        ({"default_role": "viewer"}, {"otelhouse_role": ["staff"]}, Role.VIEWER),
    ],
)
def test_the_role_is_found_where_the_settings_say(jwts, settings, said, role):
    assert admit(jwts(**settings), signed(claims(**said))).role is role


@pytest.mark.parametrize("said", [None, "king", "ADMIN", "admin ", ["staff"], [], 3, {"admin": True}, [["admin"]]])
def test_a_jwt_that_gives_no_role_here_is_forbidden(jwts, said):
    assert "otelhouse_role" in str(refused(jwts(), signed(claims(otelhouse_role=said)), ForbiddenError))


@pytest.mark.parametrize("claim", ["clusters", "namespaces", "compositions", "signals"])
@pytest.mark.parametrize("said", [[], "", 5, [5], {"a": 1}, ["a", ""], False, ["a" * 300], ["a"] * 1001])
def test_a_scope_that_cannot_be_made_out_or_is_empty_never_widens(jwts, claim, said):
    refused(jwts(), signed(claims(**{f"otelhouse_{claim}": said})), ForbiddenError)


def test_a_scope_that_is_null_or_names_an_unknown_signal_never_widens(jwts):
    gate = jwts()
    content = claims() | {"otelhouse_clusters": None}

    refused(gate, signed(content), ForbiddenError)
    refused(gate, signed(claims(otelhouse_signals=["profiles"])), ForbiddenError)


def test_the_name_may_be_another_claim(jwts):
    assert admit(jwts(name_claim="email"), signed(claims(email="alice@example.com"))).name == "alice@example.com"


def test_forged_jwts_lock_an_address_out_and_a_good_one_passes(tmp_path, opened):
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(jwk(rsa_key())))
    settings = JwtSettings(jwks_file=path, issuer=ISSUER, audience=AUDIENCE)
    gate = opened(jwt=settings, lockout=LockoutSettings(failures=2))
    forged = signed(key=rsa_key("stranger"))
    for _ in range(2):
        refused(gate, forged)

    refused(gate, forged, LockedOutError)

    assert admit(gate, signed()).name == "alice"
