"""What Kubernetes saw of the shop: events in the two shapes in which collectors deliver them.

- *watch*: the `k8sobjects` receiver's body is the watch event itself, a map with the Event as a nested map;
- *flat*: the `k8s_events` receiver's body is the message, and everything else are attributes.

Sources: the READMEs of k8sobjectsreceiver and k8seventsreceiver in
https://github.com/open-telemetry/opentelemetry-collector-contrib
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from otelhouse.demo import shop as shops
from otelhouse.demo.shop import Service, Shop

MINUTE = 60 * 1_000_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """One Kubernetes Event about one pod."""

    service: Service
    minutes_ago: float
    reason: str
    message: str
    component: str = "kubelet"
    type: str = "Normal"
    count: int = 1


def cluster_events(shop: Shop) -> Iterator[ClusterEvent]:
    """The half hour as Kubernetes tells it, oldest first."""
    for service in shop.services.values():
        where = f"{shops.NAMESPACE}/{service.pod}"
        assigned = f"Successfully assigned {where} to {service.node}"
        yield ClusterEvent(service, 29.5, "Scheduled", assigned, component="default-scheduler")
        yield ClusterEvent(service, 29.3, "Started", f"Started container {service.name}")
    payment = shop["payment"]
    probe = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    yield ClusterEvent(payment, 9.2, "Unhealthy", probe, type="Warning", count=6)
    for minutes_ago, count in ((5.9, 1), (1.9, 2)):
        killed = f"Container payment in pod {payment.pod} was killed: memory limit of 256Mi exceeded"
        yield ClusterEvent(payment, minutes_ago, "OOMKilled", killed, type="Warning", count=count)
        again = f"Back-off restarting failed container payment in pod {payment.pod}"
        yield ClusterEvent(payment, minutes_ago - 0.4, "BackOff", again, type="Warning", count=count)
        yield ClusterEvent(payment, minutes_ago - 0.8, "Started", "Started container payment", count=count + 1)


def tell_cluster_events(shop: Shop, rng: random.Random, now: int) -> list[ReadableLogRecord]:
    """Every event as a log record: those about payment as watch events, the others flat."""
    records: list[ReadableLogRecord] = []
    told: dict[tuple[str, str, str], _Identity] = {}
    for event in cluster_events(shop):
        at = now - int(event.minutes_ago * MINUTE)
        what = (event.service.pod, event.reason, event.message)
        if (known := told.get(what)) is None:
            name = f"{event.service.pod}.{rng.getrandbits(60):015x}"
            known = told[what] = _Identity(name, shops.made_up_uid(rng), at)
        teller = _watched if event.service.name == "payment" else _flat
        records += teller(event, known, rng, at)
    return records


@dataclass(frozen=True, slots=True)
class _Identity:
    """What stays of an Event when the same happens again: Kubernetes counts on in the one that there is."""

    name: str
    uid: str
    first: int
    """When it happened first, nanoseconds since the epoch."""


def _watched(event: ClusterEvent, known: _Identity, rng: random.Random, at: int) -> list[ReadableLogRecord]:
    name = known.name
    resource = {
        "telemetry.source": "k8s-events",
        "k8s.cluster.name": shops.CLUSTER_NAME,
        "k8s.cluster.uid": shops.CLUSTER_UID,
        "k8s.namespace.name": shops.NAMESPACE,
    }
    attributes = {"event.domain": "k8s", "event.name": name, "k8s.resource.name": "events"}
    if event.service.composition:
        attributes[shops.COMPOSITION_LABEL] = event.service.composition
    body = {"type": "ADDED" if at == known.first else "MODIFIED", "object": _object(event, known, rng, at)}
    return _record("k8sobjects", resource, at, body=body, attributes=attributes)


def _object(event: ClusterEvent, known: _Identity, rng: random.Random, at: int) -> dict[str, Any]:
    first, last = (
        datetime.fromtimestamp(ns / 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for ns in (known.first, at)
    )
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": known.name,
            "namespace": shops.NAMESPACE,
            "uid": known.uid,
            "resourceVersion": str(rng.randint(100_000, 999_999)),
            "creationTimestamp": first,
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": event.service.pod,
            "namespace": shops.NAMESPACE,
            "uid": event.service.pod_uid,
            "fieldPath": f"spec.containers{{{event.service.name}}}",
        },
        "reason": event.reason,
        "message": event.message,
        "type": event.type,
        "count": event.count,
        "firstTimestamp": first,
        "lastTimestamp": last,
        "source": {"component": event.component, "host": event.service.node},
        "reportingComponent": event.component,
        "reportingInstance": event.service.node,
    }


def _flat(event: ClusterEvent, known: _Identity, rng: random.Random, at: int) -> list[ReadableLogRecord]:
    resource = {
        "telemetry.source": "k8s-events",
        "k8s.cluster.name": shops.CLUSTER_NAME,
        "k8s.cluster.uid": shops.CLUSTER_UID,
        "k8s.node.name": event.service.node,
        "k8s.object.kind": "Pod",
        "k8s.object.name": event.service.pod,
        "k8s.object.uid": event.service.pod_uid,
        "k8s.object.fieldpath": f"spec.containers{{{event.service.name}}}",
        "k8s.object.api_version": "v1",
        "k8s.object.resource_version": str(rng.randint(100_000, 999_999)),
    }
    attributes = {
        "k8s.event.reason": event.reason,
        "k8s.event.action": "",
        "k8s.event.name": known.name,
        "k8s.event.uid": known.uid,
        "k8s.event.count": event.count,
        "k8s.namespace.name": shops.NAMESPACE,
    }
    severity = SeverityNumber.WARN if event.type == "Warning" else SeverityNumber.INFO
    return _record(
        "k8sevents",
        resource,
        at,
        body=event.message,
        attributes=attributes,
        severity=severity,
        text=event.type,
    )


def _record(  # noqa: PLR0913  a log record has this many parts
    scope: str,
    resource: dict[str, str],
    at: int,
    *,
    body: Any,  # noqa: ANN401  any OTLP value
    attributes: dict[str, Any],
    severity: SeverityNumber = SeverityNumber.UNSPECIFIED,
    text: str = "",
) -> list[ReadableLogRecord]:
    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    provider = LoggerProvider(Resource(resource), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    provider.get_logger(f"otelcol/{scope}receiver").emit(
        timestamp=at,
        observed_timestamp=at,
        severity_number=severity,
        severity_text=text,
        body=body,
        attributes=attributes,
    )
    return list(kept.get_finished_logs())
