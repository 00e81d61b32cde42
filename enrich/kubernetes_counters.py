"""What watching the clusters counts, under documented Prometheus names. The registry comes from outside.

otelhouse_kubernetes_events_total{cluster}
    objects that a watch said were added, changed or deleted
otelhouse_kubernetes_stale_events_total{cluster}
    events older than what had been seen already, which were passed over
otelhouse_kubernetes_lists_total{cluster,reason}
    whole lists of a kind: start, gone (the place in the history was too old), history (the server's is another one)
otelhouse_kubernetes_watches_ended_total{cluster,reason}
    watches that ended: done (as asked), broken, gone, refused
otelhouse_kubernetes_forbidden_total{cluster,verb,resource}
    requests answered with 403
otelhouse_kubernetes_kinds{cluster}
    gauge: kinds whose objects are known, as far as their watch has come
otelhouse_kubernetes_problems
    gauge: open problems, as `/readyz` tells them
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from enrich.kubernetes_problems import Problems


class KubernetesCounters:
    """One set of counters for one registry; prometheus_client refuses a second set on the same."""

    def __init__(self, registry: CollectorRegistry, problems: Problems) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"otelhouse_kubernetes_{name}", text, ("cluster", *labels), registry=registry)

        self._events = counter("events", "Objects that were added, changed or deleted")
        self._stale = counter("stale_events", "Events older than what had been seen")
        self._lists = counter("lists", "Whole lists of a kind", "reason")
        self._ended = counter("watches_ended", "Watches that ended", "reason")
        self._forbidden = counter("forbidden", "Requests answered with 403", "verb", "resource")
        self._kinds = Gauge(
            "otelhouse_kubernetes_kinds", "Kinds whose objects are known", ("cluster",), registry=registry
        )
        waiting = Gauge("otelhouse_kubernetes_problems", "Open problems", registry=registry)
        waiting.set_function(lambda: len(problems.all()))

    def event(self, cluster: str) -> None:
        """A watch told of an object."""
        self._events.labels(cluster).inc()

    def stale(self, cluster: str) -> None:
        """A watch told what was known to be over."""
        self._stale.labels(cluster).inc()

    def listed(self, cluster: str, reason: str) -> None:
        """A kind was listed whole."""
        self._lists.labels(cluster, reason).inc()

    def ended(self, cluster: str, reason: str) -> None:
        """A watch came to its end."""
        self._ended.labels(cluster, reason).inc()

    def forbidden(self, cluster: str, verb: str, resource: str) -> None:
        """A request was answered with 403."""
        self._forbidden.labels(cluster, verb, resource).inc()

    def kinds(self, cluster: str, count: Callable[[], float]) -> None:
        """`count` gives how many kinds are known."""
        self._kinds.labels(cluster).set_function(count)
