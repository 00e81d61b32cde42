"""Spans of what the house asks of ClickHouse: each INSERT and each SELECT, with what it cost.

In: a store. Out: a store that does the same and notes a span for each call, until they are fetched. Statements are not
told, since they hold what people asked for; the query id leads to them in `system.query_log`. Attributes follow
https://opentelemetry.io/docs/specs/semconv/database/database-spans/.
"""

import os
import time
from collections import deque
from collections.abc import Mapping

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelhouse.own_messages import attributes
from store.errors import StoreError
from store.port import Answer, Insert, InsertReceipt, Select, Store


class SpanNotes:
    """Spans that wait to be sent. Any thread may add."""

    def __init__(self, most: int) -> None:
        self._spans: deque[Span] = deque(maxlen=most)
        self.dropped = 0

    def add(self, name: str, begun: int, told: Mapping[str, object], error: StoreError | None = None) -> None:
        """Note a span that began at `begun`, Unix nanoseconds, and ends now."""
        status = Status()
        if error is not None:
            # Not the message: it may quote rows.
            told = {**told, "error.type": type(error).__name__, "db.response.status_code": str(error.code or "")}
            status = Status(code=Status.STATUS_CODE_ERROR, message=type(error).__name__)
        if len(self._spans) == self._spans.maxlen:
            self.dropped += 1
        self._spans.append(
            Span(
                trace_id=os.urandom(16),
                span_id=os.urandom(8),
                name=name,
                kind=Span.SPAN_KIND_CLIENT,
                start_time_unix_nano=begun,
                end_time_unix_nano=time.time_ns(),
                attributes=attributes({"db.system.name": "clickhouse", **told}),
                status=status,
            )
        )

    def fetch(self) -> list[Span]:
        """All spans since the last fetch."""
        return [self._spans.popleft() for _ in range(len(self._spans))]


class NotingStore:
    """A `store.port.Store` whose calls are noted."""

    def __init__(self, store: Store, notes: SpanNotes) -> None:
        self._store = store
        self._notes = notes

    def insert(self, insert: Insert) -> InsertReceipt:
        """Write. Raises what the store raises."""
        begun, told = time.time_ns(), {"db.operation.name": "INSERT", "db.collection.name": insert.table}
        told["otelhouse.insert.bytes"] = sum(map(len, insert.chunks))  # type: ignore[assignment]  # a mapping of objects
        try:
            receipt = self._store.insert(insert)
        except StoreError as error:
            self._notes.add(f"INSERT {insert.table}", begun, told, error)
            raise
        self._notes.add(f"INSERT {insert.table}", begun, {**told, "db.query.id": receipt.query_id})
        return receipt

    def select(self, select: Select) -> Answer:
        """Ask. Raises what the store raises."""
        begun = time.time_ns()
        told: dict[str, object] = {"db.operation.name": "SELECT"}
        try:
            answer = self._store.select(select)
        except StoreError as error:
            self._notes.add("SELECT", begun, {**told, "db.query.id": error.query_id}, error)
            raise
        told |= {"db.query.id": answer.query_id, "db.response.returned_rows": len(answer.rows)}
        self._notes.add("SELECT", begun, {**told, "otelhouse.rows_read": answer.rows_read})
        return answer

    def cancel(self, query_id: str) -> None:
        """Stop a statement."""
        self._store.cancel(query_id)

    def close(self) -> None:
        """Close the store behind it."""
        self._store.close()
