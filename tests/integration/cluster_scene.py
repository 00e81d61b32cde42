"""What a cluster tells of itself, for tests of questions about Kubernetes: log rows with events and pod logs, gauges.

Events are put in as collectors' log records, so that they come through the view that fills otel_k8s_events.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from answers import NOON

Row = Mapping[str, object]
CLUSTER = {"k8s.cluster.uid": "uid-north", "k8s.cluster.name": "north"}


def at(seconds: float) -> str:
    """So many seconds after noon, on whatever day that is, as ClickHouse reads it."""
    return f"{datetime.fromtimestamp(NOON + seconds, UTC):%Y-%m-%d %H:%M:%S.%f}000"


def clock(seconds: float) -> str:
    """So many seconds after noon, as Kubernetes writes it."""
    return f"{datetime.fromtimestamp(NOON + seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def event(
    seconds: float,
    reason: str = "BackOff",
    *,
    name: str = "api-1",
    kind: str = "Pod",
    namespace: str = "shop",
    type: str = "Warning",  # noqa: A002 - the field is called so
    message: str = "",
    count: int = 1,
    first: float | None = None,
    uid: str = "",
    version: str = "",
    composition: str = "",
    container: str = "",
    api_version: str = "v1",
    object_uid: str = "",
    cluster: Mapping[str, str] = CLUSTER,
) -> Row:
    """A row for otel_logs with a watched event that last happened `seconds` after noon."""
    uid = uid or f"event {kind} {namespace} {name} {reason}"
    about = {"apiVersion": api_version, "kind": kind, "name": name, "namespace": namespace}
    about |= {"uid": object_uid or f"uid of {name}"}
    about |= {"fieldPath": f"spec.containers{{{container}}}" if container else ""}
    told = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.17a", "uid": uid, "resourceVersion": version or f"{uid} {count}"},
        "involvedObject": about,
        "reason": reason,
        "message": message or f"{reason} of {name}",
        "type": type,
        "count": count,
        "firstTimestamp": clock(seconds if first is None else first),
        "lastTimestamp": clock(seconds),
        "source": {"component": "kubelet", "host": "node-1"},
    }
    return {
        "Timestamp": at(seconds),
        "Body": json.dumps({"type": "ADDED", "object": told}),
        "ResourceAttributes": {**cluster, "k8s.namespace.name": namespace},
        "LogAttributes": {"krateo.io/composition-id": composition} if composition else {},
    }


def flat(seconds: float, like: Row) -> Row:
    """The same event as a second collector sends it: flat, of no cluster it knows, and without a resource version."""
    told = json.loads(str(like["Body"]))["object"]
    about = told["involvedObject"]
    return {
        "Timestamp": at(seconds),
        "Body": told["message"],
        "SeverityText": told["type"],
        "ResourceAttributes": {
            "k8s.object.kind": about["kind"],
            "k8s.object.name": about["name"],
            "k8s.object.uid": about["uid"],
            "k8s.object.fieldpath": about["fieldPath"],
        },
        "LogAttributes": {
            "k8s.event.reason": told["reason"],
            "k8s.event.count": str(told["count"]),
            "k8s.event.uid": told["metadata"]["uid"],
            "k8s.namespace.name": about["namespace"],
            "k8s.event.start_time": told["firstTimestamp"].replace("T", " ").replace("Z", " +0000 UTC"),
        },
    }


def where(
    pod: str = "api-1", namespace: str = "shop", container: str = "app", uid: str = "", **more: str
) -> dict[str, str]:
    """Resource attributes of a container."""
    named = {"k8s.namespace.name": namespace, "k8s.pod.name": pod, "k8s.container.name": container}
    return {**CLUSTER, **named, "k8s.pod.uid": uid or f"uid of {pod}", **more}


def pod_log(
    seconds: float, body: str = "hello", *, resource: Mapping[str, str] | None = None, **columns: object
) -> Row:
    """A row for otel_logs from a pod."""
    return {"Timestamp": at(seconds), "Body": body, "ResourceAttributes": resource or where(), **columns}


def gauge(metric: str, values: Iterable[tuple[float, float]], resource: Mapping[str, str] | None = None) -> list[Row]:
    """Rows for otel_metrics_gauge: pairs of seconds after noon and a value."""
    same = {"MetricName": metric, "ResourceAttributes": resource or where()}
    return [{**same, "TimeUnix": at(seconds)[:19], "Value": value} for seconds, value in values]


def tell(put, rows: Sequence[Row]) -> None:
    """Put log rows in; what the view makes of them goes when the test ends, as they do."""
    put("otel_k8s_events", [])
    if rows:
        put("otel_logs", rows)
