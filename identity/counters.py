"""What the gates count, under documented Prometheus names. The registry comes from outside.

otelhouse_identity_admitted_total{kind}
    Requests let in; kind: ingest_token, certificate, open_ingest, read_token, jwt, open_read
otelhouse_identity_refused_total{kind,reason}
    Requests turned away; kind: ingest, read; reason: a word of `identity.refusals.Reason`
otelhouse_identity_tokens_file_usable
    1, or 0 while the tokens file cannot be used and the tokens of before stay in force
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

ADMITTED = ("ingest_token", "certificate", "open_ingest", "read_token", "jwt", "open_read")


class Counters:
    """One set of counters for one registry; prometheus_client refuses a second set on the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        admitted = Counter("otelhouse_identity_admitted", "Requests let in", ["kind"], registry=registry)
        self._admitted = {kind: admitted.labels(kind) for kind in ADMITTED}
        self._refused = Counter(
            "otelhouse_identity_refused", "Requests turned away", ["kind", "reason"], registry=registry
        )
        self.tokens_file_usable = Gauge(
            "otelhouse_identity_tokens_file_usable", "0 while the tokens file cannot be used", registry=registry
        )
        self.tokens_file_usable.set(1)

    def admitted(self, kind: str) -> Counter:
        """The counter of those let in as `kind`, to be kept by who counts often."""
        return self._admitted[kind]

    def refused(self, kind: str, reason: str) -> None:
        """A request was turned away."""
        self._refused.labels(kind, reason).inc()
