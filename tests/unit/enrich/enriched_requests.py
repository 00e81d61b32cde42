"""Export requests sent through the enrichment as ingest does it, and what came out."""

import asyncio
from dataclasses import dataclass, field

from kubernetes_made import CLUSTER
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from prometheus_client import CollectorRegistry

from enrich.clusters import Cluster
from enrich.opening import open_enrichment
from enrich.settings import EnrichSettings
from identity.sender import Sender
from ingest import binding, wire
from ingest.enriching import Enriching
from sql.signals import Signal

NORTH = Cluster(CLUSTER, "north")
SOMEBODY = Sender("10.9.9.9")


def value(said):
    if isinstance(said, str):
        return AnyValue(string_value=said)
    if isinstance(said, bool):
        return AnyValue(bool_value=said)
    if isinstance(said, int):
        return AnyValue(int_value=said)
    if isinstance(said, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(said)))
    if isinstance(said, list):
        return AnyValue(array_value=ArrayValue(values=list(map(value, said))))
    return AnyValue()


def pairs(said):
    return [KeyValue(key=key, value=value(one)) for key, one in said.items()]


def logs(*resources):
    """Make a request; each resource is its attributes, then its records: a body, or a body and attributes."""
    request = ExportLogsServiceRequest()
    for attributes, *records in resources:
        made = request.resource_logs.add()
        made.resource.attributes.extend(pairs(attributes))
        scoped = made.scope_logs.add()
        for record in records or ["hello"]:
            body, own = record if isinstance(record, tuple) else (record, {})
            scoped.log_records.add(body=value(body), attributes=pairs(own))
    return request.SerializeToString()


def text_of(attributes):
    """All attributes; of a key that stands there twice the values as a list."""
    out = {}
    for one in attributes:
        key, said = one.key.decode(), one.value.string_value.decode()
        out[key] = [out[key], said] if key in out else said
    return out


@dataclass
class House:
    """An enrichment of one cluster, and what it counted."""

    settings: dict = field(default_factory=dict)
    clusters: tuple = (NORTH,)
    source: object = None

    def __post_init__(self):
        self.registry = CollectorRegistry()
        chosen = EnrichSettings.model_validate(self.settings)
        self.parts = open_enrichment(chosen, self.registry, len(self.clusters), self.source)
        for one in self.clusters:
            self.parts.clusters.found(one)

    def put(self, *objects):
        for one in objects:
            self.parts.directory.put(one)

    def send(self, body, sender=SOMEBODY, signal=Signal.LOGS):
        """Give the attributes of each resource, and of each of its records."""
        return asyncio.run(self.sent(body, sender, signal))

    async def sent(self, body, sender=SOMEBODY, signal=Signal.LOGS):
        request = wire.parse(signal, body)
        binding.bind(request.resources, sender)
        enriching = Enriching(self.parts.stage, request, asyncio.to_thread, body)
        await enriching.resources(sender)
        if wire.pack(request) is None:
            wire.flatten(request)
            await enriching.maps()
        enriching.count()
        return [self._read(one, signal) for one in request.resources]

    def resource(self, attributes, *records, **given):
        """Send one resource; gives its attributes."""
        return self.send(logs((attributes, *records)), **given)[0][0]

    def _read(self, resource, signal):
        records = []
        if signal is Signal.LOGS:
            records = [text_of(one.attributes) for scoped in resource.scope_logs for one in scoped.log_records]
        return text_of(resource.resource.attributes), records

    def counted(self, name, **labels):
        return self.registry.get_sample_value(f"otelhouse_enrich_{name}_total", labels) or 0
