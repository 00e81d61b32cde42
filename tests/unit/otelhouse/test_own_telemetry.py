"""What the house tells of itself, as OTLP: its log lines, figures and spans, bounded and without a loop."""

import asyncio
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from otelhouse import own_messages
from otelhouse.own_settings import OwnTelemetrySettings
from otelhouse.own_spans import NotingStore, SpanNotes
from otelhouse.own_telemetry import LogSink, OwnTelemetry
from store.errors import BadDataError, NotReachableError
from store.port import Answer, Insert, InsertReceipt, Select

REQUESTS = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


class Store:
    """Takes everything, or fails as a test says."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.inserts: list[Insert] = []

    def insert(self, insert: Insert) -> InsertReceipt:
        if self.failure:
            raise self.failure
        self.inserts.append(insert)
        return InsertReceipt(0.0, "id-1")

    def select(self, select: Select) -> Answer:
        if self.failure:
            raise self.failure
        return Answer((), [(1,)], 0.0, 10, 0, "id-2")

    def cancel(self, query_id: str) -> None:
        raise AssertionError(query_id)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def receiver():
    """An OTLP/HTTP receiver; `.got` is what came, by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.setdefault(self.path, []).append((self.headers, REQUESTS[self.path].FromString(body)))
            self.send_response(server.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = {}, 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def registry():
    return CollectorRegistry()


def told(settings, registry, store=None, *, work=lambda house: None):
    """What a house with these settings did, and was closed."""

    async def play():
        own = OwnTelemetry(OwnTelemetrySettings(**settings), registry, Path.cwd())
        own.start(store or Store())
        await asyncio.to_thread(work, own)
        await own.close()
        await own.close()

    asyncio.run(play())


def test_nothing_is_sent_or_noted_where_nobody_wants_it(registry):
    store = Store()
    told({}, registry, store, work=lambda own: own.noting(store).select(Select("SELECT 1")))
    assert store.inserts == []
    assert list(registry.collect()) == []


def test_log_lines_figures_and_spans_reach_a_receiver(registry, receiver, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    (tmp_path / "token").write_text("secret\n")
    Counter("c", "It.", ("k",), registry=registry).labels("v").inc(2)

    def work(own):
        logging.getLogger("ingest.delivery").warning("it waits")
        own.noting(Store()).insert(Insert("otel_logs", "JSONEachRow", [b"12", b"3"]))

    address = f"http://127.0.0.1:{receiver.server_port}"
    told({"to": address, "token_file": tmp_path / "token"}, registry, work=work)

    headers, logs = receiver.got["/v1/logs"][0]
    (resource,) = logs.resource_logs
    assert headers["authorization"] == "Bearer secret"
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"] == "otelhouse"
    (record,) = resource.scope_logs[0].log_records
    assert (record.body.string_value, record.severity_text, record.severity_number) == ("it waits", "WARNING", 13)
    (span,) = receiver.got["/v1/traces"][0][1].resource_spans[0].scope_spans[0].spans
    attributes = {one.key: one.value for one in span.attributes}
    assert span.name == "INSERT otel_logs"
    assert attributes["otelhouse.insert.bytes"].int_value == 3
    assert attributes["db.query.id"].string_value == "id-1"
    names = {one.name for one in receiver.got["/v1/metrics"][0][1].resource_metrics[0].scope_metrics[0].metrics}
    assert {"c_total", "otelhouse_own_sent_total"} <= names


def test_to_itself_it_goes_into_the_tables_that_decode_otlp(registry):
    store = Store()
    told({"to": "self"}, registry, store, work=lambda own: own.noting(store).select(Select("SELECT 1")))
    assert [one.table for one in store.inserts] == ["otlp_traces", "otlp_metrics"]
    assert all(one.token for one in store.inserts)


def test_only_what_it_sends_to_itself_bears_the_mark_by_which_answers_leave_it_out(registry, receiver):
    store = Store()
    told({"to": "self"}, registry, store)
    told({"to": f"http://127.0.0.1:{receiver.server_port}"}, CollectorRegistry())

    (insert,) = store.inserts
    assert b"otelhouse-self" in b"".join(insert.chunks)
    assert "otelhouse-self" not in str(receiver.got)


def test_what_is_sent_to_itself_is_noted_nowhere(registry):
    store = Store()
    told({"to": "self"}, registry, store, work=lambda own: (own.noting(store), own.send(), own.send()))
    assert {one.table for one in store.inserts} == {"otlp_metrics"}


@pytest.mark.parametrize("failure", [NotReachableError("away"), BadDataError("no")])
def test_what_nobody_takes_is_counted_dropped_and_told_once(registry, caplog, failure):
    told({"to": "self"}, registry, Store(failure), work=lambda own: (own.send(), own.send()))
    assert registry.get_sample_value("otelhouse_own_dropped_total", {"signal": "metrics"}) > 0
    assert registry.get_sample_value("otelhouse_own_sent_total", {"signal": "metrics"}) is None
    assert len([one for one in caplog.records if "cannot be sent" in one.getMessage()]) == 1


@pytest.mark.parametrize(
    ("failure", "token"), [(ValueError("odd"), ""), (None, "two\nlines"), (None, "not \u2713 latin")]
)
def test_an_odd_answer_or_token_is_dropped_like_any_other_and_the_next_is_tried(
    registry, receiver, tmp_path, failure, token
):
    (tmp_path / "token").write_text(token)
    to = "self" if failure else f"http://127.0.0.1:{receiver.server_port}"
    told(
        {"to": to, "token_file": tmp_path / "token"},
        registry,
        Store(failure),
        work=lambda own: (own.send(), own.send()),
    )
    assert registry.get_sample_value("otelhouse_own_dropped_total", {"signal": "metrics"}) > 0


@pytest.mark.parametrize(("message", "arguments"), [("a path: \udcff", ()), ("%d of %d", ("one",))])
def test_a_line_that_cannot_be_told_harms_nobody(registry, caplog, monkeypatch, message, arguments):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    sink = LogSink(10)
    sink.handle(logging.LogRecord("house", logging.INFO, "f", 1, message, arguments, None))
    assert len(sink.fetch()) == (0 if arguments else 1)


def test_a_receiver_that_refuses_is_one_that_takes_nothing(registry, receiver):
    receiver.status = 503
    told({"to": f"http://127.0.0.1:{receiver.server_port}"}, registry)
    assert registry.get_sample_value("otelhouse_own_dropped_total", {"signal": "metrics"}) > 0


def test_lines_and_spans_without_room_are_counted(registry, caplog):
    caplog.set_level(logging.INFO)

    def work(own):
        for number in range(5):
            logging.getLogger("house").info("line %d", number)
            own.noting(Store()).select(Select("SELECT 1"))

    told({"to": "self", "max_logs": 2, "max_spans": 3}, registry, work=work)
    dropped = [registry.get_sample_value("otelhouse_own_dropped_total", {"signal": one}) for one in ("logs", "traces")]
    assert dropped == [3, 2]


def test_a_span_of_what_failed_says_so_without_the_message_which_may_quote_rows():
    notes = SpanNotes(10)
    store = NotingStore(Store(BadDataError("row 7: secret", code=27)), notes)
    with pytest.raises(BadDataError):
        store.insert(Insert("otel_logs", "JSONEachRow", [b"x"]))
    with pytest.raises(BadDataError):
        store.select(Select("SELECT 1"))
    assert "secret" not in str(spans := notes.fetch())
    assert [(one.status.code, one.status.message) for one in spans] == [(2, "BadDataError")] * 2


def test_a_secret_in_a_log_line_is_blotted_out():
    error = ValueError("password=hunter2")
    record = logging.LogRecord("l", logging.ERROR, "f", 1, "password=hunter2", (), (ValueError, error, None))
    made = own_messages.log_record(record)
    assert "hunter2" not in str(made)
    assert "exception.stacktrace" in {one.key for one in made.attributes}


def test_figures_of_every_kind_keep_their_values(registry):
    Gauge("g", "Now.", registry=registry).set(1.5)
    spread = Histogram("h", "Spread.", ("k",), registry=registry, buckets=(1, 2))
    for value in (0.5, 1.5, 1.7, 9):
        spread.labels("v").observe(value)
    made = {one.name: one for one in own_messages.metrics(registry.collect(), 5, 7)}
    assert made["g"].gauge.data_points[0].as_double == 1.5
    (point,) = made["h"].histogram.data_points
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([1, 2], [1, 2, 1])
    assert (point.count, round(point.sum, 3)) == (4, 12.7)
    assert (point.start_time_unix_nano, point.time_unix_nano) == (5, 7)


@pytest.mark.parametrize("wrong", ["collector:4318", "ftp://h", "http://", "http://h?x=1", "itself"])
def test_an_address_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="base address of an OTLP/HTTP receiver"):
        OwnTelemetrySettings(to=wrong)
