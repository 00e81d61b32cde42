"""otel_k8s_events: an event is read in each shape that collectors send, and what is none does no harm."""

import json

import pytest
from kubernetes_events import CORE, FLAT, NEW, NOT_EVENTS, row, watched

import ready_tables
from sql.settings import RetentionSettings, SchemaSettings
from store.port import Insert, Select

WHO = "ClusterUid, ClusterName, Namespace, Kind, Name, Uid, ApiVersion, FieldPath"
REPORT = "Reason, Action, Type, Message, Count, SourceComponent, SourceHost"
RECORD = "EventUid, EventName, ResourceVersion, CompositionId"
WHEN = "toString(toTimeZone(FirstTime, 'UTC')), toString(toTimeZone(EventTime, 'UTC'))"


def ask(store, sql):
    return store.select(Select(sql)).rows


@pytest.fixture
def tables(store):
    """Without retention: the events below have times of their own, which must not be over when the tests run."""
    ready_tables.make(
        store, SchemaSettings(retention=RetentionSettings(logs_days=0, events_days=0), fsync_inserts=False)
    )
    return store


def insert(store, rows, **settings):
    body = "\n".join(json.dumps(row) for row in rows).encode()
    store.insert(Insert("otel_logs", "JSONEachRow", [body], columns=list(rows[0]), settings=settings))


def events(store, columns="Name"):
    sql = f"SELECT {columns} FROM otel_k8s_events FINAL ORDER BY Name, EventTime, EventUid, Count"  # noqa: S608 - our names
    return ask(store, sql)


def test_an_event_of_the_core_api_is_read_from_a_watch(tables):
    insert(tables, [row(watched(CORE))])
    assert events(tables, WHO) == [
        ("cluster-1", "north", "shop", "Pod", "api-1", "pod-1", "v1", "spec.containers{app}"),
    ]
    assert events(tables, REPORT) == [
        ("BackOff", "", "Warning", 'Back-off restarting "app"', 3, "kubelet", "node-1"),
    ]
    assert events(tables, RECORD) == [("e1", "api-1.17a", "100", "")]
    assert events(tables, WHEN) == [("2026-11-20 10:00:00.000000000", "2026-11-20 10:05:00.000000000")]


def test_an_event_of_the_events_api_is_read_from_a_watch(tables):
    insert(tables, [row(watched(NEW, "MODIFIED"), log={"krateo.io/composition-id": "composition-1"})])
    assert events(tables, WHO) == [("cluster-1", "north", "shop", "Pod", "api-2", "pod-2", "", "")]
    assert events(tables, REPORT) == [
        ("Scheduled", "Binding", "Normal", "Scheduled it", 9, "default-scheduler", "scheduler-0"),
    ]
    assert events(tables, RECORD) == [("e2", "api-2.1", "7", "composition-1")]
    assert events(tables, WHEN) == [("2026-11-20 10:00:00.123456000", "2026-11-20 10:07:00.000001000")]


def test_an_event_is_read_from_flat_attributes(tables):
    insert(tables, [FLAT])
    assert events(tables, WHO) == [
        ("cluster-1", "north", "shop", "Pod", "api-3", "pod-3", "v1", "spec.containers{app}"),
    ]
    assert events(tables, REPORT) == [("Created", "", "Normal", "Created pod", 2, "", "node-2")]
    assert events(tables, RECORD) == [("e3", "api-3.1", "", "composition-1")]
    assert events(tables, WHEN) == [("2026-11-20 10:01:02.000000000", "2026-11-20 10:10:00.000000000")]


def test_an_event_alone_as_a_pull_sends_it_is_read(tables):
    insert(tables, [row(json.dumps(CORE))])
    assert events(tables, "Name, Reason, Count") == [("api-1", "BackOff", 3)]


def test_an_event_without_a_count_happened_once(tables):
    single = {key: value for key, value in NEW.items() if key != "series"}
    insert(tables, [row(watched(single))])
    time = "2026-11-20 10:00:00.123456000"
    assert events(tables, f"Count, {WHEN}") == [(1, time, time)]


def test_an_event_that_kubernetes_forgets_is_no_news(tables):
    insert(tables, [row(watched(CORE, "DELETED"))])
    assert events(tables) == []


def test_an_event_sent_again_after_a_restart_is_one_event(tables):
    for time in ("2026-11-20 10:10:00", "2026-11-20 10:40:00"):
        insert(tables, [row(watched(CORE), time=time)])
    insert(tables, [row(watched({**CORE, "count": 4, "lastTimestamp": "2026-11-20T10:45:00Z"}))])
    assert events(tables, "Name, Count") == [("api-1", 3), ("api-1", 4)]


def test_bodies_that_only_look_like_events_are_stored_as_logs_and_nothing_else(tables):
    # The decoding insert computes all branches of a view (sql.otlp), so none of them may throw.
    insert(tables, [row(body) for body in NOT_EVENTS], short_circuit_function_evaluation="disable")
    assert ask(tables, "SELECT count() FROM otel_logs") == [(len(NOT_EVENTS),)]
    assert events(tables) == []


def test_a_time_that_cannot_be_right_is_replaced_by_the_records_own(tables):
    times = ["0001-01-01T00:00:00Z", "2400-01-01T00:00:00Z", "9999-99-99", "soon", "", "1", None, 12, {}]
    broken = [
        {
            **CORE,
            **dict.fromkeys(("lastTimestamp", "firstTimestamp", "eventTime"), wrong),
            "metadata": {"uid": f"e{number}"},
        }
        for number, wrong in enumerate(times)
    ]
    insert(tables, [row(watched(event)) for event in broken], short_circuit_function_evaluation="disable")
    assert [last for _, last in events(tables, WHEN)] == ["2026-11-20 10:10:00.000000000"] * len(times)


def test_a_count_that_cannot_be_right_is_one(tables):
    counts = [-1, 0, 1e30, 99999999999, "many", "7", None, [1]]
    several = [{**CORE, "count": count, "metadata": {"uid": f"e{number}"}} for number, count in enumerate(counts)]
    insert(tables, [row(watched(event)) for event in several])
    assert [count for (count,) in events(tables, "Count")] == [7 if count == "7" else 1 for count in counts]
