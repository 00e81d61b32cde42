"""Whatever a sender mixes, each good item is stored exactly once, and each bad one is one dead letter that says why."""

import asyncio
import base64
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from prometheus_client import CollectorRegistry

import ready_tables
from identity.sender import Sender
from ingest import dead_letters, resending, wire
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.intake import Encoding
from ingest.offences import Offence, Origin
from ingest.pipeline import Pipeline, PipelineLimits
from query.desk import Desk
from query.settings import QuerySettings
from sql import migrate, own_rows, time_bounds
from sql.catalogue import load_catalogue
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.errors import NotReachableError
from store.port import Select

DAY = 86_400 * 10**9
RETENTION = RetentionSettings()
BOUNDS = time_bounds.bounds(RETENTION)
GOOD, OLD, EARLY, POISON, MISNAMED, UNTYPED, UNSET = "good", "old", "early", "poison", "misnamed", "untyped", "unset"
BAD = {
    Signal.LOGS: [OLD, EARLY, POISON],
    Signal.TRACES: [OLD, EARLY, UNSET, MISNAMED, POISON],
    Signal.METRICS: [OLD, EARLY, UNSET, UNTYPED, POISON],
}
REASONS = {
    OLD: "more than 30 days before its arrival",
    EARLY: "more than 2 days after its arrival",
    UNSET: "is not set",
    MISNAMED: "trace_id must be 16 bytes",
    UNTYPED: "metrics without data",
    POISON: "VIOLATED_CONSTRAINT",
}
NAMED = {
    Signal.LOGS: "SELECT Body FROM otel_logs",
    Signal.TRACES: "SELECT SpanName FROM otel_traces",
    Signal.METRICS: "SELECT MetricName FROM otel_metrics_gauge UNION ALL SELECT MetricName FROM otel_metrics_summary",
}
MESSAGES = {Signal.LOGS: ResourceLogs, Signal.TRACES: ResourceSpans, Signal.METRICS: ResourceMetrics}
NAMES = {
    Signal.LOGS: "tupleElement(tupleElement(scope_logs, 'log_records'), 'severity_text')",
    Signal.TRACES: "tupleElement(tupleElement(scope_spans, 'spans'), 'trace_state')",
    Signal.METRICS: "tupleElement(tupleElement(scope_metrics, 'metrics'), 'unit')",
}


def ask(store, sql, **parameters):
    return store.select(Select(sql, parameters)).rows


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings(retention=RETENTION, fsync_inserts=False))
    return store


@pytest.fixture
def poisoned_tables(tables):
    """Tables with a rule that the house does not know: what says `poison` is refused as well, before any view."""
    for signal, names in NAMES.items():
        table = f"otlp_{signal}"
        (kept,) = ask(
            tables,
            """SELECT default_expression FROM system.columns
               WHERE database = currentDatabase() AND table = {table:String} AND name = 'times_are_near'""",
            table=table,
        )[0]
        rule = f"({kept}) AND NOT has(arrayFlatten({names}), 'poison')"
        ask(tables, f"ALTER TABLE {table} MODIFY COLUMN times_are_near Bool MATERIALIZED {rule}")
    return tables


def moment(kind):
    now = time.time_ns()
    return {OLD: now - 31 * DAY, EARLY: now + 3 * DAY, UNSET: 0}.get(kind, now)


def add_log(scoped, name, kind):
    text = "poison" if kind == POISON else ""
    scoped.log_records.add(time_unix_nano=moment(kind), severity_text=text).body.string_value = name


def add_span(scoped, name, kind):
    state = "poison" if kind == POISON else ""
    ids = (b"short", b"x") if kind == MISNAMED else (b"t" * 16, b"s" * 8)
    scoped.spans.add(trace_id=ids[0], span_id=ids[1], name=name, trace_state=state, start_time_unix_nano=moment(kind))


def add_point(scoped, name, kind):
    """Each point in a metric of its own, gauges and summaries in turns."""
    metric = scoped.metrics.add(name=name, unit="poison" if kind == POISON else "s")
    if kind != UNTYPED:
        data = metric.gauge if len(scoped.metrics) % 2 else metric.summary
        data.data_points.add(time_unix_nano=moment(kind))


def request_of(signal, name, shape):
    """A request from lists of kinds, by scope; each item has a name of its own: (bytes, names by kind)."""
    request, names = (
        {
            Signal.LOGS: ExportLogsServiceRequest,
            Signal.TRACES: ExportTraceServiceRequest,
            Signal.METRICS: ExportMetricsServiceRequest,
        }[signal](),
        [],
    )
    for place, kinds in enumerate(shape):
        scoped = getattr(getattr(request, request.DESCRIPTOR.fields[0].name).add(), f"scope_{_PLURAL[signal]}").add()
        for number, kind in enumerate(kinds):
            names.append((f"{name}-{place}-{number}", kind))
            {Signal.LOGS: add_log, Signal.TRACES: add_span, Signal.METRICS: add_point}[signal](scoped, *names[-1])
    return request.SerializeToString(), names


_PLURAL = {Signal.LOGS: "logs", Signal.TRACES: "spans", Signal.METRICS: "metrics"}


def send_all(store, signal, bodies):
    """Send the requests at once, through everything behind the doors; gives what their senders heard."""

    async def run():
        batch = BatchLimits(max_bytes=10**7, max_items=10**5, max_age=0.02)
        limits = PipelineLimits(10**8, batch, in_flight=2)
        pipeline = Pipeline(store, Counters(CollectorRegistry()), limits, BOUNDS)
        try:
            senders = [Sender(f"10.0.0.{number}") for number in range(len(bodies))]
            return await asyncio.gather(
                *(
                    pipeline.accept(signal, body, Encoding.PROTOBUF, who)
                    for body, who in zip(bodies, senders, strict=True)
                )
            )
        finally:
            await pipeline.close()

    return asyncio.run(run())


def name_in(signal, item):
    resource = MESSAGES[signal].FromString(item)
    (scoped,) = getattr(resource, f"scope_{_PLURAL[signal]}")
    if signal is Signal.LOGS:
        return scoped.log_records[0].body.string_value
    return (scoped.spans if signal is Signal.TRACES else scoped.metrics)[0].name


@pytest.mark.parametrize("signal", list(Signal))
def test_random_mixes_of_good_and_bad_items(poisoned_tables, signal):
    store, rounds = poisoned_tables, iter(range(10**6))
    kinds = st.one_of(st.just(GOOD), st.just(GOOD), st.sampled_from(BAD[signal]))
    requests = st.lists(st.lists(st.lists(kinds, max_size=6), max_size=3), min_size=1, max_size=3)

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(requests)
    def every_item_is_somewhere_once(shapes):
        turn = next(rounds)
        made = [request_of(signal, f"{turn}-{place}", shape) for place, shape in enumerate(shapes)]
        heard = send_all(store, signal, [body for body, _ in made])
        sent = dict(pair for _, names in made for pair in names)
        stored = Counter(name for (name,) in ask(store, NAMED[signal]) if name.startswith(f"{turn}-"))
        assert stored == Counter(name for name, kind in sent.items() if kind == GOOD)
        letters = ask(
            store,
            "SELECT base64Encode(Item), Reason, Sender FROM otel_dead_letters FINAL",
        )
        found = [(name_in(signal, base64.b64decode(item)), reason, who) for item, reason, who in letters]
        mine = {name: (reason, who) for name, reason, who in found if name.startswith(f"{turn}-")}
        bad = {name: kind for name, kind in sent.items() if kind != GOOD}
        assert mine.keys() == bad.keys()
        assert len(mine) == sum(name.startswith(f"{turn}-") for name, *_ in found)
        for name, kind in bad.items():
            assert REASONS[kind] in mine[name][0]
            assert mine[name][1] == f"10.0.0.{name.split('-')[1]}"
        assert [accepted.rejected for accepted in heard] == [sum(k != GOOD for _, k in names) for _, names in made]
        for accepted, (_, names) in zip(heard, made, strict=True):
            assert all(REASONS[kind] in accepted.message for _, kind in names if kind not in {GOOD, POISON})

    every_item_is_somewhere_once()


def letter(item, *, received=None, place=0, reason="why", service="shop"):
    offence = Offence(
        Signal.LOGS, reason, Origin(service, "north", "uid", received or time.time_ns()), 2**64 - 1, (item,)
    )
    return dead_letters.letters(Signal.LOGS, f"token-{place}", [("10.0.0.7", [offence])], 0)[0]


def write(store, letters, token=""):
    store.insert(own_rows.insert_for(own_rows.DEAD_LETTERS, dead_letters.rows(letters), token))


def test_every_byte_survives(tables):
    item = bytes(range(256)) * 3 + b'\0\xff"\\\n'
    write(tables, [letter(item), letter(b"", place=1)])
    assert ask(
        tables, "SELECT hex(Item), ItemSize, ItemTimeUnixNano FROM otel_dead_letters ORDER BY ItemSize DESC"
    ) == [
        (item.hex().upper(), len(item), 2**64 - 1),
        ("", 0, 2**64 - 1),
    ]


def test_a_letter_that_is_written_twice_is_one_even_without_a_token(tables):
    one = letter(b"item", received=time.time_ns())
    for _ in range(2):
        write(tables, [one])
    assert ask(tables, "SELECT count() FROM otel_dead_letters FINAL") == [(1,)]


def test_what_came_of_a_letter_is_not_undone_by_writing_it_again(tables):
    one = letter(b"item", received=time.time_ns())
    for row in (one, dead_letters.retried(one), one):
        write(tables, [row])
    assert ask(tables, "SELECT State, Attempt FROM otel_dead_letters FINAL") == [("stored", 1)]


@pytest.fixture
def desk(tables):
    desk = Desk(tables, load_catalogue(), QuerySettings())
    yield desk
    desk.close()


def answered(desk, name, **given):
    reply = desk.ask(name, given)
    names = [column.name for column in reply.columns]
    return [dict(zip(names, row, strict=True)) for row in reply.rows]


def test_letters_are_listed_newest_first_and_narrowed_and_shown(tables, desk):
    now = time.time_ns()
    ages = [3, 1, 2]
    letters = [letter(b"item", received=now - age * 10**9, place=age, service=f"s{age}") for age in ages]
    write(tables, letters)
    write(tables, [dead_letters.retried(letters[2])])
    assert [row["service"] for row in answered(desk, "dead_letters")] == ["s1", "s3"]
    assert [row["service"] for row in answered(desk, "dead_letters", state="any")] == ["s1", "s2", "s3"]
    assert [row["service"] for row in answered(desk, "dead_letters", state="stored")] == ["s2"]
    for narrowed in ({"service": "s1"}, {"text": "why", "service": "s1"}, {"signal": "logs", "limit": "1"}):
        assert [row["id"] for row in answered(desk, "dead_letters", **narrowed)] == [letters[1].id]
    assert answered(desk, "dead_letters", text="%") == answered(desk, "dead_letters", cluster="south") == []
    (shown,) = answered(desk, "dead_letter", id=letters[2].id)
    assert (shown["state"], shown["attempts"], shown["item"]) == ("stored", 1, "aXRlbQ==")
    assert answered(desk, "dead_letter", id=letters[2].id[:8]) == [shown]
    assert answered(desk, "dead_letter", id="0" * 32) == []


def test_letters_are_counted_by_reason_most_first(tables, desk):
    write(tables, [letter(b"i", place=n, reason="rare" if n == 0 else "frequent") for n in range(4)])
    counts = answered(desk, "dead_letter_counts")
    assert [(row["letters"], row["reason"], row["signal"]) for row in counts] == [
        (3, "frequent", "logs"),
        (1, "rare", "logs"),
    ]


def bury(store, signal, parcel):
    rest, found = wire.sort_out(parcel, BOUNDS(signal))
    letters = dead_letters.letters(signal, "batch", [("10.0.0.7", [*parcel.offences, *found])], 0)
    write(store, letters)
    return rest, letters


def resend(store, bounds=BOUNDS, **wanted):
    return list(resending.resend(store, resending.Wanted(**wanted), bounds, time.time_ns()))


def test_letters_are_sent_again_once_the_retention_is_longer_and_stored_once(tables):
    body, _ = request_of(Signal.LOGS, "x", [[OLD, GOOD, EARLY, OLD]])
    bury(tables, Signal.LOGS, wire.read(Signal.LOGS, body))
    assert [one.state for one in resend(tables)] == ["open"] * 3
    longer = RETENTION.model_copy(update={"logs_days": 60})
    migrate.migrate(tables, SchemaSettings(retention=longer, fsync_inserts=False))
    sent = resend(tables, time_bounds.bounds(longer))
    assert sorted(one.state for one in sent) == ["open", "stored", "stored"]
    assert sorted(ask(tables, "SELECT Body FROM otel_logs")) == [("x-0-0",), ("x-0-3",)]
    assert sorted(ask(tables, "SELECT State, Attempt FROM otel_dead_letters FINAL")) == [
        ("open", 2),
        ("stored", 2),
        ("stored", 2),
    ]
    (left,) = resend(tables, time_bounds.bounds(longer))
    assert "more than 2 days after its arrival" in left.reason


def test_sending_again_breaks_off_and_goes_on_without_storing_twice(tables):
    class Breaking:
        """A store that is gone after the second item."""

        def __init__(self):
            self.left = 2

        def select(self, select):
            return tables.select(select)

        def insert(self, insert):
            if insert.table == own_rows.DEAD_LETTERS:
                raise NotReachableError("gone")
            if self.left == 0:
                raise NotReachableError("gone")
            self.left -= 1
            return tables.insert(insert)

    body, _ = request_of(Signal.LOGS, "x", [[GOOD] * 3])
    found = wire.condemned(wire.read(Signal.LOGS, body), "a rule that is gone by now", 469)
    write(tables, dead_letters.letters(Signal.LOGS, "batch", [("", found)], 0))
    with pytest.raises(NotReachableError):
        resend(Breaking())
    assert ask(tables, "SELECT count() FROM otel_logs") == [(2,)]
    assert [one.state for one in resend(tables)] == ["stored"] * 3
    assert ask(tables, "SELECT uniqExact(Body), count() FROM otel_logs") == [(3, 3)]


def test_only_the_letters_that_are_wanted_are_sent_again_and_many_pages_of_them(tables, monkeypatch):
    monkeypatch.setattr(resending, "PAGE", 2)
    body, _ = request_of(Signal.LOGS, "x", [[GOOD] * 5])
    found = wire.condemned(wire.read(Signal.LOGS, body), "a rule that is gone by now", 469)
    letters = dead_letters.letters(Signal.LOGS, "batch", [("", found)], 0)
    write(tables, letters)
    assert [one.id for one in resend(tables, ids=[letters[3].id])] == [letters[3].id]
    assert (
        resend(tables, text="no such reason") == resend(tables, service="none") == resend(tables, signal="traces") == []
    )
    assert len(resend(tables, most=3)) == 3
    assert len(resend(tables)) == 1
    assert ask(tables, "SELECT uniqExact(Body), count() FROM otel_logs") == [(5, 5)]


def test_a_letter_whose_item_was_too_large_stays_open_with_that_reason(tables):
    found = [Offence(Signal.LOGS, "why", Origin(received_unix_nano=5), 0, (b"x" * (dead_letters.MAX_ITEM_BYTES + 1),))]
    write(tables, dead_letters.letters(Signal.LOGS, "batch", [("", found)], 0))
    (left,) = resend(tables)
    assert (left.state, left.attempt) == ("open", 1)
    assert "too many to be kept" in left.reason


def test_data_of_a_type_that_is_not_known_stays_open_until_a_release_knows_it(tables):
    body, _ = request_of(Signal.METRICS, "x", [[UNTYPED]])
    parcel = wire.read(Signal.METRICS, body)
    bury(tables, Signal.METRICS, parcel)
    (left,) = resend(tables)
    assert "metrics without data" in left.reason
