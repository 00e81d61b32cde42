"""The server door: a ClickHouse server, or a load balancer before several.

In: the port's inserts and selects, from any thread. Out: receipts and answers. Questions go over the native protocol
(`store.native_questions`), inserts over HTTP (`store.http_inserts`), since a native client would have to encode
Protobuf's rows itself, and answers in a format of ClickHouse's over HTTP too (`store.http_answers`). Nothing is
connected before the first of each; how many run at once is bounded by the settings. Where the server is a node of a
cluster, `store.shards` sees to it that no answer of some shards passes for one of all.
"""

import time
from dataclasses import replace

from store import errors, shards
from store.http_answers import HttpAnswers
from store.http_inserts import HttpInserts
from store.native_questions import NativeQuestions
from store.port import Answer, Insert, InsertReceipt, Select
from store.settings import StoreSettings
from store.turnstile import Turnstile


class ServerStore:
    """A `store.port.Store` on a ClickHouse server."""

    def __init__(self, settings: StoreSettings) -> None:
        self._questions = NativeQuestions(settings.address, settings)
        self._http = HttpInserts(settings.address, settings)
        self._formatted = HttpAnswers(settings.address, settings)
        self._selects = Turnstile(settings.select_connections, "questions")
        self._inserts = Turnstile(settings.insert_connections, "inserts")
        self._insert_wait_s = settings.insert_timeout_s
        self._shards = shards.Shards(settings.cluster, self._ask) if settings.cluster else None

    def insert(self, insert: Insert) -> InsertReceipt:
        """Write; returns when the server holds every row. Raises a `StoreError`."""
        begin = time.monotonic()
        with self._inserts.turn(self._insert_wait_s):
            self._http.insert(shards.insert(insert) if self._shards else insert)
        return InsertReceipt(elapsed=time.monotonic() - begin)

    def select(self, select: Select) -> Answer:
        """Ask, or run a statement without an answer. Raises a `StoreError`."""
        with self._selects.turn(select.limits.seconds):
            return self._shards.select(select) if self._shards else self._ask(select)

    def _ask(self, select: Select) -> Answer:
        return self._formatted.select(select) if select.format else self._questions.select(select)

    def cancel(self, query_id: str) -> None:
        """Stop the statement with this id, beside all others."""
        if query_id:
            self._questions.cancel(query_id)
        if query_id and self._shards:
            self._questions.cancel(shards.second_id(query_id))

    def close(self) -> None:
        """Let nobody in any more and close the idle connections; what runs ends by itself. Safe twice."""
        self._selects.close()
        self._inserts.close()
        self._questions.close()
        self._http.close()
        self._formatted.close()


class ServerReader(ServerStore):
    """The same server, as a user whose profile is read-only: it may not say so again, in other words or the same."""

    def insert(self, insert: Insert) -> InsertReceipt:
        """Refuse: a reader writes nothing."""
        raise errors.MisconfiguredError(f"this store reads only, and {insert.table} is to be written")

    def select(self, select: Select) -> Answer:
        """Ask. Raises a `StoreError`."""
        said = {name: value for name, value in select.settings.items() if name != "readonly"}
        return super().select(replace(select, settings=said))
