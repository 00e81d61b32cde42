"""Kubernetes events in the two shapes in which collectors send them.

In: what happened to which object. Out: log records in a cluster's telemetry.

- *watched*: the k8sobjects receiver's body is the watch event, a map that holds the Event;
- *flat*: the k8s_events receiver's body is the message, and everything else are attributes.

Sources: the READMEs of k8sobjectsreceiver and k8seventsreceiver in
https://github.com/open-telemetry/opentelemetry-collector-contrib
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from bench.agents.cluster import Names, Pod
from bench.agents.telemetry import INFO, WARN, Telemetry, pairs, value

Event = dict[str, Any]
"""A Kubernetes Event, as its API has it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an event is about."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    node: str = ""
    field_path: str = ""
    api_version: str = "v1"
    composition: str = ""
    """The Krateo composition that owns it, by its id."""


def about(pod: Pod) -> Subject:
    """A pod as the subject of events."""
    path = f"spec.containers{{{pod.container}}}"
    return Subject("Pod", pod.name, pod.workload.namespace, pod.uid, pod.node, path)


class EventRecorder:
    """Tells a cluster's events, all in one shape."""

    def __init__(self, telemetry: Telemetry, names: Names, *, flat: bool) -> None:
        self._telemetry = telemetry
        self._names = names
        self._tell = self._flat if flat else self._watched
        self._version = 100_000

    def tell(
        self,
        subject: Subject,
        minutes_ago: Sequence[float],
        reason: str,
        message: str,
        *,
        warning: bool = True,
        component: str = "kubelet",
    ) -> None:
        """One Event that happened at these times, told anew each time with its count, as Kubernetes does."""
        name, uid = f"{subject.name}.{self._names.ending(16)}", self._names.uid()
        times = [self._telemetry.at(minutes) for minutes in minutes_ago]
        for count, at in enumerate(times, start=1):
            self._version += 1
            event: Event = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": name,
                    "namespace": subject.namespace or "default",
                    "uid": uid,
                    "resourceVersion": str(self._version),
                    "creationTimestamp": _clock(times[0]),
                },
                "involvedObject": {
                    "apiVersion": subject.api_version,
                    "kind": subject.kind,
                    "name": subject.name,
                    "namespace": subject.namespace,
                    "uid": subject.uid,
                    "fieldPath": subject.field_path,
                },
                "reason": reason,
                "message": message,
                "type": "Warning" if warning else "Normal",
                "count": count,
                "firstTimestamp": _clock(times[0]),
                "lastTimestamp": _clock(at),
                "source": {"component": component, "host": subject.node},
                "reportingComponent": component,
                "reportingInstance": subject.node,
            }
            self._tell(event, subject, at)

    def _watched(self, event: Event, subject: Subject, at: int) -> None:
        attributes = {"event.domain": "k8s", "event.name": subject.name, "k8s.resource.name": "events"}
        if subject.composition:
            attributes["krateo.io/composition-id"] = subject.composition
        resource = {**self._telemetry.of_cluster(), "k8s.namespace.name": subject.namespace}
        record = _record(at, INFO, pairs(attributes))
        record.body.CopyFrom(value({"type": "ADDED" if event["count"] == 1 else "MODIFIED", "object": event}))
        self._telemetry.record(resource, record)

    def _flat(self, event: Event, subject: Subject, at: int) -> None:
        attributes = {
            "k8s.event.reason": event["reason"],
            "k8s.event.action": "",
            "k8s.event.start_time": f"{datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC",
            "k8s.event.name": event["metadata"]["name"],
            "k8s.event.uid": event["metadata"]["uid"],
            "k8s.event.count": event["count"],
            "k8s.namespace.name": subject.namespace,
        }
        if subject.composition:
            attributes["krateo.io/composition-id"] = subject.composition
        resource = {
            **self._telemetry.of_cluster(),
            "k8s.node.name": subject.node,
            "k8s.object.kind": subject.kind,
            "k8s.object.name": subject.name,
            "k8s.object.uid": subject.uid,
            "k8s.object.fieldpath": subject.field_path,
            "k8s.object.api_version": subject.api_version,
            "k8s.object.resource_version": event["metadata"]["resourceVersion"],
        }
        record = _record(at, WARN if event["type"] == "Warning" else INFO, pairs(attributes))
        record.severity_text = str(event["type"])
        record.body.string_value = str(event["message"])
        self._telemetry.record(resource, record)


def _record(at: int, severity: int, attributes: list) -> LogRecord:  # type: ignore[type-arg]  # KeyValue of upb
    return LogRecord(
        time_unix_nano=at,
        observed_time_unix_nano=at,
        severity_number=severity,  # type: ignore[arg-type]  # the enum's numbers are its values
        attributes=attributes,
    )


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%dT%H:%M:%SZ}"
