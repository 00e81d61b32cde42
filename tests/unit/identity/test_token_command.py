"""`otelhouse token`: what it prints, what it keeps, what it refuses; and that the gates take what it made."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from tokens_made import made, write

from identity import token_format, tokens_file
from identity.gates import open_gates
from identity.reader import Role, Scope
from identity.sender import Sender, SenderLimits
from identity.settings import IdentitySettings
from identity.tokens_file import TokensFileError
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tokens.yaml"


@pytest.fixture
def token(path):
    def run(command, *arguments, environ=None):
        place = [] if environ is not None else ["--file", str(path)]
        return CliRunner().invoke(cli, ["token", command, *arguments, *place], obj=Surroundings(environ or {}))

    return run


def gates(path):
    return open_gates(IdentitySettings(tokens_file=path), CollectorRegistry())


def test_the_token_is_printed_alone_and_once_and_its_hash_is_kept(token, path):
    result = token("create", "prod-eu", "--kind", "ingest", "--note", "collectors")

    assert result.exit_code == 0, result.output
    assert token_format.well_formed(result.stdout.rstrip("\n"))
    assert result.stdout.strip() not in result.stderr
    assert "only time" in result.stderr
    assert result.stdout.strip().rpartition("_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_sender_gets_in_with_what_was_made(token, path):
    made_token = token(
        "create", "prod-eu", "--kind=ingest", "--cluster-name=prod", "--cluster-uid=1-2",
        "--bytes-per-second=1000", "--requests-at-once=4", "--expires=90d",
    ).stdout.strip()  # fmt: skip

    sender = gates(path).ingest.admit(f"Bearer {made_token}", "10.0.0.1")

    assert sender == Sender("10.0.0.1", "prod-eu", "prod", "1-2", SenderLimits(1000, 4))


def test_a_reader_gets_in_with_what_was_made(token, path):
    made_token = token(
        "create", "alice", "--kind=read", "--role=viewer", "--cluster=a", "--cluster=b", "--namespace=shop",
        "--composition=c1", "--signal=logs", "--expires=2099-01-31T12:00:00+01:00",
    ).stdout.strip()  # fmt: skip

    reader = asyncio.run(gates(path).read.admit(made_token, "10.0.0.1"))

    assert (reader.name, reader.role) == ("alice", Role.VIEWER)
    assert reader.scope == Scope(("a", "b"), ("shop",), ("c1",), ("logs",))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x", "--kind=both"], "--kind"),
        (["x"], "--kind"),
        (["x", "--kind=read"], "needs a role"),
        (["x", "--kind=read", "--role=king"], "--role"),
        (["x", "--kind=read", "--role=viewer", "--signal=profiles"], "--signal"),
        (["x", "--kind=read", "--role=viewer", "--cluster="], "scopes.clusters"),
        (["x", "--kind=read", "--role=viewer", "--cluster-name=a"], "for ingest tokens"),
        (["x", "--kind=ingest", "--role=admin"], "for read tokens"),
        (["x", "--kind=ingest", "--namespace=a"], "for read tokens"),
        (["x", "--kind=ingest", "--bytes-per-second=-1"], "bytes_per_second"),
        (["x", "--kind=ingest", "--expires=2020-01-01T00:00:00Z"], "past"),
        (["x", "--kind=ingest", "--expires=0d"], "past"),
        (["x", "--kind=ingest", "--expires=2099-01-01T00:00:00"], "time zone"),
        (["x", "--kind=ingest", "--expires=soon"], "90d"),
        (["x", "--kind=ingest", "--expires=9999-12-31T00:00:00Z"], "before the year"),
        (["Prod_EU", "--kind=ingest"], "small letters"),
    ],
)
def test_what_means_nothing_is_refused_and_leaves_no_file(token, path, arguments, words):
    result = token("create", *arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert not path.exists()


def test_an_id_that_exists_is_refused_be_it_for_another_kind(token, path):
    token("create", "prod-eu", "--kind=ingest")
    before = path.read_bytes()

    result = token("create", "prod-eu", "--kind=read", "--role=viewer")

    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert result.stdout == ""
    assert path.read_bytes() == before


def test_without_a_file_it_asks_for_one_and_the_setting_names_one(token, path):
    result = token("create", "a", "--kind=ingest", environ={})
    assert result.exit_code == 2
    assert "--file" in result.stderr

    named = token("create", "a", "--kind=ingest", environ={"OTELHOUSE_IDENTITY_TOKENS_FILE": str(path)})
    assert named.exit_code == 0, named.output
    assert tokens_file.read(path).records[0].id == "a"


def test_the_list_says_what_tokens_may_and_no_hash(token, path):
    _, ended = made("old", expires="2020-01-01T00:00:00Z")
    write(path, ended)
    token("create", "prod-eu", "--kind=ingest", "--cluster-name=prod", "--requests-at-once=4", "--note=collectors")
    token("create", "alice", "--kind=read", "--role=viewer", "--signal=logs")

    table = token("list").stdout
    listed = json.loads(token("list", "--format=json").stdout)

    assert "prod requests_at_once=4" in table
    assert "viewer signals=logs" in table
    assert "2020-01-01T00:00Z (ended)" in table
    assert [(entry["id"], entry["expired"]) for entry in listed] == [
        ("old", True),
        ("prod-eu", False),
        ("alice", False),
    ]
    assert "sha256" not in table + json.dumps(listed)


def test_a_revoked_token_is_gone_and_the_others_stay(token, path):
    token("create", "old", "--kind=ingest")
    kept = token("create", "new", "--kind=ingest").stdout.strip()

    result = token("revoke", "old")

    assert result.exit_code == 0, result.output
    assert gates(path).ingest.admit(f"Bearer {kept}", "").name == "new"
    assert [record.id for record in tokens_file.read(path).records] == ["new"]


def test_revoking_what_there_is_not_is_told(token):
    token("create", "a", "--kind=ingest")

    result = token("revoke", "b")

    assert result.exit_code == 1
    assert "no token b" in result.stderr


@pytest.mark.parametrize("command", [("list",), ("revoke", "a"), ("create", "a", "--kind=ingest")])
def test_a_file_that_cannot_be_used_is_told_and_left_as_it_is(token, path, command):
    path.write_text("tokens: {")

    result = token(*command)

    assert result.exit_code == 1
    assert str(path) in result.stderr
    assert path.read_text() == "tokens: {"
    with pytest.raises(TokensFileError):
        gates(path)


def test_a_folder_that_is_missing_is_told(token, path):
    result = CliRunner().invoke(
        cli,
        ["token", "create", "a", "--kind=ingest", "--file", str(path.parent / "none" / "t.yaml")],
        obj=Surroundings(),
    )

    assert result.exit_code == 1
    assert "make the folder first" in result.stderr


def test_a_file_that_others_may_read_is_warned_of(token, path):
    token("create", "a", "--kind=ingest")
    path.chmod(0o644)

    assert "chmod 600" in token("list").stderr


def commands_of(page):
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("otelhouse ")]


def test_the_commands_of_the_documentation_work_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = commands_of(Path(__file__).parents[3] / "docs" / "identity.md")

    assert {command[1] for command in commands} == {"create", "list", "revoke"}
    for command in commands:
        result = CliRunner().invoke(cli, command, obj=Surroundings())
        assert result.exit_code == 0, result.output


def test_a_scope_that_fits_into_no_statement_is_refused_where_the_token_is_made(token, path):
    def of(count):
        return [f"--namespace=team-{'x' * 100}-{n}" for n in range(count)]

    refused = token("create", "big", "--kind=read", "--role=viewer", *of(1000))
    assert refused.exit_code == 2
    assert "the scope names too much: for `" in refused.stderr
    assert "Name fewer" in refused.stderr
    assert not path.exists()

    made = token("create", "big", "--kind=read", "--role=viewer", *of(100))
    assert made.exit_code == 0, made.stderr
    assert len(tokens_file.read(path).records[0].scopes.namespaces) == 100
