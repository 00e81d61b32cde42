"""The house as a sender of telemetry: its log lines, figures and spans, to itself or to another receiver.

In: the settings, a registry, and a store. Out: OTLP, every few seconds. There is no loop: what it sends to itself goes
into ClickHouse beside the doors and the pipeline, by a store that notes no spans, and its own log lines are not sent.
There its service is `sql.scopes.OWN`, by which answers and streams leave it out unless they are asked for that service;
another receiver gets the telemetry of service `otelhouse`. What cannot be sent is
counted and dropped: telemetry about the house must not take the house's memory.

    otelhouse_own_sent_total{signal}     messages sent
    otelhouse_own_dropped_total{signal}  messages dropped: no room until the next sending, or nobody took them
"""

import asyncio
import contextlib
import http.client
import logging
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from prometheus_client import CollectorRegistry, Counter

from ingest.items import varint
from otelhouse import __version__, own_messages
from otelhouse.own_settings import ITSELF, OwnTelemetrySettings
from otelhouse.own_spans import NotingStore, SpanNotes
from sql import otlp, scopes
from sql.signals import Signal
from store.errors import StoreError
from store.port import Store

SERVICE = "otelhouse"
SCOPE = "otelhouse"
_log = logging.getLogger(__name__)
_QUIET_PREFIXES = (__name__, "urllib3")
"""Loggers whose lines are not sent: they would be about the sending."""
_SEND_SECONDS = 10.0
_REQUESTS: dict[Signal, Callable[..., Message]] = {
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_LISTS = {Signal.LOGS: "resource_logs", Signal.TRACES: "resource_spans", Signal.METRICS: "resource_metrics"}

Outlet = Callable[[Signal, Any], None]
"""Takes one resource message of a signal. Raises `StoreError`, `OSError`, or what a strange answer raises."""


class LogSink(logging.Handler):
    """Keeps lines of our log until they are fetched."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._records: deque[LogRecord] = deque(maxlen=most)
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        if record.name.startswith(_QUIET_PREFIXES):
            return
        try:
            made = own_messages.log_record(record)
        except Exception:  # noqa: BLE001 - whoever writes to the log must not fail of it; the standard handlers' way
            self.handleError(record)
            return
        if len(self._records) == self._records.maxlen:
            self.dropped += 1
        self._records.append(made)

    def fetch(self) -> list[LogRecord]:
        """All lines since the last fetch."""
        return [self._records.popleft() for _ in range(len(self._records))]


class OwnTelemetry:
    """Sends until it is closed. Made and used on one event loop."""

    def __init__(self, settings: OwnTelemetrySettings, registry: CollectorRegistry, began_in: Path) -> None:
        self._settings = settings
        self._registry = registry
        self._token_file = began_in / settings.token_file.expanduser() if settings.token_file else None
        self._spans = SpanNotes(settings.max_spans)
        self._lines = LogSink(settings.max_logs)
        self._began = time.time_ns()
        self._resource = _resource(scopes.OWN if settings.to == ITSELF else SERVICE)
        self._outlet: Outlet | None = None
        self._task: asyncio.Task[None] | None = None
        self._sending = threading.Lock()
        self._failing = False
        if settings.to:
            self._sent = Counter("otelhouse_own_sent", "Messages about the house sent", ("signal",), registry=registry)
            self._dropped = Counter(
                "otelhouse_own_dropped", "Messages about the house dropped", ("signal",), registry=registry
            )

    def noting(self, store: Store) -> Store:
        """The store for all who ask and insert; its calls become spans, if anybody wants them."""
        return NotingStore(store, self._spans) if self._settings.to and self._settings.max_spans else store

    def start(self, store: Store) -> None:
        """Begin to send; `store` notes no spans."""
        if not self._settings.to:
            return
        to_itself = self._settings.to == ITSELF
        self._outlet = _to_store(store) if to_itself else self._to_receiver
        logging.getLogger().addHandler(self._lines)
        self._task = asyncio.create_task(self._run(), name="own-telemetry")

    async def close(self) -> None:
        """Send what is there and stop. Safe twice, and without a start."""
        if self._task is None:
            return
        logging.getLogger().removeHandler(self._lines)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await asyncio.to_thread(self.send)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.interval_s)
            try:
                await asyncio.to_thread(self.send)
            except Exception:  # noqa: BLE001 - the task ends here, and nobody waits for it: it must go on sending
                _log.exception("sending what the house tells of itself broke; it goes on")

    def send(self) -> None:
        """Send all that is there now; blocks."""
        with self._sending:
            self._give(Signal.LOGS, self._lines.fetch(), self._lines)
            self._give(Signal.TRACES, self._spans.fetch(), self._spans)
            families = list(self._registry.collect())
            self._give(Signal.METRICS, list(own_messages.metrics(families, self._began, time.time_ns())), None)

    def _give(self, signal: Signal, messages: Sequence[Any], kept: LogSink | SpanNotes | None) -> None:
        if kept is not None and kept.dropped:
            self._dropped.labels(signal.value).inc(kept.dropped)
            kept.dropped = 0
        if not messages or self._outlet is None:
            return
        try:
            self._outlet(signal, _message(signal, self._resource, messages))
        except (StoreError, OSError, http.client.HTTPException, ValueError) as error:
            self._dropped.labels(signal.value).inc(len(messages))
            if not self._failing:
                _log.warning("what the house tells of itself cannot be sent to %s: %s", self._settings.to, error)
            self._failing = True
        else:
            self._failing = False
            self._sent.labels(signal.value).inc(len(messages))

    def _to_receiver(self, signal: Signal, message: Message) -> None:
        body = _REQUESTS[signal](**{_LISTS[signal]: [message]}).SerializeToString()
        headers = {"content-type": "application/x-protobuf"}
        if self._token_file is not None:
            headers["authorization"] = f"Bearer {self._token_file.read_text(encoding='utf-8').strip()}"
        request = urllib.request.Request(f"{self._settings.to}/v1/{signal.value}", body, headers)  # noqa: S310  http or https, by the setting's check
        with urllib.request.urlopen(request, timeout=_SEND_SECONDS, context=_trust(self._settings.to)) as answer:  # noqa: S310
            answer.read(65_536)


def _to_store(store: Store) -> Outlet:
    def give(signal: Signal, message: Message) -> None:
        body = message.SerializeToString()
        store.insert(otlp.insert_for(signal, [varint(len(body)), body], os.urandom(16).hex()))

    return give


def _message(signal: Signal, resource: Resource, messages: Sequence[Any]) -> Message:
    scope = InstrumentationScope(name=SCOPE, version=__version__)
    match signal:
        case Signal.LOGS:
            return ResourceLogs(resource=resource, scope_logs=[ScopeLogs(scope=scope, log_records=messages)])
        case Signal.TRACES:
            return ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=scope, spans=messages)])
        case Signal.METRICS:
            return ResourceMetrics(resource=resource, scope_metrics=[ScopeMetrics(scope=scope, metrics=messages)])


def _resource(service: str) -> Resource:
    told = {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    return Resource(attributes=own_messages.attributes(told))


def _trust(address: str) -> ssl.SSLContext | None:
    return ssl.create_default_context() if address.startswith("https:") else None
