"""What ingest counts, under documented Prometheus names. The registry comes from outside.

In: events, told by the doors and the pipeline. Out: samples in the registry.
Names, labels and units:

    otelhouse_ingest_requests_total{signal,transport}
        Export requests that arrived
    otelhouse_ingest_refused_requests_total{signal,transport,reason}
        Export requests answered with an error
    otelhouse_ingest_items_total{signal}
        log records, spans and data points that ClickHouse holds
    otelhouse_ingest_rejected_items_total{signal}
        items that can never be stored, told to their senders as partial success
    otelhouse_ingest_batch_items{signal}, otelhouse_ingest_batch_bytes{signal}
        histograms: items and bytes in one INSERT
    otelhouse_ingest_insert_seconds{signal}
        histogram: one INSERT, failed ones as well
    otelhouse_ingest_lag_seconds{signal}
        histogram: from the time that the last item of a request has, of all requests of an INSERT the latest, until
        ClickHouse held it; what went by way of the spool is not in it
    otelhouse_ingest_newest_timestamp_seconds{signal}
        gauge: the latest of these times, in Unix seconds, and not after now; its age grows while nothing is stored, and
        what the canary sends is something
    otelhouse_ingest_insert_errors_total{signal,error}
        INSERTs that failed, by class of `store.errors`
    otelhouse_ingest_split_batches_total{signal,written}
        batches taken apart because of unstorable rows; written="maybe": a sibling table may hold rows twice
    otelhouse_ingest_spooled_items_total{kind}, otelhouse_ingest_spooled_bytes_total{kind}
        items and bytes that went to the spool
    otelhouse_ingest_drained_items_total{kind}
        items that went from the spool to ClickHouse
    otelhouse_ingest_spool_damaged_items_total{kind}
        items that were lost because the spool's files were damaged
    otelhouse_ingest_spool_entries, otelhouse_ingest_spool_bytes
        gauges: what is in the spool now
    otelhouse_ingest_spool_oldest_timestamp_seconds
        gauge: when the oldest entry was written, in Unix seconds; 0 if the spool is empty
    otelhouse_ingest_other_cluster_resources_total{signal}
        resources that claimed another cluster than the one their sender's token is bound to
    otelhouse_ingest_resends_total
        requests that were answered without being stored again (`ingest.resend_window_s`)
    otelhouse_ingest_resends_forgotten_early_total
        answers that made room for others before their window was over: the same request would be stored again
    otelhouse_ingest_resends_unwritten_total
        answers that the disk did not take: a kill of this process forgets them
    otelhouse_ingest_dead_letters_total{signal}
        items that became dead letters
    otelhouse_ingest_lost_dead_letters_total{signal}
        dead letters that could be kept nowhere; their senders were told what was wrong
    otelhouse_ingest_in_flight_bytes
        gauge: memory held for requests not yet answered
    otelhouse_ingest_in_flight_inserts
        gauge: batches on their way to ClickHouse

`kind` is a signal, or the name of one of the house's own tables. `transport` is ``grpc`` or ``http``; `reason` is a
short fixed word, never text from a sender.
"""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sql.signals import Signal

_ITEMS = (1, 10, 100, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_BYTES = tuple(4**power for power in range(5, 14))
"""1 KiB to 64 MiB."""
_LAGS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 21_600.0)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Counters:
    """One set of counters for one registry; prometheus_client refuses a second set on the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"otelhouse_ingest_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"otelhouse_ingest_{name}", text, ("signal",), buckets=buckets, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"otelhouse_ingest_{name}", text, registry=registry)

        self._requests = counter("requests", "Export requests that arrived", "signal", "transport")
        self._refused = counter(
            "refused_requests", "Export requests answered with an error", "signal", "transport", "reason"
        )
        self._items = counter("items", "Log records, spans and data points that ClickHouse holds", "signal")
        self._rejected = counter("rejected_items", "Items that can never be stored", "signal")
        self._errors = counter("insert_errors", "INSERTs that failed", "signal", "error")
        self._splits = counter("split_batches", "Batches taken apart because of unstorable rows", "signal", "written")
        self._batch_items = histogram("batch_items", "Items in one INSERT", _ITEMS)
        self._batch_bytes = histogram("batch_bytes", "Bytes in one INSERT", _BYTES)
        self._seconds = histogram("insert_seconds", "Seconds of one INSERT", _SECONDS)
        self._lags = histogram("lag_seconds", "Seconds from the newest item's time until it was stored", _LAGS)
        self._newest = Gauge(
            "otelhouse_ingest_newest_timestamp_seconds",
            "When the newest item that was stored says it is from, Unix seconds",
            ("signal",),
            registry=registry,
        )
        self._newest_of: dict[Signal, float] = {}
        self._spooled = counter("spooled_items", "Items that went to the spool", "kind")
        self._spooled_bytes = counter("spooled_bytes", "Bytes that went to the spool", "kind")
        self._drained = counter("drained_items", "Items that went from the spool to ClickHouse", "kind")
        self._damaged = counter("spool_damaged_items", "Items lost in damaged files of the spool", "kind")
        self._spool_entries = gauge("spool_entries", "INSERTs that wait in the spool")
        self._spool_bytes = gauge("spool_bytes", "Bytes of the spool's files")
        self._spool_oldest = gauge("spool_oldest_timestamp_seconds", "When the oldest entry was written, 0 for none")
        self._buried = counter("dead_letters", "Items that became dead letters", "signal")
        self._unburied = counter("lost_dead_letters", "Dead letters that could be kept nowhere", "signal")
        self._other_cluster = counter(
            "other_cluster_resources", "Resources that claimed another cluster than their token's", "signal"
        )
        self._resends = Counter(
            "otelhouse_ingest_resends", "Requests answered without being stored again", registry=registry
        )
        self._forgotten_early = Counter(
            "otelhouse_ingest_resends_forgotten_early",
            "Answers that made room for others before their window was over",
            registry=registry,
        )
        self._unwritten = Counter(
            "otelhouse_ingest_resends_unwritten", "Answers that a kill of this process forgets", registry=registry
        )
        self._memory = gauge("in_flight_bytes", "Memory held for requests not yet answered")
        self._inserts = gauge("in_flight_inserts", "Batches on their way to ClickHouse")

    def request(self, signal: Signal, transport: str) -> None:
        """An Export request arrived."""
        self._requests.labels(signal.value, transport).inc()

    def refused(self, signal: Signal, transport: str, reason: str) -> None:
        """An Export request was answered with an error; `reason` is a short fixed word."""
        self._refused.labels(signal.value, transport, reason).inc()

    def stored(self, signal: Signal, items: int) -> None:
        """ClickHouse holds `items` more."""
        self._items.labels(signal.value).inc(items)

    def lagged(self, signal: Signal, last_unix_nano: int) -> None:
        """ClickHouse holds a batch; `last_unix_nano`: the latest of the times of its requests' last items, or 0."""
        if not last_unix_nano:
            return
        now, at = time.time(), last_unix_nano / 1e9
        self._lags.labels(signal.value).observe(max(0.0, now - at))
        # A clock that is ahead would hide for its advance that nothing comes any more.
        newest = self._newest_of[signal] = max(min(at, now), self._newest_of.get(signal, 0.0))
        self._newest.labels(signal.value).set(newest)

    def rejected(self, signal: Signal, items: int) -> None:
        """`items` can never be stored, and their sender was told."""
        if items:
            self._rejected.labels(signal.value).inc(items)

    def batch(self, signal: Signal, items: int, size: int) -> None:
        """A batch goes to ClickHouse; `size` in bytes."""
        self._batch_items.labels(signal.value).observe(items)
        self._batch_bytes.labels(signal.value).observe(size)

    def inserted(self, kind: str, seconds: float) -> None:
        """One INSERT came to an end, well or not."""
        self._seconds.labels(kind).observe(seconds)

    def insert_failed(self, kind: str, error: BaseException) -> None:
        """One INSERT failed."""
        self._errors.labels(kind, type(error).__name__).inc()

    def split(self, signal: Signal, *, written: bool) -> None:
        """A batch is taken apart; `written`: some of its rows may already stand in a sibling table."""
        self._splits.labels(signal.value, "maybe" if written else "no").inc()

    def spooled(self, kind: str, items: int, size: int) -> None:
        """`items` went to the spool, in `size` bytes."""
        self._spooled.labels(kind).inc(items)
        self._spooled_bytes.labels(kind).inc(size)

    def drained(self, kind: str, items: int) -> None:
        """`items` went from the spool to ClickHouse."""
        self._drained.labels(kind).inc(items)

    def spool_damaged(self, kind: str, items: int) -> None:
        """`items` of the spool cannot be read any more."""
        self._damaged.labels(kind).inc(items)

    def spool(self, entries: int, size: int, oldest: float) -> None:
        """What is in the spool now; `oldest` in Unix seconds, 0 for none."""
        self._spool_entries.set(entries)
        self._spool_bytes.set(size)
        self._spool_oldest.set(oldest)

    def other_cluster(self, signal: Signal, resources: int) -> None:
        """`resources` claimed another cluster than the one that their sender is bound to."""
        if resources:
            self._other_cluster.labels(signal.value).inc(resources)

    def resent(self) -> None:
        """A request was answered without being stored again."""
        self._resends.inc()

    def resend_forgotten_early(self) -> None:
        """An answer made room for others before its window was over."""
        self._forgotten_early.inc()

    def resends_unwritten(self, answers: int) -> None:
        """The disk did not take so many answers, which a kill forgets."""
        self._unwritten.inc(answers)

    def buried(self, signal: Signal, items: int) -> None:
        """`items` became dead letters."""
        self._buried.labels(signal.value).inc(items)

    def unburied(self, signal: Signal, items: int) -> None:
        """`items` that cannot be stored could not be kept as dead letters either."""
        self._unburied.labels(signal.value).inc(items)

    def memory(self, size: int) -> None:
        """`size` bytes are held for requests not yet answered."""
        self._memory.set(size)

    def inserts_running(self, count: int) -> None:
        """`count` batches are on their way."""
        self._inserts.set(count)
