"""Every question over tables that a collector's exporter made: adopted, it answers; before, it does or says why not."""

from collections.abc import Iterator

import pytest
from exporter_tables import GAUGE, LOGS, TRACE_TIMES, TRACE_TIMES_VIEW, TRACES

from query import errors
from query.desk import Desk
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from sql.migrate import migrate
from sql.settings import RetentionSettings, SchemaSettings
from store.port import Select, Store

CATALOGUE = load_catalogue()
KEPT = SchemaSettings(retention=RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0))
GENERATIONS = list(zip(LOGS, GAUGE, strict=True))
ROW = """
INSERT INTO otel_logs (Timestamp, Body, ServiceName, ResourceAttributes)
SELECT now64(9) - 60, 'hello', 'shop', map('k8s.cluster.name', 'east', 'krateo.composition.id', 'c-1')
"""


@pytest.fixture(params=GENERATIONS, ids=" and ".join)
def theirs(request, store: Store) -> Store:
    """A house over tables of one generation, with a record of before."""
    logs, gauge = request.param
    for statement in (LOGS[logs], GAUGE[gauge], TRACES, TRACE_TIMES, TRACE_TIMES_VIEW):
        store.select(Select(statement))
    store.select(Select(ROW))
    migrate(store, KEPT)
    return store


@pytest.fixture
def desk(theirs: Store) -> Iterator[Desk]:
    desk = Desk(theirs, CATALOGUE, QuerySettings())
    yield desk
    desk.close()


def needed(name: str) -> dict[str, str]:
    return {one.name: one.example for one in CATALOGUE[name].parameters if one.default is None}


def test_once_adopted_every_question_is_answered(theirs, desk):
    migrate(theirs, KEPT, adopt=True)

    for name in CATALOGUE:
        desk.ask(name, needed(name))
    assert [row[3] for row in desk.ask("recent_logs", {"cluster": "east", "composition": "c-1"}).rows] == ["hello"]


def test_before_that_a_question_is_answered_or_says_which_columns_lack_and_how_to_add_them(desk):
    answered, refused = set(), {}
    for name in CATALOGUE:
        try:
            desk.ask(name, needed(name))
            answered.add(name)
        except errors.FailedError as problem:
            refused[name] = problem

    assert refused
    for problem in refused.values():
        assert "otel_" in problem.message
        assert " has no " in problem.message
        assert "otelhouse migrate --adopt" in problem.mend
    assert answered >= {"services", "slow_traces", "trace", "storage"}
