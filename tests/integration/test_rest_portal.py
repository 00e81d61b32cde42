"""What the Krateo portal asks, answered as its event service always did."""

import json
from collections.abc import Iterator

import pytest
from answers import at
from asgi_client import Client
from prometheus_client import CollectorRegistry

from query.rest import build_app
from store.port import Select

FIELDS = [
    "metadata", "involvedObject", "reason", "message", "type", "firstTimestamp", "lastTimestamp", "eventTime", "source",
    "compositionId",
]  # fmt: skip


@pytest.fixture
def rest(desk) -> Iterator[Client]:
    app = build_app(desk, {}, CollectorRegistry())
    client = Client(app)
    yield client
    client.close()
    app.state.readiness.close()


def watched(second: int, composition: str = "c-1", **event: object) -> dict[str, object]:
    """A Kubernetes event as the k8sobjects receiver sends it."""
    stamp = at(second)[:19].replace(" ", "T") + "Z"
    whole = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"uid": f"event {second}", "name": f"e{second}", "resourceVersion": "1"},
        "involvedObject": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "namespace": "payments", "uid": "u-1",
        },
        "reason": "ScalingReplicaSet",
        "message": "Scaled up",
        "type": "Normal",
        "lastTimestamp": stamp,
        "source": {"component": "deployment-controller"},
        **event,
    }  # fmt: skip
    return {
        "Timestamp": at(second),
        "Body": json.dumps({"type": "ADDED", "object": whole}),
        "LogAttributes": {"krateo.io/composition-id": composition},
        "ResourceAttributes": {"telemetry.source": "k8s-events"},
    }


@pytest.fixture
def events(put, question_tables):
    yield lambda *rows: put("otel_logs", rows)
    question_tables.select(Select("TRUNCATE TABLE otel_k8s_events"))


def test_an_event_has_the_fields_of_the_portal_in_their_order(rest, events):
    events(watched(7))

    said = rest.get("/events?composition_id=c-1")
    (event,) = said.json

    assert (said.status, said.headers["content-type"]) == (200, "application/json")
    assert list(event) == FIELDS
    when = "2026-01-01T12:00:07Z"
    assert event == {
        "metadata": {"name": "shop", "namespace": "payments", "uid": "u-1", "creationTimestamp": when},
        "involvedObject": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "namespace": "payments", "uid": "u-1",
        },
        "reason": "ScalingReplicaSet",
        "message": "Scaled up",
        "type": "Normal",
        "firstTimestamp": when,
        "lastTimestamp": when,
        "eventTime": when,
        "source": {"component": "deployment-controller"},
        "compositionId": "c-1",
    }  # fmt: skip


def test_events_come_newest_first_by_path_and_by_parameter_alike(rest, events):
    events(*(watched(second, message=f"at {second}") for second in (3, 9, 1)), watched(5, "c-2"))

    by_path, by_parameter = rest.get("/events/c-1").json, rest.get("/events?composition_id=c-1").json

    assert [event["message"] for event in by_path] == ["at 9", "at 3", "at 1"]
    assert by_parameter == by_path
    assert rest.get("/events?composition=c-1").json == by_path


def test_without_an_id_they_are_those_of_all(rest, events):
    events(watched(1), watched(2, "c-2"), watched(3, ""))

    assert [event["compositionId"] for event in rest.get("/events").json] == ["", "c-2", "c-1"]
    assert len(rest.get("/events?composition_id=").json) == 3


def test_events_about_the_composition_itself_belong_to_it(rest, events):
    events(watched(1, ""))

    assert len(rest.get("/events/u-1").json) == 1


def test_an_id_that_nobody_knows_has_no_events(rest):
    said = rest.get("/events/nobody")

    assert (said.status, said.json) == (200, [])


def test_a_type_that_is_not_said_is_normal(rest, events):
    events(watched(1, type=""))

    assert rest.get("/events/c-1").json[0]["type"] == "Normal"


@pytest.mark.parametrize(
    ("limit", "count"),
    [("", 200), ("&limit=3", 3), ("&limit=0", 1), ("&limit=-7", 1), ("&limit=9999", 200), ("&limit=many", 200),
     ("&limit=", 200), ("&limit=1&limit=4", 4)],
)  # fmt: skip
def test_the_limit_is_brought_to_what_the_portal_may_ask_for(rest, events, limit, count):
    events(*(watched(second) for second in range(210)))

    assert len(rest.get(f"/events?composition_id=c-1{limit}").json) == count


@pytest.mark.parametrize("value", ["'%20OR%201=1", "%25", "a%00b", "%7Blimit:UInt32%7D", "..%2F..", "%F0%9F%A6%89"])
def test_an_id_is_data(rest, events, value):
    events(watched(1))

    for path in (f"/events/{value}", f"/events?composition_id={value}"):
        assert rest.get(path).status in {200, 404}
        assert rest.get(path).json == [] or rest.get(path).status == 404


def test_an_id_longer_than_any_is_refused_and_named(rest):
    said = rest.get(f"/events/{'x' * 300}")

    assert (said.status, said.json["error"]["field"]) == (400, "composition_id")


@pytest.mark.parametrize(("path", "word"), [("/ping", "Ok.\n"), ("/health", "ok")])
def test_health_paths_say_their_word(rest, path, word):
    said = rest.get(path)

    assert (said.status, said.text) == (200, word)
