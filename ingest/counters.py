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
    otelhouse_ingest_insert_errors_total{signal,error}
        INSERTs that failed, by class of `store.errors`
    otelhouse_ingest_split_batches_total{signal,written}
        batches taken apart because of unstorable rows; written="maybe": a sibling table may hold rows twice
    otelhouse_ingest_in_flight_bytes
        gauge: memory held for requests not yet answered
    otelhouse_ingest_in_flight_inserts
        gauge: batches on their way to ClickHouse

`transport` is ``grpc`` or ``http``; `reason` is a short fixed word, never text from a sender.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sql.signals import Signal

_ITEMS = (1, 10, 100, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_BYTES = tuple(4**power for power in range(5, 14))
"""1 KiB to 64 MiB."""
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

    def rejected(self, signal: Signal, items: int) -> None:
        """`items` can never be stored, and their sender was told."""
        if items:
            self._rejected.labels(signal.value).inc(items)

    def batch(self, signal: Signal, items: int, size: int) -> None:
        """A batch goes to ClickHouse; `size` in bytes."""
        self._batch_items.labels(signal.value).observe(items)
        self._batch_bytes.labels(signal.value).observe(size)

    def inserted(self, signal: Signal, seconds: float) -> None:
        """One INSERT came to an end, well or not."""
        self._seconds.labels(signal.value).observe(seconds)

    def insert_failed(self, signal: Signal, error: BaseException) -> None:
        """One INSERT failed."""
        self._errors.labels(signal.value, type(error).__name__).inc()

    def split(self, signal: Signal, *, written: bool) -> None:
        """A batch is taken apart; `written`: some of its rows may already stand in a sibling table."""
        self._splits.labels(signal.value, "maybe" if written else "no").inc()

    def memory(self, size: int) -> None:
        """`size` bytes are held for requests not yet answered."""
        self._memory.set(size)

    def inserts_running(self, count: int) -> None:
        """`count` batches are on their way."""
        self._inserts.set(count)
