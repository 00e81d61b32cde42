"""Ingest with enrichment on, as a house has it that watches a cluster of five thousand pods.

In: nothing, or a house that was started with the settings. Out: its settings, once its directory is filled, and the
requests of a workload as that house stores them. It refuses to go on with a directory that does not fill.
"""

import asyncio
import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from bench import pods, pods_api, workloads
from bench.house_process import RunningHouse
from bench.workloads import Workload
from enrich.objects import KubernetesObject
from enrich.opening import open_enrichment
from enrich.settings import EnrichSettings
from identity.sender import Sender
from ingest import wire
from ingest.counters import Counters
from ingest.intake import Encoding
from ingest.memory import Budget
from ingest.reading import Reader

FILL_SECONDS = 120.0
PODS = workloads.WORKLOADS * workloads.PODS
_MEMORY = 4 * 1024**3
_LIVE, _WAITING = 'otelhouse_enrich_directory_objects{state="live"}', "otelhouse_enrich_sightings_waiting"


def objects() -> list[KubernetesObject]:
    """All that is in the cluster."""
    return list(pods.objects(1, workloads.WORKLOADS, workloads.PODS))


@contextmanager
def settings(*, enriched: bool) -> Iterator[Mapping[str, str]]:
    """Settings of a house that enriches, or does not. The cluster's API server answers while this is entered."""
    if not enriched:
        yield {"OTELHOUSE_ENRICH_MODE": "off"}
        return
    with tempfile.TemporaryDirectory() as folder, pods_api.serving(objects(), Path(folder)) as kubeconfig:
        clusters = [{"name": pods.CLUSTERS[0].name, "kubeconfig": str(kubeconfig)}]
        yield {"OTELHOUSE_ENRICH_MODE": "on", "OTELHOUSE_ENRICH_CLUSTERS": json.dumps(clusters)}


def wait_until_known(house: RunningHouse) -> None:
    """Wait until the house knows all objects and has written them. Raises `RuntimeError` if it does not come to it."""
    wanted = len(objects())
    deadline = time.monotonic() + FILL_SECONDS
    while time.monotonic() < deadline:
        found = _figures(house)
        if found.get(_LIVE, 0) >= wanted and not found[_WAITING]:
            return
        time.sleep(0.2)  # it tells nobody when its directory is filled
    raise RuntimeError(f"the directory did not fill with {wanted} objects in {FILL_SECONDS:.0f} s")


def _figures(house: RunningHouse) -> dict[str, float]:
    with urllib.request.urlopen(f"{house.rest}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def parcels(workload: Workload, *, enriched: bool) -> list[wire.Parcel]:
    """Give the requests of a workload as a house stores them that enriches, or does not."""
    if not enriched:
        return [wire.read(workload.signal, request) for request in workload.requests]
    return asyncio.run(_enriched(workload))


async def _enriched(workload: Workload) -> list[wire.Parcel]:
    known = open_enrichment(EnrichSettings(), CollectorRegistry(), 1)
    known.clusters.found(pods.CLUSTERS[0])
    for one in objects():
        known.directory.put(one)
    reader = Reader(Budget(_MEMORY), Counters(CollectorRegistry()))
    reader.enricher = known.stage
    sender = Sender("127.0.0.1")
    try:
        return [await reader.read(workload.signal, one, Encoding.PROTOBUF, sender) for one in workload.requests]
    finally:
        reader.close()
        await known.close()
