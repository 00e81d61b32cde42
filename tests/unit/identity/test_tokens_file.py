"""The tokens file: what is read, what is refused and in which words, and that it is written whole or not at all."""

import contextlib
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokens_made import made, write

from identity import tokens_file
from identity.reader import Role, Scope
from identity.sender import SenderLimits
from identity.token_format import Kind
from identity.tokens_file import TokensFileError

HASH = "sha256:" + "0" * 64


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tokens.yaml"


def refusal(path, text):
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(TokensFileError) as caught:
        tokens_file.read(path)
    return str(caught.value)


def test_what_is_written_is_read_again(path):
    _, sends = made(
        cluster_name="prod", cluster_uid="1-2", limits={"bytes_per_second": 5, "requests_at_once": 2}, note="no: 017"
    )
    _, asks = made("alice", Kind.READ, role="operator", scopes={"namespaces": ["on"]}, expires="2030-01-01T00:00:00Z")

    write(path, sends, asks)

    assert tokens_file.read(path).records == (sends, asks)


def test_a_record_says_whom_it_names(path):
    _, sends = made(cluster_name="prod", limits={"bytes_per_second": 5})
    _, asks = made("alice", Kind.READ, role="operator", scopes={"clusters": ["prod"], "signals": ["logs"]})

    assert (sends.sender().name, sends.sender().cluster_name) == ("prod-eu", "prod")
    assert sends.sender().limits == SenderLimits(bytes_per_second=5)
    assert asks.reader().role is Role.OPERATOR
    assert asks.reader().scope == Scope(clusters=("prod",), signals=("logs",))


def test_values_are_texts_whatever_yaml_makes_of_them(path):
    path.write_text(
        f"tokens:\n- id: 017\n  kind: ingest\n  hash: {HASH}\n  cluster_name: no\n  expires: 2030-01-31T12:00:00Z\n"
    )

    (record,) = tokens_file.read(path).records

    assert (record.id, record.cluster_name, record.expires.year) == ("017", "no", 2030)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "tokens: []\n"])
def test_a_file_without_tokens_is_a_file(path, text):
    path.write_text(text)

    assert tokens_file.read(path).records == ()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("kind: read", "needs a role"),
        ("kind: read\n  role: king", "role"),
        ("kind: read\n  role: viewer\n  cluster_name: a", "for ingest tokens"),
        ("kind: ingest\n  role: admin", "for read tokens"),
        ("kind: ingest\n  scopes: {clusters: [a]}", "for read tokens"),
        ("kind: read\n  role: viewer\n  scopes: {clusters: []}", "scopes.clusters"),
        ("kind: read\n  role: viewer\n  scopes: {clusters: }", "scopes.clusters"),
        ("kind: read\n  role: viewer\n  scopes: {cluster: [a]}", "scopes.cluster"),
        ("kind: read\n  role: viewer\n  scopes: {signals: [profiles]}", "scopes.signals"),
        ("kind: ingest\n  limits: {bytes_per_second: -1}", "limits.bytes_per_second"),
        ("kind: ingest\n  expires: 2030-01-31", "expires"),
        ("kind: ingest\n  expires: 2030-01-31T00:00:00", "timezone"),
        ("kind: ingest\n  expires: 9999-12-31T00:00:00Z", "before the year"),
        ("kind: both", "kind"),
        ("kind: ingest\n  secret: abc", "secret"),
        ("kind: ingest\n  kind: read", "twice"),
    ],
)
def test_a_record_that_means_nothing_is_refused_by_its_place(path, record, words):
    said = refusal(path, f"tokens:\n- id: a\n  hash: {HASH}\n  {record}\n")

    assert words in said
    assert str(path) in said


@pytest.mark.parametrize(
    "text", ["tokens: {", "- a\n", "tokens: 5\n", "token: []\n", "\x00", "tokens: [*a]\n", "&a [*a]\n"]
)
def test_what_is_no_tokens_file_is_refused(path, text):
    assert str(path) in refusal(path, text)


def test_bytes_that_are_no_text_are_refused(path):
    path.write_bytes(b"tokens: \xff\xfe\xff")

    with pytest.raises(TokensFileError, match="no YAML"):
        tokens_file.read(path)


def test_two_tokens_with_one_id_or_one_hash_are_refused(path):
    one = f"- id: a\n  kind: ingest\n  hash: {HASH}\n"
    other = one.replace("id: a", "id: b")

    assert "two tokens have the id a" in refusal(path, f"tokens:\n{one}{one}")
    assert "same hash" in refusal(path, f"tokens:\n{one}{other}")


def test_a_file_that_is_too_large_is_refused(path):
    assert "bytes" in refusal(path, "#" * (tokens_file.MAX_BYTES + 1))


def test_a_missing_file_and_a_folder_are_refused(path, tmp_path):
    with pytest.raises(TokensFileError, match="cannot be read"):
        tokens_file.read(path)
    with pytest.raises(TokensFileError, match="cannot be read"):
        tokens_file.read(tmp_path)


def test_a_file_that_everybody_may_write_is_refused_and_one_they_may_read_warns(path):
    write(path, made()[1])
    path.chmod(0o602)
    with pytest.raises(TokensFileError, match=r"may write to it.*chmod 600"):
        tokens_file.read(path)

    path.chmod(0o644)
    assert "chmod 600" in tokens_file.read(path).warning

    path.chmod(0o440)
    assert tokens_file.read(path).warning == ""


def test_it_is_written_for_its_owner_alone_and_leaves_nothing_beside_it(path):
    write(path, made()[1])

    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    _, first = made("first")
    write(path, first)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(TokensFileError, match="No space left"):
        write(path, first, made("second")[1])

    assert tokens_file.read(path).records == (first,)
    assert list(path.parent.iterdir()) == [path]


def test_the_file_behind_a_symbolic_link_is_replaced_and_not_the_link(path, tmp_path):
    link = tmp_path / "link.yaml"
    write(path, made("first")[1])
    link.symlink_to(path)

    write(link, made("second")[1])

    assert link.is_symlink()
    assert tokens_file.read(path).records[0].id == "second"


def test_two_who_change_the_file_at_once_lose_nothing(path):
    write(path)

    def add(name):
        with tokens_file.changing(path):
            tokens_file.write(path, (*tokens_file.read(path).records, made(name)[1]))

    threads = [threading.Thread(target=add, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert {record.id for record in tokens_file.read(path).records} == {f"t{number}" for number in range(8)}


@given(st.text(max_size=300))
def test_no_text_makes_it_raise_anything_else(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, errors="replace")
    with contextlib.suppress(TokensFileError):
        tokens_file.read(path)


def test_a_thousand_tokens_are_read_quickly(path):
    _, record = made()
    records = [record.model_copy(update={"id": f"t{n}", "hash": f"sha256:{n:064x}"}) for n in range(1000)]
    write(path, *records)

    before = time.process_time()
    assert len(tokens_file.read(path).records) == 1000
    assert time.process_time() - before < 2
