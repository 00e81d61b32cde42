"""Who may send: tokens, client certificates, and everybody where nobody is asked."""

import timeit
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from tokens_made import made, write

from identity.errors import LockedOutError, UnauthenticatedError
from identity.gates import open_gates
from identity.sender import Sender, SenderLimits
from identity.settings import IdentitySettings, LockoutSettings
from identity.tls_settings import TlsSettings
from identity.token_format import Kind

CERTIFICATES = {
    "client_certificates_count": True,
    "tls": TlsSettings(certificate="c.pem", key="k.pem", client_ca="ca.pem"),
}


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def deeds():
    return []


@pytest.fixture
def gate_of(tmp_path, registry, deeds):
    def build(*records, **settings):
        path = write(tmp_path / "tokens.yaml", *records) if records else None
        return open_gates(IdentitySettings(tokens_file=path, **settings), registry, deeds.append).ingest

    return build


def refused(gate, authorization, peer="10.0.0.1", subject="", error=UnauthenticatedError):
    with pytest.raises(error) as caught:
        gate.admit(authorization, peer, subject)
    return caught.value


def test_a_valid_token_says_who_sends_and_what_is_bound_to_it(gate_of, registry):
    token, record = made(cluster_name="prod", cluster_uid="1-2", limits={"bytes_per_second": 7, "requests_at_once": 3})
    gate = gate_of(record)

    assert gate.admit(f"Bearer {token}", "10.0.0.1") == Sender("10.0.0.1", "prod-eu", "prod", "1-2", SenderLimits(7, 3))
    assert registry.get_sample_value("otelhouse_identity_admitted_total", {"kind": "ingest_token"}) == 1


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {} "])
def test_the_scheme_may_be_written_in_any_case(gate_of, form):
    token, record = made()

    assert gate_of(record).admit(form.format(token), "10.0.0.1").name == "prod-eu"


def test_two_tokens_are_valid_at_once_so_that_they_can_be_rotated(gate_of):
    old, old_record = made("prod-1", cluster_name="prod")
    new, new_record = made("prod-2", cluster_name="prod")
    gate = gate_of(old_record, new_record)

    assert {gate.admit(f"Bearer {token}", "").cluster_name for token in (old, new)} == {"prod"}


def test_without_a_tokens_file_everybody_is_their_address(gate_of):
    gate = gate_of()

    assert not gate.asks
    assert gate.admit(None, "10.0.0.1", "CN=somebody") == Sender("10.0.0.1")
    assert gate.admit("Basic whatever", "10.0.0.1") == Sender("10.0.0.1")


@pytest.mark.parametrize("authorization", [None, ""])
def test_with_a_tokens_file_nobody_gets_in_without_a_token(gate_of, authorization, registry, deeds):
    gate = gate_of(made()[1])

    error = refused(gate, authorization)

    assert gate.asks
    assert "Authorization: Bearer ohi_" in str(error)
    labels = {"kind": "ingest", "reason": "missing"}
    assert registry.get_sample_value("otelhouse_identity_refused_total", labels) == 1
    assert [(deed.action, deed.peer, deed.outcome, deed.target) for deed in deeds] == [
        ("sign_in.refused", "10.0.0.1", "refused", "ingest")
    ]


def test_an_empty_tokens_file_lets_nobody_in(tmp_path, registry):
    path = write(tmp_path / "tokens.yaml")

    refused(open_gates(IdentitySettings(tokens_file=path), registry).ingest, "Bearer " + made()[0])


@pytest.mark.parametrize(
    ("authorization", "reason", "words"),
    [
        ("{stranger}", "malformed", "Bearer"),
        ("Basic {valid}", "malformed", "Bearer"),
        ("Bearer", "malformed", "Bearer"),
        ("Bearer {cut}", "malformed", "mistyped"),
        ("Bearer eyJh.eyJh.abc", "malformed", "mistyped"),
        ("Bearer " + "x" * 100_000, "malformed", "Bearer"),
        ("Bearer ohi_\udc80", "malformed", "mistyped"),
        ("Bearer {stranger}", "unknown", "not known"),
        ("Bearer {other_kind}", "wrong_kind", "begins with ohi_"),
        ("Bearer {expired}", "expired", "expired"),
    ],
)
def test_a_credential_that_does_not_count_is_refused_with_its_reason(gate_of, registry, authorization, reason, words):
    valid, record = made()
    other, reader = made("alice", Kind.READ)
    expired, ended = made("old", expires=datetime.now(UTC) - timedelta(seconds=1))
    gate = gate_of(record, reader, ended)
    tokens = {"valid": valid, "cut": valid[:-1], "stranger": made()[0], "other_kind": other, "expired": expired}

    error = refused(gate, authorization.format(**tokens))

    assert words in str(error)
    assert registry.get_sample_value("otelhouse_identity_refused_total", {"kind": "ingest", "reason": reason}) == 1


def test_a_token_ends_at_its_moment(gate_of, monkeypatch):
    end = datetime.now(UTC) + timedelta(seconds=60)
    token, record = made(expires=end)
    gate = gate_of(record)
    assert gate.admit(f"Bearer {token}", "")

    monkeypatch.setattr("time.time", lambda: end.timestamp() + 0.001)

    assert "expired" in str(refused(gate, f"Bearer {token}"))


def test_the_audit_trail_hears_the_id_of_a_known_token_and_nothing_that_a_stranger_made_up(gate_of, deeds):
    gate = gate_of(made()[1])

    refused(gate, "Bearer " + made("prod-eu")[0])
    refused(gate, "Bearer " + made("made-up")[0])

    assert [deed.actor for deed in deeds] == ["prod-eu", ""]


def test_a_certificate_counts_only_where_the_settings_say_so(gate_of):
    assert gate_of(**CERTIFICATES).admit(None, "10.0.0.1", "CN=collector") == Sender("10.0.0.1", "CN=collector")


def test_a_certificate_is_not_enough_where_it_does_not_count(gate_of):
    refused(gate_of(made()[1]), None, subject="CN=collector")


def test_where_only_certificates_count_nobody_gets_in_without_one(gate_of):
    gate = gate_of(**CERTIFICATES)

    assert "client certificate" in str(refused(gate, None))
    refused(gate, "Bearer " + made()[0])


def test_a_token_names_the_sender_even_where_there_is_a_certificate_and_a_wrong_one_is_refused(gate_of):
    token, record = made()
    gate = gate_of(record, **CERTIFICATES)

    assert gate.admit(f"Bearer {token}", "", "CN=collector").name == "prod-eu"
    refused(gate, "Bearer " + made()[0], subject="CN=collector")


def test_an_address_that_fails_too_often_is_locked_out_but_its_valid_tokens_always_pass(gate_of, registry, deeds):
    token, record = made()
    gate = gate_of(record, lockout=LockoutSettings(failures=3, lock_s=120))
    for _ in range(3):
        refused(gate, "Bearer wrong")

    error = refused(gate, "Bearer wrong", error=LockedOutError)

    assert 119 < error.retry_after <= 120
    assert gate.admit(f"Bearer {token}", "10.0.0.1").name == "prod-eu"
    refused(gate, "Bearer wrong", error=LockedOutError)
    refused(gate, "Bearer wrong", peer="10.0.0.2")
    labels = {"kind": "ingest", "reason": "locked_out"}
    assert registry.get_sample_value("otelhouse_identity_refused_total", labels) == 2
    assert [deed.details["reason"] for deed in deeds].count("locked_out") == 2


def test_sending_without_a_token_locks_nobody_out(gate_of):
    gate = gate_of(made()[1], lockout=LockoutSettings(failures=2))
    for _ in range(5):
        refused(gate, None)


def test_admitting_a_valid_token_takes_less_than_ten_microseconds(gate_of):
    token, record = made()
    gate = gate_of(record, *(made(f"t{number}")[1] for number in range(200)))
    header = f"Bearer {token}"

    best = min(timeit.repeat(lambda: gate.admit(header, "10.0.0.1"), number=2000, repeat=10)) / 2000

    assert best < 10e-6
