"""What is planted, `otelhouse doctor` finds, says in a line, and knows a mend for."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import trustme
from authority import HouseFiles
from click.testing import CliRunner
from exporter_tables import LOGS

import ready_tables
from ingest.spool.entry import Part, SpoolLimits
from ingest.spool.folder import Spool
from otelhouse import doctor_clickhouse
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from sql import server_version
from sql.migrate import migrate
from sql.settings import SchemaSettings
from store import engine_lock
from store.port import Select

SERVER_CONFIG = """
<clickhouse>
  <user_directories><users_xml><path>config.xml</path></users_xml></user_directories>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile></default>
    <reader><password>r</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
      <grants><query>GRANT SELECT ON *.*</query></grants></reader>
  </users>
</clickhouse>
"""


def examine(check, *arguments):
    """The findings of one check, as `(outcome, what, mend)`, and the exit code."""
    run = CliRunner().invoke(cli, ["doctor", "--only", check, "--format", "json", *arguments], obj=Surroundings())
    assert run.exit_code in {0, 1}, run.output
    return run.exit_code, [(one["outcome"], one["what"], one["mend"]) for one in json.loads(run.stdout)]


def found(check, words, *arguments):
    """The one finding with these words in it, and the exit code."""
    code, findings = examine(check, *arguments)
    matching = [one for one in findings if words in one[1]]
    assert len(matching) == 1, findings
    return code, *matching[0]


def settings_file(tmp_path, **rooms):
    file = tmp_path / "otelhouse.yaml"
    file.write_text(json.dumps(rooms))
    return f"--config={file}"


@pytest.fixture
def place(embedded_settings):
    return [f"--set=store.{key}={getattr(embedded_settings, key)}" for key in ("path", "database")]


@pytest.fixture
def store(embedded_store):
    return embedded_store


@pytest.fixture
def tables(store):
    """A store with all its tables, in which a test says what is done to them."""
    ready_tables.make(store, SchemaSettings())
    return lambda statement: store.select(Select(statement))


@pytest.mark.parametrize("version", ["25.3.1.1", "25.10.2.2"])
def test_a_clickhouse_that_cannot_do_the_work(place, tables, monkeypatch, version):
    monkeypatch.setattr(server_version, "read", lambda store: server_version.parse(version))
    code, outcome, what, mend = found("store", f"ClickHouse {version[:4]}", *place)
    assert (code, outcome, mend) == (1, "failed", "install another ClickHouse")
    assert "ClickHouse 25" in what


@pytest.mark.parametrize(
    ("setting", "mend"),
    [
        ("store.database=nowhere", "make the database: otelhouse migrate"),
        ("store.username=nobody", "mend the settings under `store`"),
    ],
)
def test_a_clickhouse_that_lets_nobody_in(start_clickhouse, setting, mend):
    # A server of its own, which dies of such a refusal.
    server = start_clickhouse()
    assert found("store", "ClickHouse at 127.0.0.1", f"--set=store.url={server.url}", f"--set={setting}")[::3] == (
        1,
        mend,
    )


def test_a_view_that_somebody_dropped(place, tables):
    tables("DROP TABLE otel_logs_mv")
    code, outcome, what, mend = found("store", "missing", *place)
    assert (code, outcome, what, mend) == (1, "failed", "missing: otel_logs_mv", "otelhouse migrate")


def test_a_retention_that_is_not_that_of_the_settings(place, tables):
    code, outcome, what, mend = found("store", "not of this release", *place, "--set=sql.retention.logs_days=3")
    assert (code, outcome, mend) == (1, "failed", "otelhouse migrate")
    assert "otel_logs" in what


def test_rows_that_are_kept_for_ever(place, tables):
    tables("ALTER TABLE otel_traces REMOVE TTL")
    _, outcome, what, mend = found("store", "kept for ever", *place)
    assert (outcome, what.rpartition(": ")[2]) == ("warning", "otel_traces")
    assert "sql.retention" in mend


def test_a_table_of_a_collector_that_lacks_columns_of_todays(place, store):
    store.select(Select(LOGS["up to v0.150"]))
    migrate(store, SchemaSettings())
    _, outcome, what, mend = found("store", "otel_logs was made by somebody else", *place)
    assert (outcome, mend.partition(" adds")[0]) == ("warning", "otelhouse migrate --adopt")
    assert "EventName" in what


def test_a_table_that_cannot_take_our_rows(place, store):
    store.select(Select("CREATE TABLE otel_logs (LogAttributes JSON) ENGINE = MergeTree ORDER BY ()"))
    code, outcome, what, _ = found("store", "otel_logs.LogAttributes", *place)
    assert (code, outcome) == (1, "failed")
    assert "not a Map" in what


def test_dead_letters_that_wait(place, tables):
    tables("INSERT INTO otel_dead_letters (Id, Signal, Reason) VALUES ('a', 'logs', 'too old')")
    _, outcome, what, mend = found("store", "dead letter", *place)
    assert (outcome, mend) == ("warning", "otelhouse deadletter list")
    assert what.startswith("1 dead letter")


@pytest.mark.parametrize(
    ("hours", "outcome", "told"), [(-1, "failed", "3600.0 s behind"), (0.01, "warning", "36.0 s ahead of")]
)
def test_clocks_that_differ(place, tables, monkeypatch, hours, outcome, told):
    clock = doctor_clickhouse.time.time
    monkeypatch.setattr(doctor_clickhouse.time, "time", lambda: clock() - 3600 * hours)
    _, said, what, mend = found("store", "clock", *place)
    assert (said, "NTP" in mend) == (outcome, True)
    assert told.split()[-1] in what


def test_a_disk_that_is_nearly_full(place, tables):
    _, outcome, what, mend = found("store", "disk ", *place, "--set=store.low_free_ratio=1")
    assert (outcome, mend) == ("warning", "make room, or keep rows for fewer days (sql.retention)")
    assert "GB free" in what


def test_a_disk_that_is_full(place, tables):
    code, outcome, what, _ = found("store", "disk ", *place, f"--set=store.keep_free_bytes={1024**5}")
    assert (code, outcome) == (1, "failed")
    assert "nothing is inserted" in what


def test_rights_that_are_missing(start_clickhouse):
    server = start_clickhouse(SERVER_CONFIG)
    place = [f"--set=store.url={server.url}", "--set=store.username=reader", "--set=store.password=r"]
    code, outcome, what, mend = found("store", "lacks", *place)
    assert (code, outcome) == (1, "failed")
    assert "INSERT" in what
    assert "SELECT" not in what
    assert mend.startswith("GRANT INSERT, ")


def test_an_engine_that_another_process_holds(tmp_path):
    folder = tmp_path / "engine"
    held = engine_lock.hold(folder)
    # A process of its own: this one may hold an engine of another test, and would be refused a second for that alone.
    words = ["doctor", "--only", "store", "--format", "json", f"--data={folder}"]
    run = subprocess.run([sys.executable, "-m", "otelhouse", *words], capture_output=True, text=True, check=True)
    os.close(held)
    (finding,) = json.loads(run.stdout)
    assert finding["outcome"] == "warning"
    assert "is in use by another process" in finding["what"]
    assert finding["mend"] == "if a house holds it, ask that one: GET http://127.0.0.1:8080/readyz"


def spooled(folder, written=(b"it",)):
    spool = Spool(folder, SpoolLimits(10**9, 10**9, 0))
    for number, text in enumerate(written):
        spool.append("logs", f"token-{number}", [Part((bytes([len(text)]), text), 1)])
    spool.close()


def test_a_spool_that_nobody_brings_on(tmp_path):
    spooled(tmp_path / "spool")
    code, outcome, what, mend = found("spool", "wait in", f"--data={tmp_path}", "--set=ingest.spool.mode=never")
    assert (code, outcome, mend) == (1, "failed", "otelhouse spool drain")
    assert what.startswith("1 items wait")


def test_a_spool_on_a_disk_without_room(tmp_path):
    spooled(tmp_path / "spool", ())
    code, outcome, _, mend = found(
        "spool", "keep_free_bytes", f"--data={tmp_path}", f"--set=ingest.spool.keep_free_bytes={1024**5}"
    )
    assert (code, outcome, mend) == (1, "failed", "make room")


def test_a_spool_that_cannot_be_one(tmp_path):
    (tmp_path / "spool").write_text("not a folder")
    code, outcome, _, _ = found("spool", "cannot be", f"--data={tmp_path}")
    assert (code, outcome) == (1, "failed")


def test_a_door_that_is_open_to_strangers():
    code, outcome, what, _ = found("doors", "query.host", "--set=query.host=0.0.0.0")
    assert (code, outcome) == (1, "failed")
    assert "identity.tokens_file" in what


def test_a_house_that_lets_anyone_in():
    _, outcome, _, _ = found("doors", "let_anyone_in", "--set=query.host=0.0.0.0", "--set=identity.let_anyone_in=true")
    assert outcome == "warning"


def test_a_tokens_file_that_is_no_such_file(tmp_path):
    file = tmp_path / "tokens.yaml"
    file.write_text("tokens: [nonsense]")
    file.chmod(0o600)
    code, outcome, _, mend = found("doors", str(file), f"--set=identity.tokens_file={file}")
    assert (code, outcome) == (1, "failed")
    assert "otelhouse token create" in mend


def test_a_tokens_file_that_everybody_may_read(tmp_path):
    file = tmp_path / "tokens.yaml"
    file.write_text("tokens: []")
    file.chmod(0o644)
    _, outcome, what, _ = found("doors", str(file), f"--set=identity.tokens_file={file}")
    assert (outcome, "chmod 600" in what) == ("warning", True)


def test_keys_of_the_provider_that_cannot_be_had(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/keys"
        jwt = {"jwks_url": url, "issuer": "i", "audience": "a", "timeout_s": 1}
        code, outcome, _, mend = found("doors", "no keys", settings_file(tmp_path, identity={"jwt": jwt}))
    assert (code, outcome) == (1, "failed")
    assert url in mend


@pytest.fixture
def certificate(tmp_path):
    """A function that puts a certificate with these times in place, and gives the setting for it."""
    authority = trustme.CA()

    def put(**times) -> str:
        files = HouseFiles(tmp_path, authority)
        files.show(authority, **times)
        tls = {"certificate": str(files.folder / "tls.crt"), "key": str(files.folder / "tls.key")}
        return settings_file(tmp_path, identity={"tls": tls})

    return put


def days(number):
    return datetime.now(UTC) + timedelta(days=number, hours=1)


@pytest.mark.parametrize(
    ("begins", "ends", "outcome", "told"),
    [
        (-20, -10, "failed", "ran out 10 days ago"),
        (-20, 10, "warning", "runs out in 10 days"),
        (5, 300, "failed", "does not count yet"),
        (-20, 300, "ok", "counts for 300 days"),
    ],
)
def test_a_certificate_by_its_days(certificate, begins, ends, outcome, told):
    _, said, what, _ = found("doors", "certificate", certificate(not_before=days(begins), not_after=days(ends)))
    assert said == outcome
    assert told in what


def test_a_key_that_is_not_the_certificates(certificate, tmp_path):
    argument = certificate()
    (tmp_path / "tls.key").write_bytes(trustme.CA().issue_cert("localhost").private_key_pem.bytes())
    code, findings = examine("doors", argument)
    assert (code, [outcome for outcome, _, _ in findings]) == (1, ["ok", "failed"])
    assert str(tmp_path / "tls.key") in findings[1][1]


def test_without_faults_every_check_is_well(place, tables, tmp_path):
    run = partial(CliRunner().invoke, cli, obj=Surroundings())
    plenty = ["--set=store.low_free_ratio=0", "--set=store.keep_free_bytes=0", "--set=ingest.spool.keep_free_bytes=0"]
    result = run(["doctor", *place, *plenty, f"--set=ingest.spool.path={tmp_path / 'spool'}"])
    assert result.exit_code == 0, result.output
    assert {line.split()[0] for line in result.stdout.splitlines() if line[0] != " "} == {"ok"}, result.stdout
    assert Path(tmp_path / "spool").exists() is False
