"""Spans, metrics and Kubernetes events of one place, as OTLP JSON: enough for every tool of agents to tell of it.

In: the name of a place and the word that stands in all that is its own. Out: the body of a request by signal. Two
places share the names by which tools are asked: namespace, composition, trace, metric, and the beginning of the pod's.
"""

import json
import time

TRACE = "0af7651916cd43dd8448eb211c80319c"
COMPOSITION = "5b8efff7-98b0-4103-8d26-9b633813fc60"
METRIC = "queue.length"
_GAUGES = {
    METRIC: (1, 2, 3, 4),
    "k8s.container.restarts": (0, 1, 2, 9),
    "container.memory.working_set": (50e6, 70e6, 90e6, 99e6),
    "k8s.container.memory_limit": (100e6, 100e6, 100e6, 100e6),
}
_STEP_S = 120


def bodies(place: str, word: str) -> list[tuple[str, bytes]]:
    """Signal and body of each request."""
    now = time.time_ns()
    return [
        (signal, json.dumps(body).encode())
        for signal, body in (
            ("traces", _spans(place, word, now)), ("metrics", _metrics(place, word, now)),
            ("logs", _events(place, word, now)), ("logs", _errors(place, word, now)),
        )
    ]  # fmt: skip


def _attributes(**told):
    return [{"key": name.replace("__", "."), "value": {"stringValue": value}} for name, value in told.items()]


def _resource(place, word, **more):
    named = {
        "service.name": f"shop-{place}", "k8s.cluster.name": place, "k8s.namespace.name": "shop", "secret": word,
        "k8s.pod.name": f"cart-{word.lower()}-0", "k8s.container.name": "app", "krateo.composition.id": COMPOSITION,
    }  # fmt: skip
    return {"attributes": _attributes(**{**named, **more})}


def _spans(place, word, now):
    def span(number, kind, **more):
        start = now - (40 - number) * 10**9
        return {
            "traceId": TRACE, "spanId": f"{number:08x}{place.encode().hex()[:8]:0>8}", "name": f"do {word}",
            "kind": kind, "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9),
            "status": {"code": 2, "message": word}, **more,
        }  # fmt: skip

    client = span(1, 3)
    served = span(2, 2, parentSpanId=client["spanId"])
    agent = span(3, 1, attributes=_attributes(gen_ai__agent__name=word))
    called = _resource(place, word) | {
        "attributes": _resource(place, word, **{"service.name": f"pay-{place}"})["attributes"]
    }
    alone = span(4, 2, traceId=f"{place.encode().hex():0>32}")
    own = {"resource": _resource(place, word), "scopeSpans": [{"spans": [client, agent, alone]}]}
    return {"resourceSpans": [own, {"resource": called, "scopeSpans": [{"spans": [served]}]}]}


def _metrics(place, word, now):
    metrics = [
        {"name": name, "gauge": {"dataPoints": [
            {"timeUnixNano": str(now - (len(values) - n) * _STEP_S * 10**9), "asDouble": value,
             "attributes": _attributes(kind=word)}
            for n, value in enumerate(values)
        ]}}
        for name, values in {**_GAUGES, f"of.{place}": (1, 2)}.items()
    ]  # fmt: skip
    return {"resourceMetrics": [{"resource": _resource(place, word), "scopeMetrics": [{"metrics": metrics}]}]}


def _events(place, word, now):
    def about(kind, name, reason, severity, said, composition=COMPOSITION):
        record = {
            "timeUnixNano": str(now - 30 * 10**9), "severityText": severity, "body": {"stringValue": said},
            "attributes": _attributes(
                k8s__namespace__name="shop", k8s__event__reason=reason, k8s__event__uid=f"{kind} {place} {now}",
                k8s__event__name=f"event of {word}", **{"krateo.io/composition-id": composition},
            ),
        }  # fmt: skip
        told = {"k8s.object.kind": kind, "k8s.object.name": name, "k8s.object.uid": f"{kind} of {place}"}
        told |= {"krateo.composition.id": composition}
        return {"resource": _resource(place, word, **told), "scopeLogs": [{"logRecords": [record]}]}

    pod, deployment = f"cart-{word.lower()}-0", f"cart-{word.lower()}"
    steps = f"Scaled up replica set {deployment} to 1"
    return {
        "resourceLogs": [
            about("Pod", pod, "BackOff", "Warning", f"{word} restarts"),
            about("Deployment", deployment, "ScalingReplicaSet", "Normal", steps, f"of-{place}"),
        ]
    }


def _errors(place, word, now):
    records = [
        {"timeUnixNano": str(now - n * 10**9), "severityNumber": 17, "body": {"stringValue": f"{word} lost no. {n}"}}
        for n in range(1, 13)
    ]
    return {"resourceLogs": [{"resource": _resource(place, word), "scopeLogs": [{"logRecords": records}]}]}
