"""What a reader of a part sees over REST, over both doors: exactly what it would see if nothing else were stored."""

from urllib.parse import quote

import pytest
from answers import at
from scoped_world import (
    ALL_LOGS,
    ASKED,
    CATALOGUE,
    MINE,
    MY_LOGS,
    NASTY,
    PODS,
    READERS,
    ROOT,
    VIEWED,
    WELL_ASKED,
    path,
    rows,
    window,
)

from identity.reader import Reader, Role
from store.port import Select

# a part is what it would be if nothing else were there


@pytest.mark.parametrize(
    ("reader", "question", "parameters"),
    [("by-name", question, parameters) for question, many in ASKED.items() for parameters in many]
    + [
        (one, question, many[0])
        for one in ("by-uid", "by-composition", "by-all")
        for question, many in WELL_ASKED.items()
    ],
    ids=str,
)
def test_a_part_is_answered_as_if_nothing_else_were_stored(world, east, reader, question, parameters):
    narrowed = world.reader(reader).get(path(question, parameters))
    alone = east.reader("all").get(path(question, parameters))

    assert (narrowed.status, alone.status) == (200, 200), narrowed.text
    assert narrowed.json["rows"] == alone.json["rows"]
    assert narrowed.json["rows"] or question not in WELL_ASKED
    for same in ("truncated", "left_out", "row_count", "window", "data_through"):
        assert narrowed.json[same] == alone.json[same], same


@pytest.mark.parametrize(("question", "many"), ASKED.items(), ids=str)
def test_a_scope_that_matches_nothing_is_answered_as_if_nothing_were_stored(world, nothing, question, many):
    asked = {name: value for name, value in many[0].items() if name != "cluster"}
    for_nobody = nothing.reader("all").get(path(question, asked)).json
    for reader in ("by-empty-name", "by-two-that-exclude-each-other"):
        said = world.reader(reader).get(path(question, asked))
        if "namespace" in asked and reader != "by-empty-name":
            assert said.json["error"]["code"] == "denied"
        else:
            assert (said.json["rows"], said.json["data_through"]) == (for_nobody["rows"], {})


def test_a_name_with_quotes_backslashes_and_line_ends_is_a_name_like_others(world):
    said = world.reader("by-nasty-name").get(path("recent_logs", {}))

    assert {row["resource"]["k8s.cluster.name"] for row in said.json["rows"]} == {NASTY}
    assert said.headers["x-otelhouse-scope"] == f"clusters={quote(NASTY, safe='')}"


def test_a_namespace_is_seen_in_every_cluster_that_has_it_and_events_by_the_object_they_are_about(world):
    said = world.reader("by-namespace").get(path("recent_logs", {}))

    seen = {row["resource"]["k8s.cluster.name"] for row in said.json["rows"]}
    assert seen == {"east", "west"}
    assert "flat" not in {row["body"] for row in said.json["rows"]}
    assert "flat" in {row["body"] for row in world.reader("all").get(path("recent_logs", {})).json["rows"]}


def test_a_reader_without_scope_sees_all_and_is_told_so(world):
    said = world.reader("all").get(path("recent_logs", {}))

    assert said.json["row_count"] == ALL_LOGS
    assert said.json["scope"] is None
    assert "x-otelhouse-scope" not in said.headers
    assert said.json["rows_read"] > 0


def test_a_narrowed_answer_says_so_and_does_not_count_rows_of_others(world):
    said = world.reader("by-all").get(path("recent_logs", {}))

    assert said.json["scope"] == {
        "clusters": ["east", "x"],
        "namespaces": ["payments"],
        "compositions": ["shop-1"],
        "signals": ["logs", "traces", "metrics", "events"],
    }
    assert said.headers["x-otelhouse-scope"] == (
        "clusters=east,x; namespaces=payments; compositions=shop-1; signals=logs,traces,metrics,events"
    )
    assert (said.json["rows_read"], said.json["bytes_read"]) == (None, None)


FORGET_LATE = """
ALTER TABLE otel_logs DELETE WHERE Timestamp > toDateTime64({after:String}, 9) SETTINGS mutations_sync = 1
"""


def test_how_fresh_the_data_is_is_told_of_the_part_alone(world):
    late = {**rows("west")["otel_logs"][0], "Timestamp": at(500)}
    world.put("otel_logs", [late])

    desk = world.desk_of(CATALOGUE)  # its own, since what the world's was told just now may hold still
    part, everything = (Reader(name, Role.VIEWER, READERS[name], "") for name in ("by-name", "all"))
    try:
        mine = desk.ask("recent_logs", {}, reader=part).data_through
        all_of_it = desk.ask("recent_logs", {}, reader=everything).data_through
        asked_for = desk.ask("recent_logs", {"cluster": "east"}, reader=everything).data_through
    finally:
        desk.close()
        world.store.select(Select(FORGET_LATE, {"after": at(400)}))
    assert mine == asked_for == {"logs": "2026-01-01T12:00:04.000000000Z"}
    assert all_of_it == {"logs": "2026-01-01T12:08:20.000000000Z"}


# denied is not empty


@pytest.mark.parametrize(
    ("reader", "question", "parameters", "field"),
    [
        ("by-name", "recent_logs", {"cluster": "west"}, "cluster"),
        ("by-name", "recent_logs", {"cluster": "EAST"}, "cluster"),
        ("by-name", "services", {"cluster": "east' OR '1"}, "cluster"),
        ("by-name", "metric_series", {"metric": "gauge", "cluster": "west"}, "cluster"),
        ("by-namespace", "slow_traces", {"namespace": "kitchen"}, "namespace"),
        ("logs-only", "trace", {"trace_id": MINE}, "scope.signals"),
        ("logs-only", "services", {}, "scope.signals"),
        ("logs-only", "metric_series", {"metric": "gauge"}, "scope.signals"),
        ("events-only", "recent_logs", {}, "scope.signals"),
        ("events-only", "pod_timeline", PODS, "scope.signals"),
        ("logs-only", "object_events", {}, "scope.signals"),
        ("by-composition", "composition_events", {"composition": "bank-1"}, "composition"),
    ],
)
def test_what_is_outside_of_the_scope_is_denied_and_not_empty(world, reader, question, parameters, field):
    client = world.reader(reader)

    for said in (
        client.get(path(question, parameters)),
        client.post(f"{ROOT}/{question}", {**window(question), **parameters}),
    ):
        assert said.status == 403
        assert (said.json["error"]["code"], said.json["error"]["field"]) == ("denied", field)
        assert said.json["error"]["mend"]


@pytest.mark.parametrize("name", sorted(CATALOGUE.behind("rest").keys() - ASKED.keys()))
def test_a_question_that_is_not_divided_is_denied_to_every_reader_of_a_part(world, name):
    needed = {one.name: one.example for one in CATALOGUE[name].parameters if one.default is None}

    for reader in set(READERS) - {"all"}:
        said = world.reader(reader).get(path(name, needed))
        assert (said.status, said.json["error"]["code"]) == (403, "denied")


def test_events_are_seen_without_the_logs_that_they_came_in(world):
    said = world.reader("events-only").get(path("object_events", {}))

    through = {"events": "2026-01-01T12:00:04.000000000Z"}
    assert (said.status, said.json["row_count"], said.json["data_through"]) == (200, 5, through)


def test_a_cluster_asked_by_name_is_not_denied_to_a_scope_that_has_its_uid(world):
    said = world.reader("by-uid").get(path("recent_logs", {"cluster": "east"}))
    other = world.reader("by-uid").get(path("recent_logs", {"cluster": "west"}))

    assert (said.status, said.json["row_count"]) == (200, MY_LOGS)
    assert (other.status, other.json["rows"]) == (200, [])


def test_the_catalogue_lists_what_the_reader_may_ask_and_says_what_it_may_not(world):
    listed = world.reader("logs-only").get(ROOT).json

    asked = {question["name"] for question in listed["questions"]}
    denied = {one["name"]: one["why"] for one in listed["denied"]}
    assert asked >= {"recent_logs"}
    assert denied.keys() == CATALOGUE.behind("rest").keys() - asked
    assert "reads traces" in denied["trace"]
    assert "needs the role admin" in denied["audit_log"]
    assert listed["scope"] == {"signals": ["logs"]}
    assert {one["name"] for one in world.reader("all").get(ROOT).json["questions"]} == set(VIEWED)


def test_figures_of_all_readers_are_not_for_a_reader_of_a_part(world):
    assert world.reader("by-name").get("/metrics").status == 403
    assert world.reader("").get("/metrics").status == 401
    assert world.reader("all").get("/metrics").status == 200
