"""No time that a sender can write breaks an INSERT or scatters partitions, and both checks of it always agree."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import ready_tables
from ingest import wire
from sql import migrate, otlp, time_bounds
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.errors import BadDataError
from store.port import Select

DAY = 86_400 * 10**9
VIOLATED_CONSTRAINT = 469
RETENTION = RetentionSettings(logs_days=7, traces_days=0, metrics_days=3650)
REACH = {Signal.LOGS: 7 * DAY, Signal.TRACES: 900 * DAY, Signal.METRICS: 900 * DAY}
COUNT = {
    Signal.LOGS: "SELECT count() FROM otel_logs",
    Signal.TRACES: "SELECT count() FROM otel_traces",
    Signal.METRICS: "SELECT count() FROM otel_metrics_gauge",
}
KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]


@pytest.fixture
def tables(store):
    # Hundreds of parts an INSERT, and nothing here is about losing them.
    ready_tables.make(store, SchemaSettings(retention=RETENTION, fsync_inserts=False))
    return store


def ask(store, sql):
    return store.select(Select(sql)).rows


def logs(*times):
    """Each time is that of the record, or a pair of it and the time of its observation."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number, moment in enumerate(times):
        own, observed = moment if isinstance(moment, tuple) else (moment, 0)
        records.add(time_unix_nano=own, observed_time_unix_nano=observed).body.string_value = str(number)
    return request


def spans(*times):
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    for moment in times:
        scoped.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=moment, end_time_unix_nano=moment)
    return request


def points(*times, kinds=("gauge",)):
    request = ExportMetricsServiceRequest()
    scoped = request.resource_metrics.add().scope_metrics.add()
    for kind in kinds:
        metric = scoped.metrics.add(name=kind)
        for moment in times:
            getattr(metric, kind).data_points.add(time_unix_nano=moment)
    return request


MAKE = {Signal.LOGS: logs, Signal.TRACES: spans, Signal.METRICS: points}


def read(signal, request, received=None):
    return wire.pack(wire.parse(signal, request.SerializeToString(), received))


def insert(store, parcel, token=""):
    store.insert(otlp.insert_for(parcel.signal, parcel.chunks, token))


def refused(store, parcel):
    try:
        insert(store, parcel)
    except BadDataError as error:
        if error.code != VIOLATED_CONSTRAINT:
            raise
        return True
    return False


def moments(signal, arrival):
    """Times that press against the bounds, and any others."""
    edges = [arrival - REACH[signal], arrival + 2 * DAY]
    near = st.sampled_from(edges).flatmap(lambda edge: st.integers(edge - 3, edge + 3))
    odd = st.sampled_from([0, 1, 2**32 * 10**9, 2**63 - 1, 2**63, 2**64 - 1])
    return st.one_of(near, near, odd, st.integers(0, 2**64 - 1), st.integers(edges[0], edges[1]))


@pytest.mark.parametrize("signal", list(Signal))
def test_both_checks_agree_on_every_time_whenever_it_arrived(tables, signal):
    bounds = time_bounds.bounds(RETENTION)(signal)
    # Hours and years ago as well: a batch may have waited in the spool, or with a broken clock.
    now = time.time_ns()
    arrivals = st.sampled_from([now, now - 3 * 3600 * 10**9, now - 3000 * DAY])

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def agree(data):
        arrival = data.draw(arrivals)
        times = data.draw(st.lists(moments(signal, arrival), min_size=1, max_size=3))
        if signal is Signal.LOGS:
            times = [(0, moment) if data.draw(st.booleans()) else moment for moment in times]
        parcel = read(signal, MAKE[signal](*times), arrival)
        rest, found = wire.sort_out(parcel, bounds)
        assert refused(tables, parcel) == bool(found), (arrival, times)
        assert not rest.items or not refused(tables, rest), (arrival, times)

    agree()


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_of_metric_is_checked(tables, kind):
    now = time.time_ns()
    assert refused(tables, read(Signal.METRICS, points(now, 1, kinds=[kind])))
    assert not refused(tables, read(Signal.METRICS, points(now, kinds=[*KINDS, kind])))


@pytest.mark.parametrize("signal", list(Signal))
def test_a_thousand_random_times_are_refused_before_a_row_is_written_and_the_rest_is_stored(tables, signal):
    now = time.time_ns()
    times = [now, *(now - 3 * day * DAY for day in range(1, 1001)), *(2**64 // 1000 * n for n in range(1, 1000))]
    parcel = read(signal, MAKE[signal](*times), now)
    assert refused(tables, parcel)
    assert ask(tables, COUNT[signal]) == [(0,)]
    rest, _ = wire.sort_out(parcel, time_bounds.bounds(RETENTION)(signal))
    insert(tables, rest, "token")
    good = sum(now - REACH[signal] <= moment <= now + 2 * DAY for moment in times)
    assert (rest.items, ask(tables, COUNT[signal])) == (good, [(good,)])


def test_the_longest_reach_stays_below_the_partitions_that_one_insert_may_open(tables):
    now = time.time_ns()
    insert(tables, read(Signal.TRACES, spans(*(now + 2 * DAY - day * DAY for day in range(902)))))
    assert ask(tables, "SELECT uniqExact(toDate(Timestamp)) FROM otel_traces") == [(902,)]


def test_messages_that_do_not_say_when_they_arrived_are_held_against_the_clock(tables):
    def unstamped(moment):
        return wire.pack(wire.parse(Signal.LOGS, logs(moment).SerializeToString(), received=0))

    now = time.time_ns()
    assert not refused(tables, unstamped(now))
    assert not refused(tables, unstamped(0))
    assert refused(tables, unstamped(now - 7 * DAY - 10**9))
    assert ask(tables, "SELECT count() FROM otel_logs WHERE abs(dateDiff('second', Timestamp, now64(9))) < 300") == [
        (2,)
    ]


def test_a_log_record_without_a_time_stands_at_its_arrival_however_late_and_often_it_is_inserted(tables):
    yesterday = time.time_ns() - DAY
    parcel = read(Signal.LOGS, logs(0, (0, yesterday + 5)), yesterday)
    for _ in range(2):
        insert(tables, parcel, "token")
    assert ask(tables, "SELECT Body, toUnixTimestamp64Nano(Timestamp) FROM otel_logs ORDER BY Body") == [
        ("0", yesterday),
        ("1", yesterday + 5),
    ]


def test_what_waited_until_it_was_older_than_the_retention_is_taken_as_when_it_arrived(tables):
    arrival = time.time_ns() - 6 * DAY
    assert not refused(tables, read(Signal.LOGS, logs(arrival - 6 * DAY), arrival))
    assert refused(tables, read(Signal.LOGS, logs(arrival - 8 * DAY), arrival))


def test_the_bounds_follow_the_settings_while_inserts_go_on(tables):
    old = read(Signal.LOGS, logs(time.time_ns() - 20 * DAY))
    assert refused(tables, old)
    longer = SchemaSettings(retention=RETENTION.model_copy(update={"logs_days": 30}), fsync_inserts=False)
    assert migrate.migrate(tables, longer).applied[0] == "change otlp_logs"
    assert migrate.check(tables, longer).pending == []
    assert not refused(tables, old)


EVENT_TIMES = [
    "1970-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "2262-04-12T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "99999999999999999999",
    "-5",
    "18446744073709551615",
    "no time at all",
    "2026-13-45T99:99:99Z",
]


def test_a_kubernetes_event_with_a_garbage_time_of_its_own_stands_at_its_records_time(tables):
    now = time.time_ns()
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number, moment in enumerate(EVENT_TIMES):
        body = {
            "kind": "Event",
            "reason": "Broken",
            "involvedObject": {"kind": "Pod", "name": str(number)},
            "lastTimestamp": moment,
            "firstTimestamp": moment,
            "metadata": {"uid": str(number), "creationTimestamp": moment},
        }
        records.add(time_unix_nano=now).body.string_value = json.dumps(body)
    insert(tables, read(Signal.LOGS, request))
    assert ask(tables, "SELECT count(), uniqExact(toMonday(EventTime)) FROM otel_k8s_events FINAL") == [
        (len(EVENT_TIMES), 1)
    ]
    far = "SELECT count() FROM otel_k8s_events WHERE abs(dateDiff('day', EventTime, now64(9))) > 1"
    assert ask(tables, far) == [(0,)]


def test_events_of_one_insert_go_to_few_partitions_whatever_they_say(tables):
    now = time.time_ns()
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for day in range(-400, 400):
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 10**9 + day * 86_400))
        body = {"reason": "R", "involvedObject": {"kind": "Pod", "name": str(day)}, "lastTimestamp": moment}
        records.add(time_unix_nano=now).body.string_value = json.dumps(body)
    insert(tables, read(Signal.LOGS, request))
    ((events, weeks),) = ask(tables, "SELECT count(), uniqExact(toMonday(EventTime)) FROM otel_k8s_events FINAL")
    assert events == 800
    assert weeks <= 2 * 31 // 7 + 2
