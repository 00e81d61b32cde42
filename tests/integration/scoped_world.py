"""Databases for tests of what readers of a part see: with the telemetry of four places, of a single one, and of none.

Every cell that is not of the place `east` says ZANZIBAR, so that this word anywhere in a response is a leak.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest
from answers import NOON, at
from asgi_client import Client
from prometheus_client import CollectorRegistry

import ready_tables
from identity.errors import UnauthenticatedError
from identity.reader import Reader, Role, Scope
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.rest import build_app
from query.settings import QuerySettings
from sql import scopes
from sql.catalogue import Catalogue, Question, load_catalogue
from sql.settings import RetentionSettings, SchemaSettings
from store.opening import open_store
from store.port import Insert, Select
from store.settings import StoreSettings

ROOT = "/api/v1/questions"
CATALOGUE = load_catalogue()
LEAK = "ZANZIBAR"
MINE, THEIRS, SHARED = "a" * 32, "b" * 32, "c" * 32
"""Traces: in `east` alone, in `west` alone, in both."""

UID = "5b8efff7-98b0-4103-8d26-9b633813fc60"
NASTY = "o'br\\ien \u00fc\n${x}"
PLACES = {
    "east": ("east", UID, "payments", "shop-1"),
    "west": ("west", "uid-west", "payments", "bank-1"),
    "nowhere": ("", "", "", ""),
    "nasty": (NASTY, "uid-nasty", "kitchen", "shop-2"),
}
"""Cluster by name and uid, namespace, composition."""

WINDOW = {"since": str(NOON - 60), "until": str(NOON + 600)}


def resource(place: str) -> dict[str, str]:
    cluster, uid, namespace, composition = PLACES[place]
    named = {
        "k8s.cluster.name": cluster,
        "k8s.cluster.uid": uid,
        "k8s.namespace.name": namespace,
        "krateo.composition.id": composition,
    }
    return {**named, "secret": word(place)}


def word(place: str) -> str:
    return "plain" if place == "east" else LEAK


def service(place: str) -> str:
    return "shop" if place == "east" else f"{LEAK}-{place}"


def rows(place: str) -> Mapping[str, list[Mapping[str, object]]]:
    """One row or two for each table."""
    own = {"ResourceAttributes": resource(place), "ServiceName": service(place), "IngestedAt": at(5)}
    log = {**own, "Timestamp": at(1), "Body": f"{word(place)} password", "SeverityText": "ERROR"}
    spans = [
        {
            **own,
            "Timestamp": at(2 + len(place)),
            "TraceId": trace,
            "SpanId": f"{place[0]}{trace[:15]}",
            "SpanName": word(place),
            "SpanKind": "Server",
            "StatusMessage": word(place),
            "Duration": 5_000_000 * len(place),
        }
        for trace in (MINE if place == "east" else THEIRS, SHARED)
    ]
    point = {**own, "TimeUnix": at(3)[:19], "StartTimeUnix": at(0)[:19], "Attributes": {"k": word(place)}}
    point |= {"MetricUnit": word(place)}
    counted = {**point, "Count": 1, "Sum": 1.0}
    rising = {**point, "Value": 1.0, "IsMonotonic": True, "AggregationTemporality": 2}
    return {
        "otel_logs": [{**log, "LogAttributes": {"k": word(place)}}, {**log, "TraceId": SHARED}, event(place)],
        "otel_traces": spans,
        "otel_metrics_gauge": [{**point, "MetricName": "gauge", "Value": 1.0}],
        "otel_metrics_sum": [{**rising, "MetricName": "sum"}],
        "otel_metrics_histogram": [
            {**counted, "MetricName": "histogram", "BucketCounts": [1], "ExplicitBounds": [1.0]},
        ],
        "otel_metrics_exponential_histogram": [{**counted, "MetricName": "exponential"}],
        "otel_metrics_summary": [{**counted, "MetricName": "summary"}],
    }


def event(place: str) -> Mapping[str, object]:
    """A warning about a pod, which the view makes a Kubernetes event of."""
    pod = {"k8s.object.kind": "Pod", "k8s.object.name": f"pod-{word(place)}", "k8s.object.uid": f"pod of {word(place)}"}
    about = {"k8s.namespace.name": PLACES[place][2], "k8s.event.reason": f"BackOff{word(place)}"}
    return {
        "Timestamp": at(4),
        "IngestedAt": at(5),
        "Body": f"{word(place)} restarts",
        "SeverityText": "Warning",
        "ServiceName": service(place),
        "LogAttributes": {**about, "k8s.event.uid": f"event {place}", "k8s.event.name": f"event of {word(place)}"},
        "ResourceAttributes": {**resource(place), **pod},
    }


def rollout(place: str) -> Mapping[str, object]:
    """A step of a Deployment's rollout, as an event."""
    told = {"k8s.object.kind": "Deployment", "k8s.object.name": f"of-{word(place)}", "k8s.object.uid": f"of {place}"}
    about = {"k8s.namespace.name": PLACES[place][2], "k8s.event.reason": "ScalingReplicaSet"}
    return {
        "Timestamp": at(20),
        "Body": f"Scaled up replica set of-{word(place)} to 1",
        "SeverityText": "Normal",
        "ServiceName": service(place),
        "LogAttributes": {**about, "k8s.event.uid": f"rollout {place}", "k8s.event.name": f"rollout of {word(place)}"},
        "ResourceAttributes": {**resource(place), **told},
    }


def more_to_tell(place: str) -> Mapping[str, list[Mapping[str, object]]]:
    """What questions have to find before they have anything to say: calls, agents, restarts, memory, new messages."""
    own = {"ResourceAttributes": {**resource(place), "k8s.pod.name": f"pod-{word(place)}", "k8s.container.name": "app"}}
    traced = {**own, "TraceId": f"{place:d<32}", "Duration": 10**6, "Timestamp": at(10)}
    called, agent = f"{service(place)}-called", {"gen_ai.agent.name": word(place)}
    measured = {
        "k8s.container.restarts": [(-50, 0), (200, 1), (300, 2), (500, 9)],
        "container.memory.working_set": [(-50, 50), (200, 70), (500, 99)],
        "k8s.container.memory_limit": [(-50, 100), (500, 100)],
    }
    return {
        "otel_traces": [
            {**traced, "SpanId": "c", "SpanKind": "Client", "ServiceName": service(place)},
            {**traced, "SpanId": "s", "ParentSpanId": "c", "SpanKind": "Server", "ServiceName": called},
            {**traced, "SpanId": "a", "ServiceName": service(place), "SpanAttributes": agent},
        ],
        "otel_logs": [
            {
                **own,
                "Timestamp": at(n),
                "Body": f"{word(place)} lost no. {n}",
                "SeverityNumber": 17,
                "ServiceName": service(place),
            }
            for n in range(12)
        ]
        + [rollout(place)],
        "otel_metrics_gauge": [
            {**own, "ServiceName": service(place), "MetricName": name, "TimeUnix": at(when), "Value": value}
            for name, points in measured.items()
            for when, value in points
        ],
    }


EVENT = {
    "Timestamp": at(4),
    "Body": "flat",
    "LogAttributes": {"k8s.event.reason": "Created", "k8s.namespace.name": "kitchen"},
    "ResourceAttributes": {
        "k8s.cluster.name": "north",
        "k8s.namespace.name": "payments",
        "k8s.object.kind": "Pod",
        "k8s.object.name": LEAK,
    },
    "ServiceName": LEAK,
}
"""Watched by a collector in the namespace payments, about a pod in the namespace kitchen."""

MY_LOGS, ALL_LOGS = 3, 13

READERS = {
    "by-name": Scope(clusters=("east",)),
    "by-uid": Scope(clusters=(UID,)),
    "by-composition": Scope(compositions=("shop-1",)),
    "by-all": Scope(("east", "x"), ("payments",), ("shop-1",), ("logs", "traces", "metrics", "events")),
    "by-nasty-name": Scope(clusters=(NASTY,)),
    "by-namespace": Scope(namespaces=("payments",)),
    "by-empty-name": Scope(clusters=("",)),
    "by-two-that-exclude-each-other": Scope(clusters=("east",), namespaces=("kitchen",)),
    "logs-only": Scope(signals=("logs",)),
    "events-only": Scope(signals=("events",)),
    "all": Scope(),
}


class Gate:
    """The token is the reader's name."""

    async def admit(self, credential: str | None, peer: str) -> Reader:
        if credential not in READERS:
            raise UnauthenticatedError("no valid token")
        return Reader(credential, Role.VIEWER, READERS[credential], peer)


class World:
    """A database with some places in it, behind REST."""

    def __init__(self, settings: StoreSettings, name: str, places: list[str]) -> None:
        self.settings = settings
        self.name = f"scopes_{name}_{os.getpid()}"
        self._outside = open_store(settings)
        self._outside.select(Select(f"CREATE DATABASE {self.name}"))
        self.store = open_store(settings.model_copy(update={"database": self.name}))
        self._make_tables(
            SchemaSettings(
                retention=RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0),
                fsync_inserts=False,
            )
        )
        for place in places:
            for table, lines in rows(place).items():
                self.put(table, lines)
        self.desk = self.desk_of(CATALOGUE)
        keeping = Doorkeeping(Gate(), metrics_need_a_token=True)
        self.app = build_app(self.desk, {}, CollectorRegistry(), doorkeeping=keeping)
        self._clients: list[Client] = []

    def _make_tables(self, settings: SchemaSettings) -> None:
        ready_tables.make(self.store, settings)

    def put(self, table: str, lines: list[Mapping[str, object]]) -> None:
        chunks = [json.dumps(line).encode() + b"\n" for line in lines]
        self.store.insert(Insert(table, "JSONEachRow", chunks, token=uuid.uuid4().hex))

    def desk_of(self, catalogue: Catalogue) -> Desk:
        return Desk(self.store, catalogue, QuerySettings(), now=lambda: (NOON + 600) * 10**9)

    def reader(self, name: str) -> Client:
        self._clients.append(Client(self.app, name))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.app.state.readiness.close()
        self.desk.close()
        self.store.close()
        self._drop()
        self._outside.close()

    def _drop(self) -> None:
        self._outside.select(Select(f"DROP DATABASE {self.name} SYNC"))


@pytest.fixture(scope="session", params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def scoped_settings(request: pytest.FixtureRequest) -> StoreSettings:
    if request.param == "embedded":
        return StoreSettings(path=request.getfixturevalue("engine_folder"))
    return StoreSettings(url=request.getfixturevalue("clickhouse_server").url)


@pytest.fixture(scope="session")
def world(scoped_settings: StoreSettings) -> Iterator[World]:
    """All of it."""
    world = World(scoped_settings, "all", [*PLACES])
    world.put("otel_logs", [EVENT])
    yield world
    world.close()


@pytest.fixture(scope="session")
def east(scoped_settings: StoreSettings) -> Iterator[World]:
    """Nothing but the place east."""
    east = World(scoped_settings, "east", ["east"])
    yield east
    east.close()


def is_divided(question: Question) -> bool:
    try:
        return bool(scopes.reads(question.name, question.sql))
    except scopes.UndividedError:
        return False


PODS = {"namespace": "payments", "pod": "pod-*"}


@pytest.fixture(scope="session")
def nothing(scoped_settings: StoreSettings) -> Iterator[World]:
    """Empty tables."""
    nothing = World(scoped_settings, "nothing", [])
    yield nothing
    nothing.close()


WELL_ASKED: dict[str, list[Mapping[str, object]]] = {
    "attribute_keys": [{}, {"signal": "traces"}],
    "attribute_values": [{"attribute": "secret"}, {"attribute": "k", "signal": "metrics"}],
    "clusters": [{}],
    "compare_windows": [{}],
    "error_rate_change": [{}],
    "errors_by_service": [{}, {"namespace": "payments"}],
    "find_traces": [{}, {"attribute": "secret"}, {"service": "shop"}],
    "freshness": [{}],
    "ingest_volume": [{}],
    "metric_names": [{}, {"kind": "sum"}],
    "service_overview": [{}, {"by": "span"}],
    "trace_critical_path": [{"trace_id": MINE}, {"trace_id": SHARED}],
    "composition_events": [{"composition": "shop-1"}],
    "log_patterns": [{}, {"sample": 1000, "limit": 1}],
    "object_events": [{}, {"kind": "Pod", "type": "Warning"}],
    "pod_errors": [PODS],
    "pod_timeline": [PODS],
    "warning_summary": [{}, {"namespace": "payments"}],
    "recent_logs": [{}, {"text": "password"}, {"trace_id": SHARED}, {"attribute": "k"}, {"min_severity": "error"},
                    {"min_severity": "error", "composition": "shop-1"}],
    "services": [{}, {"cluster": "east"}],
    "slow_traces": [{}, {"limit": 1}, {"service": "shop"}],
    "trace": [{"trace_id": MINE}, {"trace_id": SHARED}],
    "metric_series": [{"metric": metric} for metric in ("gauge", "sum", "histogram", "exponential", "summary")],
}  # fmt: skip
"""Questions with parameters to which `east` has an answer."""

VIEWED = {name: one for name, one in CATALOGUE.behind("rest").items() if one.role is Role.VIEWER}
_KNOWN = {"trace_id": SHARED, "composition": "shop-1", "metric": "gauge", "service": "shop", **PODS}
"""Values for parameters that every other question needs."""

ASKED = {
    name: WELL_ASKED.get(name, [{p.name: _KNOWN.get(p.name, p.example) for p in one.parameters if p.default is None}])
    for name, one in VIEWED.items()
    if is_divided(one)
}


def window(question: str) -> Mapping[str, object]:
    """The hour of these tests, for a question that looks at one."""
    return {name: value for name, value in WINDOW.items() if name in window_names(question)}


def window_names(question: str) -> set[str]:
    return {one.name for one in CATALOGUE[question].parameters} if question in CATALOGUE else set(WINDOW)


def path(question: str, parameters: Mapping[str, object], form: str = "json") -> str:
    return f"{ROOT}/{question}?{urlencode({**window(question), **parameters, 'format': form})}"
