"""The benchmark of the enrichment sends what it says: everything that can be written is written."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from bench import enrich_benchmark
from identity.sender import Sender
from ingest.counters import Counters
from ingest.intake import Encoding
from ingest.memory import Budget
from ingest.reading import Reader
from sql.signals import Signal


@pytest.fixture
def few_objects(monkeypatch):
    monkeypatch.setattr(enrich_benchmark, "WORKLOADS", 5)
    monkeypatch.setattr(enrich_benchmark, "EVENTS", 50)


def read(shape):
    async def run():
        enriched = enrich_benchmark.watched_clusters()
        reader = Reader(Budget(10**9), Counters(CollectorRegistry()))
        reader.enricher = enriched.stage
        try:
            return await reader.read(Signal.LOGS, shape.requests[0], Encoding.PROTOBUF, Sender("10.0.0.1"))
        finally:
            reader.close()
            await enriched.close()

    return b"".join(asyncio.run(run()).chunks)


def test_every_resource_gets_its_composition_and_its_workload(few_objects):
    stored = read(enrich_benchmark.logs("logs", 100, 10))
    assert stored.count(b"krateo.composition.id") == 10
    assert stored.count(b"k8s.deployment.name") == 10
    assert stored.count(b"k8s.pod.labels.app.kubernetes.io/name") == 10


def test_nearly_all_events_get_the_composition_of_their_pod(few_objects):
    stored = read(enrich_benchmark.events())
    assert 40 <= stored.count(b"krateo.io/composition-id") <= 50


def test_a_shape_is_measured_with_and_without(few_objects):
    shape = enrich_benchmark.logs("logs", 100, 10)
    figures = asyncio.run(enrich_benchmark.measure([shape], rounds=1))
    assert figures["logs"].without > 0
    assert figures["logs"].with_ > 0
