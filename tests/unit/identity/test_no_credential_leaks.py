"""Whatever is shown at a door, nothing of it comes out again: not in errors, not in logs, not in the audit trail."""

import asyncio
import contextlib
import logging
import traceback
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from provider import AUDIENCE, ISSUER, claims, jwk, key_set, rsa_key, signed
from tokens_made import made, write

from identity import tokens_file
from identity.errors import IdentityError
from identity.gates import open_gates
from identity.settings import IdentitySettings, JwtSettings
from identity.token_format import Kind
from identity.tokens_file import TokensFileError

secret_text = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=60)
unusual_text = st.text(st.characters(exclude_characters=" \t\r\n"), max_size=60)
shapes = st.sampled_from(
    ["{}", "ohi_{}", "ohr_{}", "ohi_prod-eu_{}", "ohr_alice_{}", "{0}.{0}.{0}", "eyJhbGciOiJSUzI1NiJ9.{}.a"]
)
CANARY = uuid.uuid4().hex
"""In every secret, and in no source that hypothesis takes its examples from."""
credentials = st.builds(lambda shape, text: shape.format(text + CANARY + text), shapes, secret_text | unusual_text)


class Everything(logging.Handler):
    """Keeps all that is logged, as it would be written."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(logging.Formatter().format(record))


@contextlib.contextmanager
def everything_logged():
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def all_of(error):
    """Everything that an error and those behind it could show to anybody."""
    texts = []
    while error is not None:
        texts += [
            str(error),
            repr(error),
            repr(error.args),
            repr(getattr(error, "__dict__", "")),
            repr(getattr(error, "object", "")),
        ]
        texts += traceback.format_exception(error)
        error = error.__cause__ or error.__context__
    return texts


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    _, sender = made("prod-eu")
    _, reader = made("alice", Kind.READ)
    keys = folder / "keys.json"
    keys.write_bytes(key_set(jwk(rsa_key())))
    registry, deeds = CollectorRegistry(), []
    gates = open_gates(
        IdentitySettings(
            tokens_file=write(folder / "tokens.yaml", sender, reader),
            jwt=JwtSettings(jwks_file=keys, issuer=ISSUER, audience=AUDIENCE),
        ),
        registry,
        deeds.append,
    )
    yield gates, registry, deeds
    gates.close()


def came_out(house, credential):
    """All that came out while `credential` was shown at both gates."""
    gates, registry, deeds = house
    deeds.clear()
    texts = []
    with everything_logged() as lines:
        for show in (
            lambda: gates.ingest.admit(f"Bearer {credential}", "10.0.0.1"),
            lambda: gates.ingest.admit(credential, "10.0.0.2"),
            lambda: asyncio.run(gates.read.admit(credential, "10.0.0.3")),
        ):
            try:
                texts.append(repr(show()))
            except IdentityError as error:
                texts += all_of(error)
    return "\n".join([*texts, *lines, repr(deeds), repr(gates), generate_latest(registry).decode()])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(credentials)
def test_a_wrong_credential_comes_out_nowhere(house, credential):
    told = came_out(house, credential)

    assert CANARY[:8] not in told
    assert CANARY[-8:] not in told


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(Kind))
def test_a_well_formed_token_comes_out_nowhere_be_it_unknown_or_valid(tmp_path_factory, kind):
    token, record = made("prod-eu", kind)
    secret = token.rpartition("_")[2]
    path = write(tmp_path_factory.getbasetemp() / "leaks.yaml", record)

    for place in (path, write(path.with_name("none.yaml"))):
        registry, deeds = CollectorRegistry(), []
        house = open_gates(IdentitySettings(tokens_file=place), registry, deeds.append), registry, deeds
        told = came_out(house, token)
        assert secret[:12] not in told
        assert record.hash not in told


@pytest.mark.parametrize(
    "build",
    [
        signed,
        lambda: signed(key=rsa_key("stranger")),
        lambda: signed(key_id="unknown"),
        lambda: signed(claims(aud="another")),
        lambda: signed(claims(exp=1)),
        lambda: signed(claims(otelhouse_role="king")),
        lambda: signed(claims(otelhouse_clusters=[])),
        lambda: signed()[:-40],
        lambda: signed().replace(".", ".é", 1),
    ],
)
def test_a_jwt_comes_out_nowhere_be_it_good_or_not(house, build):
    credential = build()
    told = came_out(house, credential)

    for part in credential.split("."):
        assert part[:24] not in told
    assert credential[-24:] not in told


PLACES = [
    "tokens:\n- id: a\n  kind: ingest\n  hash: {}\n",
    "tokens:\n- id: {}\n  kind: ingest\n",
    "tokens:\n- id: a\n  kind: {}\n",
    "tokens:\n- id: a\n  {}: x\n",
    "tokens:\n- id: a\n  note: [{}]\n",
    "tokens:\n- id: a\n  expires: {}\n",
    "{}",
    "{}: 1\n",
    "tokens: *{}\n",
    "tokens: [{}\n",
    "tokens: {{a: {}: b\n",
    '"{}',
    "%{}\n---\n",
    "!{} a\n",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", Kind)
def test_a_token_that_was_put_into_the_tokens_file_comes_out_of_no_message(tmp_path, place, kind):
    token, _ = made("prod-eu", kind)
    path = tmp_path / "tokens.yaml"
    path.write_text(place.format(token))
    path.chmod(0o600)

    with pytest.raises(TokensFileError) as caught:
        tokens_file.read(path)

    assert token.rpartition("_")[2] not in "\n".join(all_of(caught.value))


def test_the_settings_and_the_gates_show_no_secret(house):
    gates, _, _ = house
    seen = [repr(gates), repr(gates.ingest), repr(gates.read), repr(vars(gates.ingest)), repr(vars(gates.read))]

    assert not any("sha256" in text or "RSAPublic" in text for text in seen)
