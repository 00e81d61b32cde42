"""What the house sends by itself is in the tables, and nobody sees it who does not ask for it by name."""

import asyncio
import json

import pytest
from answers import at, found, log, span, the
from stream_world import PATIENCE, house, make_tables
from stream_world import event as stream_event
from stream_world import log as stream_log
from stream_world import put as stream_put

from identity.reader import Reader, Role, Scope
from sql import scopes
from sql.catalogue import load_catalogue

CANARY, OWN = scopes.SYNTHETIC, scopes.OWN
EAST = {"k8s.cluster.name": "east"}
METRICS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
ASKED_FOR_NOTHING = [
    name for name, one in load_catalogue().items() if all(parameter.default is not None for parameter in one.parameters)
]
NOT_ABOUT_IT = [name for name in ASKED_FOR_NOTHING if not load_catalogue()[name].synthetic]


@pytest.fixture
def canary(put):
    """A row of the canary in every table that it reaches, newer than anything of users."""
    put("otel_logs", [log(599, ServiceName=CANARY, ResourceAttributes=EAST)])
    put("otel_traces", [span("c", start=599_000, ServiceName=CANARY, ResourceAttributes=EAST)])
    for kind in METRICS:
        put(f"otel_metrics_{kind}", [{"TimeUnix": at(599)[:19], "ServiceName": CANARY, "MetricName": CANARY}])
    put(
        "otel_k8s_events",
        [{"Namespace": CANARY, "Name": CANARY, "Kind": "Pod", "EventTime": at(599), "Type": "Warning"}],
    )


@pytest.fixture
def own(put):
    """What the house tells of itself, newer than anything of users."""
    put("otel_logs", [log(598, ServiceName=OWN, ResourceAttributes=EAST)])
    put("otel_traces", [span("d", start=598_000, ServiceName=OWN, ResourceAttributes=EAST)])
    for kind in METRICS:
        row = {"TimeUnix": at(598)[:19], "ServiceName": OWN, "MetricName": f"{OWN}_own"}
        put(f"otel_metrics_{kind}", [row])


@pytest.mark.parametrize("question", ASKED_FOR_NOTHING)
def test_no_question_shows_what_the_house_tells_of_itself(desk, own, question):
    reply = desk.ask(question, {})

    shown = json.dumps([list(map(str, row)) for row in reply.rows])
    assert OWN not in shown
    assert not found(desk.ask("clusters", {}), "cluster")
    assert reply.data_through == {}


@pytest.mark.parametrize("question", ["recent_logs", "find_traces", "metric_names"])
def test_who_asks_for_its_service_sees_it_within_their_scope(desk, own, question):
    assert desk.ask(question, {"service": OWN}).rows
    west = Reader("me", Role.VIEWER, Scope(clusters=("west",)))
    assert desk.ask(question, {"service": OWN}, reader=west).rows == []


def test_the_logs_of_its_pods_and_what_another_house_sends_are_seen_by_all(desk, put, own):
    put("otel_logs", [log(590, ServiceName="otelhouse", ResourceAttributes=EAST, Body="of a pod, by a collector")])
    put("otel_traces", [span("e", start=580_000, ServiceName="otelhouse", ResourceAttributes=EAST)])

    assert found(desk.ask("recent_logs", {}), "body") == [("of a pod, by a collector",)]
    assert len(desk.ask("find_traces", {}).rows) == 1
    assert {name: one[11:19] for name, one in desk.ask("freshness", {}).data_through.items()} == {
        "logs": "12:09:50",
        "traces": "12:09:40",
    }


@pytest.mark.parametrize("question", NOT_ABOUT_IT)
def test_no_question_shows_or_counts_it(desk, canary, question):
    reply = desk.ask(question, {})

    assert CANARY not in json.dumps([list(map(str, row)) for row in reply.rows])
    assert not found(desk.ask("clusters", {}), "cluster")


def test_storage_by_service_leaves_it_out_too(desk, canary):
    assert CANARY not in the(desk.ask("storage_by_service", {}), "service")


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("recent_logs", {"service": CANARY}),
        ("find_traces", {"service": CANARY}),
        ("metric_names", {"service": CANARY}),
        ("object_events", {"namespace": CANARY}),
        ("canary_records", {}),
    ],
)
def test_who_asks_for_it_by_name_sees_it_within_their_scope(desk, canary, question, asked):
    assert desk.ask(question, asked).rows
    west = Reader("me", Role.VIEWER, Scope(clusters=("west",)))
    assert desk.ask(question, asked, reader=west).rows == []


def test_a_reader_with_a_scope_does_not_see_it_either(desk, put, canary):
    put("otel_logs", [log(10, ResourceAttributes=EAST)])
    east = Reader("me", Role.VIEWER, Scope(clusters=("east",)))

    assert len(desk.ask("recent_logs", {}, reader=east).rows) == 1
    assert len(desk.ask("recent_logs", {"service": CANARY}, reader=east).rows) == 1


def test_telemetry_is_as_fresh_as_what_users_sent(desk, put, canary):
    put("otel_logs", [log(590)])
    put("otel_traces", [span("a", start=500_000)])
    put("otel_metrics_sum", [{"TimeUnix": at(400)[:19], "ServiceName": "shop"}])
    put("otel_k8s_events", [{"EventTime": at(300), "Name": "p", "Kind": "Pod"}])

    assert {name: one[11:19] for name, one in desk.ask("freshness", {}).data_through.items()} == {
        "logs": "12:09:50",
        "traces": "12:08:20",
        "metrics": "12:06:40",
        "events": "12:05:00",
    }


def test_the_canary_alone_makes_nothing_fresh(desk, canary):
    assert desk.ask("freshness", {}).data_through == {}


def test_what_is_newer_than_the_canary_is_told_at_once(desk, put, canary):
    put("otel_logs", [log(599.5)])

    assert desk.ask("recent_logs", {}).data_through["logs"].startswith("2026-01-01T12:09:59.5")


def test_streams_leave_it_out_but_for_who_watches_it(store):
    make_tables(store)

    async def scene():
        async with house(store) as here:
            logs, canaries = await here.follow("/api/v1/tail"), await here.follow(f"/api/v1/tail?service={CANARY}")
            events, own = await here.follow("/notifications/"), await here.follow(f"/api/v1/tail?service={OWN}")
            stream_put(
                store,
                "otel_logs",
                [
                    stream_log("synthetic", ServiceName=CANARY),
                    stream_log("of itself", ServiceName=OWN),
                    stream_log("of a user"),
                ],
            )
            stream_put(
                store, "otel_k8s_events", [stream_event("synthetic", Namespace=CANARY), stream_event("of a user")]
            )
            told = [await asyncio.wait_for(one.block(), PATIENCE) for one in (logs, canaries, own, events)]
            return *(one.json["body"] for one in told[:3]), told[3].json["metadata"]["name"]

    assert asyncio.run(scene()) == ("of a user", "synthetic", "of itself", "of a user")
