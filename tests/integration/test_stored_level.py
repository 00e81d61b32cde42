"""Column Level of otel_logs is what `level_of` reads out of a record, in tables that are new and in adopted ones."""

import json
import time
from itertools import product
from pathlib import Path

import pytest
import yaml
from exporter_tables import LOGS

from query.desk import Desk
from query.errors import FailedError
from query.readiness import NotReadyError, store_checks
from query.settings import QuerySettings
from sql import existing_tables
from sql.catalogue import fragments, load_catalogue
from sql.existing_tables import UnfitTableError
from sql.migrate import migrate
from sql.settings import SchemaSettings
from store.port import Insert, Select

CORPUS = yaml.safe_load((Path(__file__).parents[1] / "corpus" / "severity.yaml").read_text(encoding="utf-8"))
LINES = [text for lines in CORPUS.values() for _, text in lines]
BODIES = [
    *LINES,
    "", "E0131 10:00:00.000000 1 main.go:1] no route", '{"level":50,"msg":"x"}', "\x1b[31mERROR\x1b[0m it broke",
    "Traceback (most recent call last):", "panic: runtime error", "x" * 1500 + " level=error", "y" * 200 + " ERROR",
]  # fmt: skip
TEXTS = ["", "Warning", "err", "ERROR2", "50", "Information", "notice", "unheard of"]
NOW = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
NUMBERS = [0, 1, 9, 17, 24, 25, 255]
DIFFERING = f"""
    WITH {fragments()["level_of"]}
    SELECT SeverityNumber, SeverityText, Body, Level, level_of(SeverityNumber, SeverityText, Body) AS wanted
    FROM otel_logs
    WHERE Level != wanted
"""  # noqa: S608 - our own fragment


FOREIGN = {
    "a text": "Level String",
    "a number": "Level UInt8",
    "a number by default": "Level UInt8 DEFAULT SeverityNumber",
    "another expression": "Level UInt8 MATERIALIZED SeverityNumber",
    "another type": "Level UInt16 MATERIALIZED SeverityNumber",
    "an alias": "Level UInt8 ALIAS SeverityNumber",
}


def as_it_is(store):
    there = existing_tables.read(store)
    return there.definitions, there.columns


def put(store, rows):
    names = ("SeverityNumber", "SeverityText", "Body")
    lines = [json.dumps(dict(zip(names, row, strict=True)) | {"Timestamp": NOW}).encode() + b"\n" for row in rows]
    store.insert(Insert("otel_logs", "JSONEachRow", lines))


def levels(store):
    return store.select(Select("SELECT Level, count() FROM otel_logs GROUP BY Level ORDER BY Level")).rows


def test_it_is_what_questions_read_for_every_line_of_the_corpus_and_every_kind_of_severity(store):
    migrate(store, SchemaSettings())
    rows = [*product([0], ["", "err"], BODIES), *product(NUMBERS, TEXTS, BODIES[-8:])]
    put(store, rows)

    assert store.select(Select(DIFFERING)).rows == []
    found = dict(levels(store))
    assert sum(found.values()) == len(rows)
    assert {0, 1, 5, 9, 13, 17, 21, 24, 25, 255} <= found.keys()


@pytest.mark.parametrize("generation", LOGS)
def test_rows_of_an_adopted_table_have_it_too(store, generation):
    store.select(Select(LOGS[generation]))
    put(store, [(0, "", "level=error"), (0, "warning", "x")])
    migrate(store, SchemaSettings(), adopt=True)
    put(store, [(0, "", "panic: no memory"), (9, "", "ERROR")])

    assert levels(store) == [(9, 1), (13, 1), (17, 1), (21, 1)]
    assert store.select(Select(DIFFERING)).rows == []


def test_a_table_that_nobody_adopted_still_tells_errors_where_no_composition_is_asked_for(store):
    store.select(Select(LOGS[next(iter(LOGS))]))
    migrate(store, SchemaSettings())
    put(store, [(0, "", "level=error"), (9, "", "x")])

    assert "Level" not in [name for name, *_ in store.select(Select("DESCRIBE TABLE otel_logs")).rows]
    desk = Desk(store, load_catalogue(), QuerySettings())
    assert [row[3] for row in desk.ask("recent_logs", {"min_severity": "error"}).rows] == ["level=error"]


def test_a_house_whose_tables_lack_it_is_not_ready_and_says_what_to_run(store):
    migrate(store, SchemaSettings())
    has_tables = store_checks(store)["tables"]
    has_tables()
    store.select(Select("ALTER TABLE otel_logs DROP COLUMN Level"))

    with pytest.raises(NotReadyError, match=r"missing: otel_logs\.Level; run `otelhouse migrate`"):
        has_tables()
    with pytest.raises(FailedError, match=r"columns that are not there: otel_logs has no Level") as refused:
        Desk(store, load_catalogue(), QuerySettings()).ask("composition_overview", {"composition": "c-1"})
    assert "Run `otelhouse migrate`, or" in refused.value.mend


def test_tables_that_nobody_adopted_are_ready_without_it(store):
    store.select(Select(LOGS[next(iter(LOGS))]))
    migrate(store, SchemaSettings())

    store_checks(store)["tables"]()


@pytest.mark.parametrize("column", FOREIGN.values(), ids=FOREIGN)
def test_a_column_of_this_name_that_is_somebody_elses_is_refused_before_anything_is_altered(store, column):
    store.select(Select(LOGS[next(iter(LOGS))]))
    store.select(Select(f"ALTER TABLE otel_logs ADD COLUMN {column}"))
    before = as_it_is(store)

    with pytest.raises(UnfitTableError, match=r"otel_logs\.Level is .*RENAME COLUMN Level TO"):
        migrate(store, SchemaSettings(), adopt=True)
    assert as_it_is(store) == before


def test_so_it_is_by_the_migration_that_adds_ours(store):
    migrate(store, SchemaSettings())
    store.select(Select("ALTER TABLE otel_logs DROP COLUMN Level"))
    store.select(Select("ALTER TABLE otel_logs ADD COLUMN Level LowCardinality(String)"))
    forget = "ALTER TABLE otel_schema_migrations DELETE WHERE Name = '0014_log_level'"
    store.select(Select(f"{forget} SETTINGS mutations_sync = 1"))
    before = as_it_is(store)

    with pytest.raises(UnfitTableError, match=r"otel_logs\.Level is LowCardinality\(String\) of somebody else's"):
        migrate(store, SchemaSettings())
    assert as_it_is(store) == before


def test_once_it_is_renamed_as_the_refusal_says_ours_comes_beside_it(store):
    store.select(Select(LOGS[next(iter(LOGS))]))
    store.select(Select("ALTER TABLE otel_logs ADD COLUMN Level String"))
    with pytest.raises(UnfitTableError) as refused:
        migrate(store, SchemaSettings(), adopt=True)
    said = str(refused.value)
    store.select(Select(said[said.index("ALTER TABLE") :]))
    migrate(store, SchemaSettings(), adopt=True)
    put(store, [(0, "", "level=error")])

    assert levels(store) == [(17, 1)]
    assert "OtherLevel" in existing_tables.existing_columns(store, "otel_logs")


def test_a_table_that_nobody_adopted_may_have_one_of_its_own_which_no_question_reads(store):
    store.select(Select(LOGS[next(iter(LOGS))]))
    store.select(Select("ALTER TABLE otel_logs ADD COLUMN Level UInt8 DEFAULT 21"))
    migrate(store, SchemaSettings())
    put(store, [(9, "", "all is well")])

    store_checks(store)["tables"]()
    desk = Desk(store, load_catalogue(), QuerySettings())
    assert desk.ask("recent_logs", {"min_severity": "error"}).rows == []
    with pytest.raises(FailedError, match=r"columns that are not there: otel_logs has no .*CompositionId"):
        desk.ask("composition_overview", {"composition": "c-1"})


@pytest.mark.parametrize("column", ["Level UInt8", "Level String MATERIALIZED SeverityText"])
def test_a_house_whose_tables_have_somebody_elses_is_not_ready(store, column):
    migrate(store, SchemaSettings())
    store.select(Select("ALTER TABLE otel_logs DROP COLUMN Level"))
    store.select(Select(f"ALTER TABLE otel_logs ADD COLUMN {column}"))

    with pytest.raises(NotReadyError, match=r"missing: otel_logs\.Level; run `otelhouse migrate`"):
        store_checks(store)["tables"]()
