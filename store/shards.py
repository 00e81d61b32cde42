"""A cluster of shards behind the server door: every shard answers, or the answer says which did not.

In: the port's `Select`, and how to ask the node that we speak with. Out: an `Answer`.

Every question is asked strictly: ClickHouse fails it if one shard cannot be reached, so what comes back without an
error is whole. Only where that failed, or shards were just seen not to answer, and only where the caller welcomes a
part (`Select.partial`), it is asked with `skip_unavailable_shards`; what comes back then is marked as partial, always.
So no answer can pass for whole that is not. All of it together has the time of the question. Raised:
`ShardsMissingError` with the names of the shards, where a part is not welcome or there is no time left to ask for it.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from store import errors, statements
from store.port import Answer, Insert, Limits, Select, Setting

Ask = Callable[[Select], Answer]
Lost = list[tuple[str, str]]
"""Shards that do not answer: name and address of each."""

UNNAMED = "a shard"
"""What is said of one that answers again by now, or that this user may not look for."""

_log = logging.getLogger(__name__)

_CONNECTING: Mapping[str, Setting] = {
    # A node that is not there is given up within seconds, not within the five minutes of a node that computes.
    "connect_timeout_with_failover_ms": 1000,
    "connect_timeout_with_failover_secure_ms": 2000,
    "connections_with_failover_max_tries": 2,
    # One that hangs takes the connection and never greets.
    "handshake_timeout_ms": 1000,
}

_SELECT: Mapping[str, Setting] = {
    **_CONNECTING,
    # A subquery over all shards is run once and sent to each: else ClickHouse refuses it.
    "distributed_product_mode": "global",
    "skip_unavailable_shards": 0,
}

_INSERT: Mapping[str, Setting] = {
    **_CONNECTING,
    # Answered only when every shard has its rows: what is acknowledged is stored, not queued on the node's disk.
    "distributed_foreground_insert": 1,
    # By network even where the shard is the node itself, so that a block has the same token wherever it comes from.
    "prefer_localhost_replica": 0,
}

_LOST = frozenset({
    32,  # ATTEMPT_TO_READ_AFTER_EOF
    102,  # UNEXPECTED_PACKET_FROM_SERVER
    198,  # DNS_ERROR
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    236,  # ABORTED: it is shutting down
    265,  # NO_AVAILABLE_REPLICA
    279,  # ALL_CONNECTION_TRIES_FAILED
    297,  # SHARD_HAS_NO_CONNECTIONS
    369,  # ALL_REPLICAS_ARE_STALE
    519,  # NO_REMOTE_SHARD_AVAILABLE
})  # fmt: skip
"""ClickHouse's codes for a shard that it cannot speak with. A question that never left its node does not give them."""

_TIMEOUT = 159
"""TIMEOUT_EXCEEDED: the question is too large, or a shard fell silent in the middle of it."""

_SILENCE_SECONDS = 10.0
"""A shard that says nothing for so long is given up; one that computes says ten times a second how far it is."""

_LEAST_SECONDS = 0.5
"""With less than this left of a question's time, it is not asked once more."""

_PROBE_LIMITS = Limits(seconds=5.0, rows=1000)


class Shards:
    """The shards of one cluster, as one node sees them. Safe to use from several threads."""

    def __init__(self, cluster: str, ask: Ask) -> None:
        """`ask`: puts a question to the node, and raises a `StoreError`."""
        self._cluster = cluster
        self._ask = ask
        self._doubted = False
        """Whether a shard did not answer lately: then it is looked for first. Threads may set it beside each other."""

    def select(self, select: Select) -> Answer:
        """Ask all shards. Raises a `StoreError`."""
        end = time.monotonic() + select.limits.seconds
        if self._doubted and select.partial:
            if lost := self.missing():
                return self._without(lost, select, end)
            self._doubted = False
        try:
            return self._ask(_with(select, _SELECT))
        except errors.StoreError as error:
            if error.code not in _LOST | {_TIMEOUT}:
                raise
            lost = self.missing()
            if error.code == _TIMEOUT and not lost:
                raise
            self._doubted = True
            if not select.partial:
                raise self._failure(lost, select, str(error), error.code) from error
        return self._without(lost, select, end)

    def _without(self, lost: Lost, select: Select, end: float) -> Answer:
        """Ask the others, until the moment `end`."""
        _log.warning("%s: %s did not answer a question (id %s)", self._cluster, _told(lost), select.query_id or "-")
        left = end - time.monotonic()
        if left < _LEAST_SECONDS:
            why = f"no time was left of {select.limits.seconds:g} s to ask the others alone"
            raise self._failure(lost, select, why)
        again = replace(select, query_id=second_id(select.query_id), limits=replace(select.limits, seconds=left))
        answer = self._ask(_with(again, {**_SELECT, "skip_unavailable_shards": 1}))
        return replace(answer, missing=_named(lost))

    def _failure(self, lost: Lost, select: Select, why: str, code: int | None = None) -> errors.ShardsMissingError:
        said = f"of cluster {self._cluster}, {_told(lost)} did not answer: {why}"
        return errors.ShardsMissingError(said, _named(lost), code=code, query_id=select.query_id)

    def missing(self) -> Lost:
        """The shards that answer nothing now, each with its address; none where that cannot be found out."""
        probe = Select(statements.SILENT_SHARDS, {"cluster": self._cluster}, _PROBE_LIMITS)
        try:
            rows = self._ask(_with(probe, {**_CONNECTING, "skip_unavailable_shards": 1})).rows
        except errors.PermanentError:
            return []  # a user who may read tables alone may not look
        return [(f"shard {number}", f"{host}:{port}") for number, host, port in rows]


def _named(lost: Lost) -> tuple[str, ...]:
    return tuple(name for name, _ in lost) or (UNNAMED,)


def _told(lost: Lost) -> str:
    return ", ".join(f"{name} ({at})" for name, at in lost) or UNNAMED


def insert(insert: Insert) -> Insert:
    """The insert, so that it is answered only when every shard has its rows."""
    return replace(insert, settings={**_INSERT, **insert.settings})


def _with(select: Select, settings: Mapping[str, Setting]) -> Select:
    # The node itself does not end a question whose time is over while it waits for a shard.
    silence = {"receive_timeout": math.ceil(min(_SILENCE_SECONDS, select.limits.seconds))}
    return replace(select, settings={**silence, **settings, **select.settings})


def second_id(query_id: str) -> str:
    """The id under which a question is asked once more, since a node may still hold the first."""
    return f"{query_id}-again" if query_id else ""
