"""Sends a history over OTLP with the OpenTelemetry SDK's own exporters, and tells what became of it.

In: a `History` and where to send it. Out: a `Receipt` for each signal with what was sent, what was
acknowledged and why the rest was not. A refusal ends that signal's sending, since the next request would
meet the same one.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData, ResourceMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ingest import grpc_credentials
from otelhouse.demo.telemetry import History
from otelhouse.house_access import NO_ACCESS, Access

ITEMS_A_REQUEST = 1000
"""Log records or spans in one request."""

TIMEOUT = 20
"""Seconds for one request, retries included."""

Item = TypeVar("Item")


class Protocol(StrEnum):
    """The two transports of OTLP."""

    GRPC = "grpc"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one signal."""

    what: str
    """Spans, log records or data points."""
    sent: int
    acknowledged: int
    failure: str = ""
    """Why something was not acknowledged; empty when all was."""


@dataclass(frozen=True, slots=True)
class Exporters:
    """One exporter a signal."""

    spans: SpanExporter
    logs: LogRecordExporter
    metrics: MetricExporter

    def close(self) -> None:
        """Let go of the connections."""
        self.spans.shutdown()
        self.logs.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        self.metrics.shutdown()


def exporters(protocol: Protocol, endpoint: str, access: Access = NO_ACCESS) -> Exporters:
    """Exporters of the OpenTelemetry SDK for `endpoint`, such as ``http://127.0.0.1:4317``.

    What `access` leaves open they take from OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE, _CLIENT_CERTIFICATE and
    _CLIENT_KEY. Raises `OSError` for a file that cannot be read.
    """
    return _grpc(endpoint, access) if protocol is Protocol.GRPC else _http(endpoint.rstrip("/"), access)


def _grpc(endpoint: str, access: Access) -> Exporters:
    more: dict[str, Any] = {"timeout": TIMEOUT, "headers": access.headers or None}
    if (access.ca or access.certificate) and endpoint.startswith("https:"):
        pem = [path.read_bytes() if path else None for path in (access.ca, access.certificate, access.key)]
        more["credentials"] = grpc_credentials.channel_credentials(*pem)
    return Exporters(
        grpc_traces.OTLPSpanExporter(endpoint, **more),
        grpc_logs.OTLPLogExporter(endpoint, **more),
        grpc_metrics.OTLPMetricExporter(endpoint, **more),
    )


def _http(endpoint: str, access: Access) -> Exporters:
    names = ("certificate_file", "client_certificate_file", "client_key_file")
    files = zip(names, (access.ca, access.certificate, access.key), strict=True)
    more: dict[str, Any] = {name: str(path) for name, path in files if path}
    more |= {"timeout": TIMEOUT, "compression": Compression.Gzip, "headers": access.headers or None}
    return Exporters(
        http_traces.OTLPSpanExporter(f"{endpoint}/v1/traces", **more),
        http_logs.OTLPLogExporter(f"{endpoint}/v1/logs", **more),
        http_metrics.OTLPMetricExporter(f"{endpoint}/v1/metrics", **more),
    )


def refusal(endpoint: str) -> str:
    """Why nobody can be reached at `endpoint`, or an empty string; asked first, as exporters retry for
    long."""
    address = urlsplit(endpoint)
    try:
        port = address.port
    except ValueError:
        port = None
    if address.scheme not in {"http", "https"} or not address.hostname or not port:
        return f"{endpoint} is not an address such as http://127.0.0.1:4317"
    try:
        socket.create_connection((address.hostname, port), timeout=5).close()
    except OSError as error:
        return f"nobody answers at {address.hostname}:{port} ({error.strerror or error})"
    return ""


def spoken(endpoint: str) -> Protocol | None:
    """Which transport answers at `endpoint`, an address that `refusal` let pass; None if that cannot be told.

    A server of HTTP/1 answers a request line in kind; one of HTTP/2 alone, as gRPC's is, with a SETTINGS frame
    (RFC 9113, sections 3.4 and 6.5).
    """
    address = urlsplit(endpoint)
    if address.scheme == "https":
        return None
    try:
        with socket.create_connection((address.hostname, address.port), timeout=2) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = connection.recv(5)
    except OSError:  # the sending itself will tell what is wrong
        return None
    if answer.startswith(b"HTTP/"):
        return Protocol.HTTP
    return Protocol.GRPC if answer[3:4] == b"\x04" else None


def send(history: History, to: Exporters) -> list[Receipt]:
    """Send the three signals side by side. Failures are in the receipts."""

    def traces(batch: Sequence[Any]) -> bool:
        return to.spans.export(batch) is SpanExportResult.SUCCESS

    def logs(batch: Sequence[Any]) -> bool:
        return to.logs.export(batch) is LogRecordExportResult.SUCCESS

    def metrics(batch: Sequence[Any]) -> bool:
        return to.metrics.export(MetricsData(list(batch))) is MetricExportResult.SUCCESS

    with ThreadPoolExecutor(max_workers=3, thread_name_prefix="demo") as pool:
        running = [
            pool.submit(_send, "spans", _batches(history.spans), traces, len),
            pool.submit(_send, "log records", _batches(history.logs), logs, len),
            pool.submit(_send, "data points", _each_resource_once(history.metrics), metrics, _points),
        ]
        return [future.result() for future in running]


def _batches(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[start : start + ITEMS_A_REQUEST] for start in range(0, len(items), ITEMS_A_REQUEST)]


def _each_resource_once(items: Sequence[ResourceMetrics]) -> list[Sequence[ResourceMetrics]]:
    """Part `items` in order, so that none has a resource twice: the SDK's encoder would keep the last one alone."""
    batches: list[list[ResourceMetrics]] = []
    seen: set[Resource] = set()
    for item in items:
        if not batches or item.resource in seen:
            batches.append([])
            seen.clear()
        batches[-1].append(item)
        seen.add(item.resource)
    return list(batches)


def _points(batch: Sequence[Any]) -> int:
    return History(metrics=list(batch)).data_points


def _send(
    what: str,
    batches: Sequence[Sequence[Item]],
    export: Callable[[Sequence[Item]], bool],
    count: Callable[[Sequence[Item]], int],
) -> Receipt:
    sent = sum(count(batch) for batch in batches)
    acknowledged = 0
    with _complaints() as complaints:
        for batch in batches:
            if not export(batch):
                failure = complaints[-1] if complaints else "the exporter gave no reason"
                return Receipt(what, sent, acknowledged, failure)
            acknowledged += count(batch)
    return Receipt(what, sent, acknowledged)


class _Complaints(logging.Handler):
    """Keeps what the exporters say in this thread: they tell the reason of a failure to the log alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.heard.append(record.getMessage())


@contextmanager
def _complaints() -> Iterator[list[str]]:
    logger = logging.getLogger("opentelemetry")
    handler = _Complaints()
    logger.addHandler(handler)
    try:
        yield handler.heard
    finally:
        logger.removeHandler(handler)
