"""The provider's keys: fetched from a real server, within bounds, kept while it is away, and never waited for twice."""

import asyncio
import logging
import threading
import time

import jwt
import pytest
import trustme
from provider import AUDIENCE, ISSUER, ec_key, jwk, key_set, rsa_key, serving
from tokens_made import Clock

from identity import jwks_fetch
from identity.jwks import KeySource
from identity.jwks_fetch import KeysError
from identity.refusals import Reason, Refusal
from identity.settings import JwtSettings


@pytest.fixture
def server():
    with serving() as published:
        yield published


@pytest.fixture
def clock():
    return Clock()


def settings_for(server, **more):
    return JwtSettings(**({"jwks_url": server.url, "issuer": ISSUER, "audience": AUDIENCE} | more))


@pytest.fixture
def source(server, clock):
    built = KeySource(settings_for(server), clock=clock)
    yield built
    built.close()


def ask(source, *key_ids):
    """What the source says to those who ask at the same time."""

    async def all_at_once():
        return await asyncio.gather(*(source.key(key_id) for key_id in key_ids))

    return asyncio.run(all_at_once())


def reasons(answers):
    return [answer.reason if isinstance(answer, Refusal) else answer.key_id for answer in answers]


def test_keys_are_fetched_when_first_asked_for_and_kept(source, server, clock):
    assert server.asked == 0

    assert reasons(ask(source, "k1")) == ["k1"]
    clock.now += 299
    assert reasons(ask(source, "k1")) == ["k1"]

    assert server.asked == 1


def test_keys_are_fetched_again_when_their_time_is_over_and_one_taken_back_no_longer_counts(source, server, clock):
    ask(source, "k1")
    server.answer = key_set(jwk(rsa_key("two"), "k2"))
    clock.now += 301

    assert reasons(ask(source, "k1", "k2")) == [Reason.UNKNOWN_KEY, "k2"]
    assert server.asked == 2


def test_a_hundred_who_ask_at_once_make_one_fetch(source, server):
    assert reasons(ask(source, *["k1"] * 100)) == ["k1"] * 100
    assert server.asked == 1


def test_a_new_key_is_found_by_fetching_again(source, server, clock):
    ask(source, "k1")
    server.answer = key_set(jwk(rsa_key()), jwk(rsa_key("two"), "k2"))
    clock.now += 31

    assert reasons(ask(source, "k2")) == ["k2"]
    assert server.asked == 2


def test_made_up_key_ids_make_one_fetch_in_thirty_seconds(source, server, clock):
    ask(source, "k1")
    for number in range(60):
        clock.now += 1
        (answer,) = ask(source, f"made-up-{number}")
        assert answer.reason is Reason.UNKNOWN_KEY
        assert 1 <= answer.retry_after <= 30

    assert server.asked == 3


def test_without_a_key_id_the_only_key_counts(source, server, clock):
    assert reasons(ask(source, "")) == ["k1"]

    server.answer = key_set(jwk(rsa_key()), jwk(rsa_key("two"), "k2"))
    clock.now += 301

    assert reasons(ask(source, "")) == [Reason.UNKNOWN_KEY]


def test_keys_of_before_count_for_a_bounded_time_while_the_provider_is_away(source, server, clock, caplog):
    ask(source, "k1")
    server.status = 503
    with caplog.at_level(logging.INFO):
        for _ in range(9):
            clock.now += 360
            assert reasons(ask(source, "k1")) == ["k1"]
        assert "503" in source.problem
        clock.now += 370
        assert reasons(ask(source, "k1")) == [Reason.NO_KEYS]

        server.status = 200
        clock.now += 10
        assert reasons(ask(source, "k1")) == ["k1"]

    assert source.problem == ""
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_a_provider_that_is_away_from_the_start_is_asked_every_five_seconds(source, server, clock):
    server.status = 500
    for _ in range(20):
        (answer,) = ask(source, "k1")
        assert (answer.reason, answer.retry_after) == (Reason.NO_KEYS, 5)
        clock.now += 1

    assert server.asked == 4


def test_nobody_waits_longer_than_a_fetch_may_take_and_the_loop_goes_on(server, clock):
    server.before_answer = lambda: server.done.wait(10)
    source = KeySource(settings_for(server, timeout_s=0.2), clock=clock)

    async def ask_beside_a_ticking_loop():
        ticks = 0
        waiting = asyncio.create_task(source.key("k1"))
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks, waiting.result()

    before = time.monotonic()
    ticks, answer = asyncio.run(ask_beside_a_ticking_loop())
    source.close()

    assert answer.reason is Reason.NO_KEYS
    assert time.monotonic() - before < 3
    assert ticks > 5


def test_a_fetch_that_hangs_beyond_its_bounds_holds_nobody_up(server, clock):
    release = threading.Event()

    def hang(_):
        release.wait(10)
        raise KeysError("too late")

    source = KeySource(settings_for(server, timeout_s=0.1), hang, clock)

    before = time.monotonic()
    answers = ask(source, "k1", "k1")
    waited = time.monotonic() - before
    release.set()
    source.close()

    assert reasons(answers) == [Reason.NO_KEYS] * 2
    assert waited < 5


def test_one_who_comes_while_the_keys_are_being_fetched_waits_for_them_too(source, server):
    entered = threading.Event()
    release = threading.Event()
    server.before_answer = lambda: (entered.set(), release.wait(10))

    async def second_comes_later():
        first = asyncio.create_task(source.key("k1"))
        await asyncio.to_thread(entered.wait, 10)
        second = asyncio.create_task(source.key("k1"))
        await asyncio.sleep(0)
        release.set()
        return await asyncio.gather(first, second)

    assert reasons(asyncio.run(second_comes_later())) == ["k1", "k1"]
    assert server.asked == 1


def test_one_who_goes_away_does_not_end_the_fetch_for_the_others(source, server):
    entered = threading.Event()
    release = threading.Event()
    server.before_answer = lambda: (entered.set(), release.wait(10))

    async def first_goes_away():
        first, second = (asyncio.create_task(source.key("k1")) for _ in range(2))
        await asyncio.to_thread(entered.wait, 10)
        first.cancel()
        release.set()
        return await second

    assert reasons([asyncio.run(first_goes_away())]) == ["k1"]
    assert server.asked == 1


def test_a_mistake_of_ours_is_not_taken_for_a_provider_that_is_away(server, clock):
    source = KeySource(settings_for(server), lambda _: 1 / 0, clock)

    with pytest.raises(ZeroDivisionError):
        ask(source, "k1")
    source.close()


def test_after_closing_nothing_is_fetched(source, server):
    source.close()
    source.close()

    assert reasons(ask(source, "k1")) == [Reason.NO_KEYS]
    assert server.asked == 0


@pytest.mark.parametrize("status", [204, 301, 302, 404, 500])
def test_any_status_but_200_is_a_failure_and_redirects_are_not_followed(server, status):
    server.status = status
    server.headers = {"Location": server.url}

    with pytest.raises(KeysError, match=str(status)):
        jwks_fetch.fetch(settings_for(server))
    assert server.asked == 1


def test_an_answer_that_is_too_large_is_cut_off(server):
    server.answer = b" " * (jwks_fetch.MAX_BYTES + 1) + server.answer

    with pytest.raises(KeysError, match="more than 262144 bytes"):
        jwks_fetch.fetch(settings_for(server))


def test_a_compressed_answer_is_not_unpacked(server):
    server.headers = {"Content-Encoding": "gzip"}
    server.answer = b"\x1f\x8b" + bytes(100)

    with pytest.raises(KeysError, match="JSON"):
        jwks_fetch.fetch(settings_for(server))


def test_a_server_that_drips_does_not_outlast_the_deadline(server):
    server.drip = 200  # 10 seconds
    before = time.monotonic()

    with pytest.raises(KeysError, match="too long"):
        jwks_fetch.fetch(settings_for(server, timeout_s=0.3))

    assert time.monotonic() - before < 3


def test_a_port_where_nobody_listens_is_a_failure(server):
    with pytest.raises(KeysError, match=r"127\.0\.0\.1"):
        jwks_fetch.fetch(settings_for(server, jwks_url="http://127.0.0.1:1/keys", timeout_s=1))


def test_the_providers_certificate_is_checked(server, tmp_path):
    """The server speaks plain HTTP: a client that speaks TLS to it must fail, and not fall back."""
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca)
    url = server.url.replace("http:", "https:")

    with pytest.raises(KeysError, match="SSL"):
        jwks_fetch.fetch(settings_for(server, jwks_url=url, ca_file=ca, timeout_s=1))


def test_keys_come_from_a_file_too(tmp_path):
    path = tmp_path / "keys.json"
    settings = JwtSettings(jwks_file=path, issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(KeysError, match="No such file"):
        jwks_fetch.fetch(settings)

    path.write_bytes(key_set(jwk(ec_key(), "e")))
    assert set(jwks_fetch.fetch(settings)) == {"e"}

    path.write_bytes(b" " * (jwks_fetch.MAX_BYTES + 1))
    with pytest.raises(KeysError, match="more than"):
        jwks_fetch.fetch(settings)


SECRET = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "s", "alg": "HS256"}


@pytest.mark.parametrize(
    "useless",
    [
        SECRET,
        jwk(rsa_key("short", 1024)),
        jwk(rsa_key(), alg="RS512"),
        jwk(rsa_key(), use="enc"),
        jwk(ec_key(), crv="P-384"),
        jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(), as_dict=True),
        {"kty": "RSA", "n": "AQAB"},
        {"kty": ["RSA"]},
        {},
        "k1",
        None,
    ],
)
def test_keys_of_no_use_are_passed_over_and_do_not_take_the_others_with_them(useless):
    assert set(jwks_fetch.parsed(key_set(useless, jwk(ec_key(), "good")))) == {"good"}
    with pytest.raises(KeysError, match="no public key"):
        jwks_fetch.parsed(key_set(useless))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 200_000, key_set(*[{}] * 101)])
def test_what_is_no_key_set_is_a_failure(raw):
    with pytest.raises(KeysError):
        jwks_fetch.parsed(raw)
