"""Kubernetes events as collectors send them: log rows for otel_logs, and what otel_k8s_events should make of them."""

import json

TIME = "2026-11-20 10:10:00.000000000"

CORE = {
    "apiVersion": "v1",
    "kind": "Event",
    "count": 3,
    "firstTimestamp": "2026-11-20T10:00:00Z",
    "lastTimestamp": "2026-11-20T10:05:00Z",
    "eventTime": None,
    "involvedObject": {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "api-1",
        "namespace": "shop",
        "uid": "pod-1",
        "fieldPath": "spec.containers{app}",
    },
    "message": 'Back-off restarting "app"',
    "metadata": {
        "name": "api-1.17a",
        "uid": "e1",
        "resourceVersion": "100",
        "creationTimestamp": "2026-11-20T10:00:00Z",
    },
    "reason": "BackOff",
    "source": {"component": "kubelet", "host": "node-1"},
    "reportingComponent": "kubelet",
    "type": "Warning",
}
"""As the API v1 has them."""

NEW = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "action": "Binding",
    "deprecatedSource": {},
    "eventTime": "2026-11-20T10:00:00.123456Z",
    "metadata": {"name": "api-2.1", "uid": "e2", "resourceVersion": "7", "creationTimestamp": "2026-11-20T10:00:00Z"},
    "note": "Scheduled it",
    "reason": "Scheduled",
    "regarding": {"kind": "Pod", "name": "api-2", "namespace": "shop", "uid": "pod-2"},
    "reportingController": "default-scheduler",
    "reportingInstance": "scheduler-0",
    "series": {"count": 9, "lastObservedTime": "2026-11-20T10:07:00.000001Z"},
    "type": "Normal",
}
"""As the API events.k8s.io/v1 has them."""

NOT_EVENTS = [
    "",
    "{",
    '{"involvedObject":',
    '{"object":{"involvedObject":{"kind":5,"name":["x"]},"kind":"Event","count":"many","metadata":7}}',
    '{"regarding":"your order"}',
    '{"object":5,"involvedObject":{"kind":"Pod"},"reason":""}',
    '{"type":"ADDED","object":{"kind":"Pod","reason":"x","involvedObject":{"kind":"Pod"}}}',
    '[{"involvedObject":1}]',
    'he said "involvedObject" and "regarding"',
    '\\ud800 \x00 "regarding"',
    '{"object":{"involvedObject":{"kind":"Pod","name":"\\ud800"},"reason":"\\ud800" ',
]
"""Bodies that look like events for a moment, and must be stored as logs and nothing else."""


def watched(event, kind="ADDED"):
    """The body that the k8sobjects receiver sends in watch mode."""
    return json.dumps({"type": kind, "object": event})


def row(body, *, time=TIME, log=(), resource=(), severity=""):
    """A row for otel_logs."""
    attributes = {"k8s.cluster.uid": "cluster-1", "k8s.cluster.name": "north", **dict(resource)}
    return {
        "Timestamp": time,
        "Body": body,
        "LogAttributes": dict(log),
        "ResourceAttributes": attributes,
        "SeverityText": severity,
    }


FLAT = row(
    "Created pod",
    severity="Normal",
    log={
        "k8s.event.reason": "Created",
        "k8s.event.action": "",
        "k8s.event.count": "2",
        "k8s.event.uid": "e3",
        "k8s.event.name": "api-3.1",
        "k8s.event.start_time": "2026-11-20 10:01:02 +0000 UTC",
        "k8s.namespace.name": "shop",
        "krateo.io/composition-id": "composition-1",
    },
    resource={
        "k8s.object.kind": "Pod",
        "k8s.object.name": "api-3",
        "k8s.object.uid": "pod-3",
        "k8s.object.api_version": "v1",
        "k8s.object.fieldpath": "spec.containers{app}",
        "k8s.node.name": "node-2",
    },
)
"""As the k8sevents receiver sends one."""
