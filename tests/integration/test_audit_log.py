"""The audit trail in ClickHouse: the same deeds as in the file, once each, and a question about them for admins."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest

import ready_tables
from identity.audit import AuditTrail, Deed
from identity.audit_file import AuditFile
from identity.reader import Reader, Role
from otelhouse import audit_opening
from query import errors
from query.desk import Desk
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from sql.settings import SchemaSettings
from store.port import Select

DEEDS = [
    Deed("sign_in.refused", "anonymous", "10.0.0.7", "refused", details={"reason": "unknown"}),
    Deed("token.created", "anna", "", "ok", "ops-2", {"kind": "ingest"}),
    Deed("dead_letter.retried", "anna", "10.0.0.8", "failed", "0f" * 16),
]


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings())
    return store


@pytest.fixture
def desk(tables):
    desk = Desk(tables, load_catalogue(), QuerySettings())
    yield desk
    desk.close()


def record(folder, store, deeds):
    file = AuditFile(folder / "audit.jsonl", max_bytes=1 << 20, max_files=2)
    trail = AuditTrail(file, version="1.2.3")
    trail.connect(audit_opening.through_store(store))
    for deed in deeds:
        trail.record(deed)
    trail.disconnect(30)
    trail.close()
    return [json.loads(line) for line in file.path.read_bytes().splitlines()]


def stored(store):
    answer = store.select(Select("SELECT * EXCEPT IngestedAt FROM otel_audit ORDER BY Number"))
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def test_each_line_of_the_file_is_a_row(tables, tmp_path):
    lines = record(tmp_path, tables, DEEDS)
    rows = stored(tables)
    assert len(rows) == 3
    for line, row in zip(lines, rows, strict=True):
        assert row.pop("Timestamp") == line.pop("time")
        assert row == {key.title(): value for key, value in line.items()}


def test_rows_that_are_handed_over_again_are_stored_once(tables, tmp_path):
    record(tmp_path, tables, DEEDS)
    (tmp_path / "audit.jsonl.handed").unlink()  # as if the house had died before it could take note
    record(tmp_path, tables, [])
    assert [row["Number"] for row in stored(tables)] == [1, 2, 3]


def test_the_question_tells_the_newest_first_and_narrows(desk, tables, tmp_path):
    record(tmp_path, tables, DEEDS)

    def actions(**written):
        reply = desk.ask("audit_log", written)
        columns = [column.name for column in reply.columns]
        return [row[columns.index("action")] for row in reply.rows]

    assert actions() == ["dead_letter.retried", "token.created", "sign_in.refused"]
    assert actions(action="token.created") == ["token.created"]
    assert actions(action="token.") == ["token.created"]
    assert actions(action="token") == []
    assert actions(actor="anna", outcome="failed") == ["dead_letter.retried"]
    assert actions(limit="1") == ["dead_letter.retried"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_an_admin_may_ask(desk, role):
    with pytest.raises(errors.DeniedError, match="admin"):
        desk.ask("audit_log", {}, reader=Reader("anna", role))
    assert desk.ask("audit_log", {}, reader=Reader("root", Role.ADMIN)).rows == []


def test_nothing_that_we_say_changes_or_deletes_a_deed():
    """Append-only: the house has no word for anything else. Retention is the table's own."""
    folder = Path(str(resources.files("sql")))
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in {".sql", ".py"}}
    word = re.compile(
        r"\b(ALTER\s+TABLE|DELETE\s+FROM|UPDATE|TRUNCATE|DROP|RENAME|EXCHANGE|REPLACE\s+TABLE)\b[^;]*otel_audit"
    )
    assert [str(path) for path, text in texts.items() if word.search(text)] == []
    # What names its table only when it is said alters settings and retention, and no row.
    altering = sorted(
        path.relative_to(folder).as_posix()
        for path, text in texts.items()
        if path.suffix == ".sql" and re.search(r"^ALTER TABLE \$\{database\}\.\$\{table\}", text, re.MULTILINE)
    )
    assert altering == ["durability/set.sql", "retention/keep.sql", "retention/set.sql"]
    engine = (folder / "schema" / "otel_audit.sql").read_text(encoding="utf-8")
    assert "ENGINE = ${replicated}MergeTree\n" in engine
