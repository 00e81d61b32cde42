"""What streams count, under documented Prometheus names. The registry comes from outside.

    otelhouse_stream_viewers{feed}                    gauge: open streams
    otelhouse_stream_channels{feed}                   gauge: different combinations of filter and scope among them
    otelhouse_stream_delivered_total{feed}            rows given to clients, each client counted
    otelhouse_stream_gaps_total{feed,reason}          gaps told to clients
    otelhouse_stream_ended_total{feed,reason}         streams that ended
    otelhouse_stream_refused_total{reason}            streams that were not opened
    otelhouse_stream_lag_seconds{feed}                histogram: from a row's arrival in ClickHouse to the clients' turn
    otelhouse_stream_queries_total{feed}              questions to ClickHouse; the number of clients does not change it
    otelhouse_stream_failures_total{feed}             of these, those that failed
    otelhouse_stream_given_up_total{feed}             looks for late rows that were given up: too much to count
    otelhouse_stream_ring_rows{feed}, otelhouse_stream_ring_bytes{feed}
                                                      gauges: what is kept for clients that come back

`feed` is events, logs or spans; `reason` a short fixed word.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Figures:
    """The samples of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"otelhouse_stream_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"otelhouse_stream_{name}", what, ("feed",), registry=registry)

        self.viewers = gauge("viewers", "Open streams.")
        self.channels = gauge("channels", "Different combinations of filter and scope that are watched.")
        self.ring_rows = gauge("ring_rows", "Rows kept for clients that come back.")
        self.ring_bytes = gauge("ring_bytes", "Bytes kept for clients that come back.")
        self.delivered = counter("delivered", "Rows given to clients, each client counted.", "feed")
        self.gaps = counter("gaps", "Gaps told to clients.", "feed", "reason")
        self.ended = counter("ended", "Streams that ended.", "feed", "reason")
        self.refused = counter("refused", "Streams that were not opened.", "reason")
        self.queries = counter("queries", "Questions to ClickHouse.", "feed")
        self.failures = counter("failures", "Questions to ClickHouse that failed.", "feed")
        self.given_up = counter("given_up", "Looks for rows that became visible too late that were given up.", "feed")
        self.lag = Histogram(
            "otelhouse_stream_lag_seconds",
            "Seconds from a row's arrival in ClickHouse to the clients' turn.",
            ("feed",),
            buckets=_SECONDS,
            registry=registry,
        )
