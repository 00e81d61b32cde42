"""The canary's figures for Prometheus, by names that docs/canary.md lists.

In: a registry and a `Book`. Out: counters and gauges that follow the beats. Silence is worked out when somebody looks,
so it shows although nothing beats any more.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from canary.book import Book
from canary.finding import Beaten, Finding
from canary.judging import State

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)


class Figures:
    """All figures of one canary."""

    def __init__(self, registry: CollectorRegistry, book: Book) -> None:
        self._book = book
        self._beats = Counter(
            "otelhouse_canary_beats", "Beats done, by how they ended (ok, broken).", ("outcome",), registry=registry
        )
        self._findings = Counter(
            "otelhouse_canary_findings",
            "Findings of beats, by what was found.",
            ("signal", "leg", "state"),
            registry=registry,
        )
        self._ok = Gauge(
            "otelhouse_canary_leg_ok",
            "1 while a leg of the way is whole, 0 while it is broken, for each signal.",
            ("cluster", "signal", "leg"),
            registry=registry,
        )
        self._seconds = Histogram(
            "otelhouse_canary_leg_seconds",
            "Seconds from sending until an item was seen on a leg.",
            ("leg",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._problems = Counter(
            "otelhouse_canary_problems",
            "What the canary itself could not do: beat, record, ping.",
            ("what",),
            registry=registry,
        )
        self._last = Gauge(
            "otelhouse_canary_last_beat_timestamp_seconds",
            "When the last beat that is done was sent, Unix seconds; 0 before the first.",
            ("cluster",),
            registry=registry,
        )
        self._silent = Gauge("otelhouse_canary_silent", "1 while a beat is overdue.", ("cluster",), registry=registry)

    def expect(self, cluster: str) -> None:
        """Beats for this cluster are to come."""
        self._last.labels(cluster).set_function(lambda: self._book.last_beat(cluster) / 1e9)
        self._silent.labels(cluster).set_function(lambda: float(self._book.silent(cluster)))

    def forget(self, cluster: str) -> None:
        """Beats for this cluster are not to come, and of those that came nothing stands. Safe for an unknown one."""
        for gauge in (self._last, self._silent):
            gauge.remove_by_labels({"cluster": cluster})
        self._ok.remove_by_labels({"cluster": cluster})

    def beat(self, beaten: Beaten) -> None:
        """Count a beat."""
        self._beats.labels("ok" if beaten.well else "broken").inc()
        for one in beaten.findings:
            self._findings.labels(one.signal, one.leg, one.state.value).inc()
            self.stand(one)
            if one.milliseconds:
                self._seconds.labels(one.leg).observe(one.milliseconds / 1e3)

    def stand(self, one: Finding) -> None:
        """Show how one leg stands. What could not be judged leaves it as it was."""
        if one.state is not State.SKIPPED:
            self._ok.labels(one.cluster, one.signal, one.leg).set(0.0 if one.state.broken else 1.0)

    def problem(self, what: str) -> None:
        """Count what could not be done: ``beat``, ``record``, ``ping``."""
        self._problems.labels(what).inc()
