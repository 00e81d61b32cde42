"""Every question that comes with the house, held to its own header, to the reference page and to its indexes."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ready_tables
from query import reference
from query.desk import Desk
from query.parameters import settle
from query.settings import QuerySettings
from sql.catalogue import FIRST_PAGE, load_catalogue
from sql.settings import SchemaSettings
from store.port import Limits, Select, Store

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue()


@pytest.fixture
def tables(store: Store) -> Store:
    ready_tables.make(store, SchemaSettings())
    return store


@pytest.fixture
def desk(tables: Store) -> Iterator[Desk]:
    desk = Desk(tables, CATALOGUE, QuerySettings())
    yield desk
    desk.close()


def test_the_first_questions_are_there():
    assert {"recent_logs", "trace", "services", "slow_traces", "metric_series"} <= set(CATALOGUE)


def test_the_reference_page_is_what_the_catalogue_says():
    page = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")

    assert page == reference.page(CATALOGUE), "write it again with `python -m query.reference > docs/questions.md`"


def test_every_question_can_be_asked_with_its_examples_and_answers_with_the_promised_columns_and_types(desk, tables):
    for question in CATALOGUE.values():
        # Not the window's example, which need not hold together with the other end's.
        examples = {one.name: one.example for one in question.parameters if one.name not in {"since", "until"}}
        desk.ask(question.name, examples)
        bound = FIRST_PAGE | dict(settle(question, examples, time.time_ns()).bound)
        described = tables.select(Select(f"DESCRIBE TABLE ({question.sql})", bound))
        found = [(str(row[0]), plain_type(str(row[1]))) for row in described.rows]
        assert found == [(column.name, column.type) for column in question.columns], question.name


def plain_type(type_: str) -> str:
    """A type as an asker sees it: how ClickHouse stores it makes no difference."""
    type_ = re.sub(r"LowCardinality\(([^()]*)\)", r"\1", type_)
    return re.sub(r"SimpleAggregateFunction\(\w+, ([^()]*)\)", r"\1", type_)


def test_every_question_on_empty_tables_has_no_rows(desk):
    for question in CATALOGUE.values():
        needed = {one.name: one.example for one in question.parameters if one.default is None}
        rows = desk.ask(question.name, needed).rows
        if question.name == "pod_health":
            # A check that found nothing to look at must not look healthy, so it says `unknown`.
            assert all("unknown" in row for row in rows)
        elif question.signals:
            assert rows == [], question.name


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_question_says_when_the_window_applies(name):
    names = {one.name for one in CATALOGUE[name].parameters}

    assert "limit" in names
    # One that compares before with after has its window around another moment.
    assert ("since" in names) == ("until" in names) or "changed_at" in names


PORTAL = {"krateo_events": "/events"}
"""Questions that are asked by another name."""


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_question_is_asked_by_a_test_that_knows_the_right_answer(name):
    of_all = {"test_rest_rights.py", "test_read_scopes.py", "test_clickhouse_answers.py", "test_rest_formats.py"}
    tests = [path for path in (ROOT / "tests" / "integration").glob("test_*.py") if path.name not in of_all]
    asked = PORTAL.get(name, f'"{name}"')

    assert any(asked in path.read_text(encoding="utf-8") for path in tests)


NOON = "SELECT toUnixTimestamp64Nano(toDateTime64(yesterday(), 9) + INTERVAL 12 HOUR)"
LOGS = """
INSERT INTO otel_logs (Timestamp, ServiceName, Body, TraceId, LogAttributes)
SELECT fromUnixTimestamp64Nano({noon:Int64} - number * 100000000), concat('s', toString(number % 4)),
    concat('line ', toString(number)), if(number = 77777, 'abc', ''), map('k', if(number = 77777, 'rare', 'common'))
FROM numbers({first:UInt64}, 50000)
"""


@pytest.fixture
def noon(tables: Store) -> int:
    """Twenty thousand seconds of logs, 200,000 rows, 25 granules, up to yesterday's noon, nanoseconds since 1970.

    All of them lie in one day of the server's time zone, so in one partition and after the merge in one part, whenever
    the test runs: what is read of each part at least is read once.
    """
    noon = int(str(tables.select(Select(NOON)).rows[0][0]))
    for first in range(0, 200_000, 50_000):
        tables.select(Select(LOGS, {"first": first, "noon": noon}, limits=Limits(seconds=60)))
    tables.select(Select("OPTIMIZE TABLE otel_logs FINAL", limits=Limits(seconds=60)))
    parts = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'otel_logs' AND active"
    assert tables.select(Select(parts)).rows == [(1,)]
    return noon


def test_recent_logs_reads_little_of_what_is_stored(tables, noon):
    desk = Desk(tables, CATALOGUE, QuerySettings(), now=lambda: noon + 1)

    def read(**written: object) -> int:
        return desk.ask("recent_logs", {"since": "7d", **written}).rows_read

    # Of several threads one may have read on before it hears that there is enough.
    assert read(limit=10) < 120_000, "it reads backwards along the key and stops"
    assert read(since="10m", limit=10_000) < 50_000, "the window is found by the key's first column"
    assert read(since="10m", service="s1") < 30_000, "the service by its second"
    assert read(trace_id="abc0" * 8) < 30_000, "a trace by its index"
    assert read(text="no such words") < 30_000, "words by theirs"
    assert read(attribute="k", attribute_value="rare") < 60_000, "attributes by theirs"
    desk.close()
