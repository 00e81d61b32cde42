"""Each leg of the way is broken in turn, and the canary names it, and nothing else."""

import dataclasses
import time
from collections import Counter

import canary_house
import grpc
import pytest
from canary_house import closed_port

from canary import doors
from canary.doors import Door, Request, UnreachableError
from canary.finding import LEGS
from canary.items import EVENT, EVERY_WAY, KINDS, LOG, SPAN, read_lines


def states(beaten, leg):
    """By signal, what was found on a leg."""
    return {one.signal: one.state.value for one in beaten.findings if one.leg == leg}


def first_broken(beaten):
    return beaten.broken[0].leg if beaten.broken else ""


def test_a_whole_way_is_ok_on_every_leg_for_every_signal_in_every_beat(canary_of):
    canary = canary_of()
    first, second = canary.beat(), canary.beat()

    assert {one.state.value for one in (*first.findings, *second.findings)} == {"ok"}
    for beat in (first, second):
        for leg in ("stored", "rest", "mcp"):
            assert states(beat, leg).keys() == set(KINDS)
        assert states(beat, "stream").keys() == {LOG, SPAN, EVENT}
    assert states(second, "kept").keys() == set(KINDS)
    assert {one.leg for one in second.findings} == set(LEGS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", ["rest", "mcp", "stream"])
def test_a_window_that_leaves_out_one_kind_is_named_in_the_next_beat(canary_of, house, window, kind):
    canary = canary_of()
    canary.beat()
    house.shows[window] = lambda line: [] if f" {kind} " in line else [line]
    beaten = canary.beat()

    seen_there = window != "stream" or kind in {LOG, SPAN, EVENT}
    wanted = {(window, kind, "lost")} if seen_there else set()
    assert {(one.leg, one.signal, one.state.value) for one in beaten.broken} == wanted


def test_clickhouse_is_not_asked_for_what_rest_shows_whole(canary_of, house):
    canary = canary_of()
    canary.beat()
    canary.beat()

    assert house.asked_directly == 0


def test_what_comes_late_into_clickhouse_is_not_blamed_on_rest(canary_of, house):
    house.hush = 0.6
    beaten = canary_of(settings={"give_up_s": 10.0}).beat()

    assert beaten.well
    assert set(states(beaten, "stored").values()) == set(states(beaten, "rest").values()) == {"ok"}
    assert house.asked_directly >= 1


@pytest.mark.parametrize("rows", [4, 16])
def test_an_answer_in_pages_is_read_to_its_end(canary_of, house, rows):
    house.page = rows
    canary = canary_of()
    canary.beat()

    assert canary.beat().well


def test_an_answer_without_end_is_not_taken_for_whole(canary_of, house):
    house.page = 1
    canary = canary_of()
    canary.beat()
    beaten = canary.beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {("rest", "failed"), ("mcp", "failed")}
    assert "more than 10" in beaten.broken[0].problem


@pytest.mark.parametrize("window", ["rest", "mcp"])
def test_an_answer_without_some_shards_is_not_taken_for_whole(canary_of, house, window):
    house.missing_shards = {window: ["shard-2"]}
    beaten = canary_of().beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {(window, "failed")}
    assert "shard-2" in beaten.broken[0].problem


def test_a_house_older_than_the_canarys_question_is_no_alarm(canary_of, house):
    house.unknown_question = True
    beaten = canary_of(settings={"give_up_s": 30.0}).beat()

    assert beaten.well
    assert set(states(beaten, "stored").values()) == {"ok"}
    assert set(states(beaten, "rest").values()) == set(states(beaten, "mcp").values()) == {"skipped"}


def test_what_no_door_took_is_not_looked_for_later(canary_of, house):
    house.refusing = {"http": 400}
    canary = canary_of()
    refused = canary.beat()
    house.refusing = {}
    beaten = canary.beat()

    assert {one.leg for one in refused.broken} == {"accept-http"}
    assert beaten.well
    assert states(beaten, "kept") == dict.fromkeys(KINDS, "ok")  # of the other door


def test_a_beat_of_which_a_door_refused_some_is_looked_for_without_them(canary_of, house):
    canary = canary_of()
    first = canary.beat()
    (run,) = first.runs.values()
    house.rows = [row for row in house.rows if f" grpc {LOG} " in row.line or f" http {SPAN} " in row.line]
    house.pasts = [("", run, first.number, first.sent, frozenset({("grpc", LOG), ("http", SPAN)}))]
    canary._before = ()
    beaten = canary.beat()

    assert states(beaten, "kept") == {LOG: "ok", SPAN: "ok"}


def test_an_answer_that_drips_has_an_end(house):
    with pytest.raises(UnreachableError, match=r"no whole answer within 0\.2 s"):
        doors.ask(Door(f"http://127.0.0.1:{house.port}"), Request("GET", "/drip"), 0.2)


def test_each_kind_goes_by_each_door_in_every_beat_and_is_told_of_once(canary_of, house):
    beaten = canary_of().beat()

    assert {
        (line.identity.door, line.identity.kind) for row in house.rows for line in read_lines(row.line)
    } == EVERY_WAY
    assert len(house.rows) == len(EVERY_WAY)
    told = Counter((one.signal, one.leg) for one in beaten.findings)
    assert set(told.values()) == {1}
    assert {(f"accept-{door}", kind) for door, kind in EVERY_WAY} <= {(leg, kind) for kind, leg in told}


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_a_front_door_that_is_closed_is_named_and_what_went_by_the_other_is_looked_for(canary_of, door):
    beaten = canary_of(**{f"{door}_port": closed_port()}).beat()

    assert {one.leg for one in beaten.broken} == {f"accept-{door}"}
    assert {one.signal for one in beaten.broken} == set(KINDS)
    assert states(beaten, "stored") == states(beaten, "mcp") == dict.fromkeys(KINDS, "ok")


def test_a_sender_that_is_refused_says_what_it_was_told(canary_of, house):
    house.refusing = {"grpc": grpc.StatusCode.UNAUTHENTICATED, "http": 401}
    beaten = canary_of().beat()

    problems = {one.leg: one.problem for one in beaten.broken}
    assert problems == {"accept-grpc": "it says UNAUTHENTICATED: not today", "accept-http": "it says 401: not today"}


def test_a_rejected_item_is_a_broken_door_though_the_answer_is_200(canary_of, house):
    house.partial = True
    beaten = canary_of().beat()

    assert first_broken(beaten) == "accept-http"
    assert "rejected 1 items: too old" in beaten.broken[0].problem


def test_a_door_that_asks_to_come_again_is_asked_again(canary_of, house):
    house.refusing = {"http": 503}
    canary = canary_of(settings={"timeout_s": 10.0, "give_up_s": 20.0, "late_s": 20.0})
    taken = house.take
    asked = []

    def first_refused(wait):
        asked.append(wait)
        house.refusing = {}
        return False

    canary.stop.wait = first_refused
    beaten = canary.beat()

    assert taken is not None
    assert asked
    assert beaten.well


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_acknowledged_and_not_stored_is_lost_there_and_skipped_behind(canary_of, house, kind):
    house.keep = lambda item: item.kind != kind
    beaten = canary_of().beat()

    assert states(beaten, "stored") == {one: "lost" if one == kind else "ok" for one in KINDS}
    assert [one.leg for one in beaten.broken] == ["stored"]
    assert states(beaten, "rest")[kind] == "skipped"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_row_that_was_changed_is_altered(canary_of, house, kind):
    def change(rows):
        return [dataclasses.replace(row, fields=("1", *row.fields[1:])) if row.kind == kind else row for row in rows]

    house.stored_as = change
    beaten = canary_of().beat()

    assert states(beaten, "stored")[kind] == "altered"
    assert {(one.leg, one.signal) for one in beaten.broken} == {("stored", kind)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_stored_twice_is_doubled(canary_of, house, kind):
    house.stored_as = lambda rows: [row for row in rows for _ in range(2 if row.kind == kind else 1)]
    beaten = canary_of().beat()

    assert {(one.leg, one.signal, one.state.value) for one in beaten.broken} == {("stored", kind, "doubled")}


def test_a_row_that_comes_late_is_late_and_no_alarm(canary_of, house):
    house.hush = 0.4
    beaten = canary_of(settings={"late_s": 0.3, "give_up_s": 10.0}).beat()

    assert set(states(beaten, "stored").values()) == {"late"}
    assert beaten.well


def test_an_older_beat_that_comes_behind_a_newer_one_is_out_of_order(canary_of, house):
    canary = canary_of()
    canary.beat()

    def behind(rows):
        oldest = min((row for row in rows if row.kind == LOG), key=lambda row: row.ingested)
        return [dataclasses.replace(row, ingested=2**62) if row is oldest else row for row in rows]

    house.stored_as = behind
    beaten = canary.beat()

    assert states(beaten, "stored")[LOG] == "out_of_order"
    assert states(beaten, "rest")[LOG] == "ok"
    assert beaten.well  # a spool that drains beside what comes now does that


def test_clickhouse_that_does_not_answer_is_a_failed_look_and_named_first(canary_of, house):
    house.broken = "gone fishing"
    beaten = canary_of().beat()

    assert set(states(beaten, "stored").values()) == {"failed"}
    assert beaten.broken[0].leg == "stored"
    assert "gone fishing" in beaten.broken[0].problem
    assert "kept" not in {one.leg for one in beaten.findings}


@pytest.mark.parametrize(
    ("window", "kinds"), [("rest", set(KINDS)), ("mcp", set(KINDS)), ("stream", {LOG, SPAN, EVENT})]
)
def test_a_window_that_refuses_is_named_and_no_other(canary_of, house, window, kinds):
    house.refusing = {window: 500}
    beaten = canary_of().beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {(window, "failed")}
    assert {one.signal for one in beaten.broken} == kinds
    assert "500" in beaten.broken[0].problem


SHOWING = [(window, kind) for window in ("rest", "mcp") for kind in KINDS] + [
    ("stream", kind) for kind in (LOG, SPAN, EVENT)
]


def altered(line):
    return line[:-1] + ("0" if line[-1] != "0" else "1")


@pytest.mark.parametrize(("window", "kind"), SHOWING)
def test_a_window_that_shows_a_row_changed_altered_it(canary_of, house, window, kind):
    house.shows[window] = lambda line: [altered(line)] if f" {kind} " in line else [line]
    beaten = canary_of().beat()

    assert {(one.leg, one.signal, one.state.value) for one in beaten.broken} == {(window, kind, "altered")}


@pytest.mark.parametrize(("window", "kind"), SHOWING)
def test_a_window_that_shows_a_row_twice_doubled_it(canary_of, house, window, kind):
    house.shows[window] = lambda line: [line, line] if f" {kind} " in line else [line]
    beaten = canary_of().beat()

    assert {(one.leg, one.signal, one.state.value) for one in beaten.broken} == {(window, kind, "doubled")}


@pytest.mark.parametrize("window", ["rest", "mcp"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_window_that_shows_other_fields_beside_a_whole_line_altered_them(canary_of, house, window, kind):
    shown = house.shown

    def changed(where):
        turned = [dataclasses.replace(row, fields=row.fields[::-1]) for row in shown(where) if row.kind == kind]
        return turned + [row for row in shown(where) if row.kind != kind] if where == window else shown(where)

    house.shown = changed
    beaten = canary_of().beat()

    assert {(one.leg, one.signal, one.state.value) for one in beaten.broken} == {(window, kind, "altered")}


@pytest.mark.parametrize(("shows", "state"), [(altered, "altered"), (lambda line: "", "lost")])
def test_a_line_that_models_read_otherwise_than_programs_is_no_whole_one(canary_of, house, shows, state):
    house.text_shows = lambda line: shows(line) if f" {SPAN} " in line else line
    beaten = canary_of().beat()

    assert {(one.leg, one.signal, one.state.value) for one in beaten.broken} == {("mcp", SPAN, state)}


def test_a_tools_answer_without_its_rows_is_a_failed_look(canary_of, house, monkeypatch):
    monkeypatch.setattr(canary_house, "_table", lambda rows, *, full: {"columns": ["line"]})
    beaten = canary_of().beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {("mcp", "failed")}


def test_a_silent_stream_is_named(canary_of, house):
    house.silent_streams = True
    beaten = canary_of().beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {("stream", "lost")}


def test_a_stream_that_says_it_left_rows_out_is_not_blamed_for_them(canary_of, house):
    house.silent_streams = house.gap = True
    beaten = canary_of().beat()

    assert set(states(beaten, "stream").values()) == {"skipped"}
    assert beaten.well


def test_a_stream_that_says_so_in_every_beat_is_broken(canary_of, house):
    canary = canary_of()
    house.silent_streams = house.gap = True
    excused, broken = [canary.beat() for _ in range(2)], canary.beat()
    house.silent_streams = house.gap = False
    mended = canary.beat()
    house.silent_streams = house.gap = True

    assert all(one.well for one in excused)
    assert {(one.leg, one.state.value) for one in broken.broken} == {("stream", "failed")}
    assert "for 3 beats" in broken.broken[0].problem
    assert mended.well
    assert canary.beat().well


def test_mcp_that_is_off_is_named(canary_of):
    beaten = canary_of(mcp=Door(f"http://127.0.0.1:{closed_port()}/mcp")).beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {("mcp", "failed")}


def test_a_row_that_is_gone_later_is_lost_by_the_spot_check(canary_of, house):
    canary = canary_of()
    first = canary.beat()
    (run,) = first.runs.values()
    house.pasts = [("", run, first.number, first.sent)]
    house.rows.clear()
    beaten = canary.beat()

    assert {(one.leg, one.state.value) for one in beaten.broken} == {("kept", "lost")}
    assert f"beat {run}-{first.number}" in beaten.broken[0].problem


def test_the_first_beat_of_a_process_looks_for_the_last_one_of_the_process_before(canary_of, house):
    other = canary_of().beat()
    (run,) = other.runs.values()
    house.pasts = [("", run, other.number, other.sent)]
    canary = canary_of(settings={"spot_every": 1000, "spot_hours": 0.0})
    first = canary.beat()
    house.pasts, house.rows = [], []
    second = canary.beat()

    assert states(first, "kept") == dict.fromkeys(KINDS, "ok")
    assert {(one.leg, one.state.value) for one in second.broken} == {("kept", "lost")}


def test_a_row_of_the_process_before_that_is_gone_is_named(canary_of, house):
    other = canary_of().beat()
    (run,) = other.runs.values()
    house.pasts = [("", run, other.number, other.sent)]
    house.rows = [row for row in house.rows if " http gauge " not in row.line]
    beaten = canary_of(settings={"spot_every": 1000, "spot_hours": 0.0}).beat()

    assert [(one.leg, one.signal, one.state.value) for one in beaten.broken] == [("kept", "gauge", "lost")]
    assert "sent by http" in beaten.broken[0].problem


def test_a_beat_of_hours_ago_is_not_the_one_before(canary_of, house):
    house.pasts = [("", "0123abcd", 1, time.time_ns() - 3_600 * 10**9)]
    beaten = canary_of(settings={"spot_every": 1000, "spot_hours": 0.0}).beat()

    assert states(beaten, "kept") == {}


def test_each_cluster_has_a_beat_of_its_own(canary_of, house):
    house.keep = lambda item: item.kind != LOG or item.identity.run != runs["west"]
    canary = canary_of(clusters=("east", "west"))
    runs = canary._runs
    beaten = canary.beat()

    assert {(one.cluster, one.leg, one.signal) for one in beaten.broken} == {("west", "stored", LOG)}
