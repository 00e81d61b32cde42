"""What the enrichment counts, under documented Prometheus names. The registry comes from outside.

In: notes of the stage, and how lookups ended. Out: samples in the registry.
Names, labels and units:

    otelhouse_enrich_found_total{what,source}
        resources (`what`: cluster, pod, workload, composition) and event records (event_composition) of which something
        was found out, by where it was found; source="none": it is known that there is none. what="service": resources
        of pods that came without a name of a service and were given one
    otelhouse_enrich_unknown_total{what,reason}
        resources and event records of which it could not be found out
    otelhouse_enrich_mismatches_total{what}
        resources that say one thing while their objects say another; what="cluster" or "pod"
    otelhouse_enrich_owner_cycles_total
        walks that came upon owners in a ring
    otelhouse_enrich_owner_walks_cut_total
        walks that ended at `enrich.composition.owner_depth`
    otelhouse_enrich_waits_total{outcome}
        requests that waited for lookups; outcome="answered" or "gave_up"
    otelhouse_enrich_wait_seconds
        histogram: how long they waited
    otelhouse_enrich_lookups_total{outcome}
        lookups by how they ended: found, absent, denied, failed, dropped
    otelhouse_enrich_broken_total
        requests that were stored as they came because enriching them broke; each is in the log
    otelhouse_enrich_directory_objects{state}
        gauge: objects in the directory; state="live" or "deleted" (remembered, or found by a lookup)
    otelhouse_enrich_directory_bytes
        gauge: bytes that they take, estimated
    otelhouse_enrich_directory_refused_total
        objects that found no room
    otelhouse_enrich_directory_forgotten_early_total
        deleted objects that had to make room before their time
    otelhouse_enrich_resource_cache_total{outcome}
        resources that came; outcome="hit": what is known of the same attributes was remembered and still true; "miss"
    otelhouse_enrich_resource_cache_entries
        gauge: resources that are remembered
    otelhouse_enrich_sightings_waiting
        gauge: objects that wait to be written to otel_k8s_objects
    otelhouse_enrich_sightings_dropped_total
        changes of objects that will not be written, since too many wait
"""

import collections
from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from enrich.directory import Directory
from enrich.lookups import Outcome
from enrich.recording import Sightings

Note = tuple[str, ...]
"""Name of a counter and its labels, in their order."""
FOUND, UNKNOWN, MISMATCH, CYCLE, CUT = "found", "unknown", "mismatches", "owner_cycles", "owner_walks_cut"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Counters:
    """One set of counters for one registry; prometheus_client refuses a second set on the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"otelhouse_enrich_{name}", text, labels, registry=registry)

        self._by_name = {
            FOUND: counter(FOUND, "Resources and event records of which it was found out", "what", "source"),
            UNKNOWN: counter(UNKNOWN, "Resources and event records of which it was not", "what", "reason"),
            MISMATCH: counter(MISMATCH, "Resources that say one thing while their objects say another", "what"),
            CYCLE: counter(CYCLE, "Walks that came upon owners in a ring"),
            CUT: counter(CUT, "Walks that ended at the bound of their depth"),
        }
        self._waits = counter("waits", "Requests that waited for lookups", "outcome")
        self._lookups = counter("lookups", "Lookups by how they ended", "outcome")
        self._broken = counter("broken", "Requests that could not be enriched")
        self._wait_seconds = Histogram(
            "otelhouse_enrich_wait_seconds", "Seconds that requests waited", buckets=_SECONDS, registry=registry
        )
        self._children: dict[Note, Counter] = {}

    def add(self, notes: Iterable[Note]) -> None:
        """Add the notes of one request."""
        for note, number in collections.Counter(notes).items():
            child = self._children.get(note)
            if child is None:
                counter = self._by_name[note[0]]
                child = self._children[note] = counter.labels(*note[1:]) if len(note) > 1 else counter
            child.inc(number)

    def looked_up(self, outcome: Outcome) -> None:
        """A lookup ended."""
        self._lookups.labels(outcome.value).inc()

    def waited(self, seconds: float, *, answered: bool) -> None:
        """A request waited for lookups."""
        self._waits.labels("answered" if answered else "gave_up").inc()
        self._wait_seconds.observe(seconds)

    def broke(self) -> None:
        """A request could not be enriched."""
        self._broken.inc()


class ResourceCache(Protocol):
    """Remembers what came of resources: `enrich.remembered.ResourceMemory`."""

    hits: int
    misses: int

    @property
    def entries(self) -> int:
        """How many it remembers."""


class Gauges(Collector):
    """What the directory, the memory of resources and the queue of sightings hold, read when somebody asks."""

    def __init__(
        self, registry: CollectorRegistry, directory: Directory, sightings: Sightings, cache: ResourceCache
    ) -> None:
        self._directory = directory
        self._sightings = sightings
        self._cache = cache
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Give the samples of this moment."""
        census = self._directory.census()
        prefix = "otelhouse_enrich_"
        objects = GaugeMetricFamily(f"{prefix}directory_objects", "Objects in the directory", labels=["state"])
        objects.add_metric(["live"], census.live)
        objects.add_metric(["deleted"], census.deleted)
        yield objects
        yield GaugeMetricFamily(f"{prefix}directory_bytes", "Bytes that they take, estimated", census.bytes)
        yield CounterMetricFamily(f"{prefix}directory_refused", "Objects that found no room", census.refused)
        yield CounterMetricFamily(
            f"{prefix}directory_forgotten_early", "Deleted objects that had to make room", census.forgotten_early
        )
        yield from self._of_cache(prefix)
        yield GaugeMetricFamily(
            f"{prefix}sightings_waiting", "Objects that wait to be written", self._sightings.waiting
        )
        yield CounterMetricFamily(
            f"{prefix}sightings_dropped", "Changes that will not be written", self._sightings.dropped
        )

    def _of_cache(self, prefix: str) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            f"{prefix}resource_cache",
            "Resources by whether it was remembered what is known of them",
            labels=["outcome"],
        )
        asked.add_metric(["hit"], self._cache.hits)
        asked.add_metric(["miss"], self._cache.misses)
        yield asked
        yield GaugeMetricFamily(f"{prefix}resource_cache_entries", "Resources that are remembered", self._cache.entries)
