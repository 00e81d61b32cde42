"""How the canary looks: no lagging replica, slow door or outage of before is taken for a loss, and it always ends."""

import dataclasses
import threading
import time

import grpc
import pytest
from canary_house import WAIT

from canary import doors
from canary.doors import Door, Request, UnreachableError
from canary.finding import StoredRow
from canary.items import DOORS, KINDS, LOG, SPAN, items
from canary.listening import Ear

PATIENT = {"give_up_s": 10.0, "late_s": 10.0}


def broken(beaten):
    return {(one.leg, one.signal, one.state.value) for one in beaten.broken}


def states(beaten, leg):
    return {one.signal: one.state.value for one in beaten.findings if one.leg == leg}


def in_turns(house, window, *shown):
    """Let a window show other rows with each look: `shown` are what is left out then; at last nothing is."""
    looks, rows_of = list(shown), house.shown

    def rows(where):
        out = looks.pop(0) if where == window and looks else None
        return [row for row in rows_of(where) if row.kind != out]

    house.shown = rows


@pytest.mark.parametrize("window", ["rest", "mcp"])
def test_replicas_that_lag_each_in_another_row_are_waited_for(canary_of, house, window):
    in_turns(house, window, SPAN, LOG, SPAN)

    assert canary_of(settings=PATIENT).beat().well


def test_replicas_of_clickhouse_that_lag_are_waited_for_too(canary_of, house):
    house.unknown_question = True
    looks = [SPAN, LOG]

    def lagging(rows):
        out = looks.pop(0) if looks else None
        return [row for row in rows if row.kind != out]

    house.stored_as = lagging
    beaten = canary_of(settings=PATIENT).beat()

    assert beaten.well
    assert set(states(beaten, "stored").values()) == {"ok"}


def test_a_beat_that_no_door_took_says_nothing_of_the_one_before(canary_of, house):
    canary = canary_of()
    canary.beat()
    house.refusing = {"grpc": grpc.StatusCode.UNAUTHENTICATED, "http": 401}

    assert {leg for leg, _, _ in broken(canary.beat())} == {"accept-grpc", "accept-http"}


def test_what_was_spooled_in_an_outage_is_not_lost_while_the_spool_drains(canary_of, house):
    canary = canary_of()
    house.broken = "gone"
    outage = canary.beat()
    house.broken = ""
    spooled = list(house.rows)
    house.stored_as = lambda rows: [row for row in rows if row not in spooled]
    beaten = canary.beat()

    assert outage.broken[0].leg == "stored"
    assert beaten.well


def test_what_a_spool_brings_behind_newer_rows_is_told_and_no_alarm(canary_of, house):
    canary = canary_of()
    house.keep = lambda item: False
    first = canary.beat()
    house.keep = lambda item: True
    canary.beat()
    (run,) = first.runs.values()
    drained = [StoredRow(item.kind, item.line, item.fields, 2**62) for item in items(run, first.number, first.sent, "")]
    house.stored_as = lambda rows: [*rows, *drained]
    beaten = canary.beat()

    assert set(states(beaten, "stored").values()) == {"out_of_order"}
    assert beaten.well


def test_a_house_of_our_own_release_that_does_not_know_the_question_is_broken(canary_of, house):
    house.unknown_question = True
    canary = canary_of()
    canary._ways = dataclasses.replace(canary._ways, one_release=True)

    assert {(leg, state) for leg, _, state in broken(canary.beat())} == {("rest", "failed"), ("mcp", "failed")}


def test_a_stream_that_opens_at_the_second_try_is_well(canary_of, house):
    handler, asked = house._http.RequestHandlerClass, []
    stream = handler._stream

    def refused_first(self, kind):
        asked.append(kind)
        if asked.count(kind) == 1:
            self._answer(503, b"{}")
        else:
            stream(self, kind)

    handler._stream = refused_first
    beaten = canary_of(settings={"timeout_s": 5.0, **PATIENT}).beat()

    assert beaten.well
    assert set(states(beaten, "stream").values()) == {"ok"}
    assert len(asked) == 6


def test_a_stream_that_refuses_who_asks_is_not_tried_again(canary_of, house):
    handler, asked = house._http.RequestHandlerClass, []
    handler._stream = lambda self, kind: (asked.append(kind), self._answer(401, b"{}"))
    beaten = canary_of().beat()

    assert {(leg, state) for leg, _, state in broken(beaten)} == {("stream", "failed")}
    assert len(asked) == 3


def test_a_stream_that_opens_too_late_is_not_blamed_at_first(canary_of, house):
    handler, gate = house._http.RequestHandlerClass, threading.Event()
    stream = handler._stream

    def late(self, kind):
        gate.wait(WAIT)
        stream(self, kind)

    handler._stream = late
    canary = canary_of(settings={"timeout_s": 0.3})
    beats = [canary.beat() for _ in range(3)]
    gate.set()

    assert set(states(beats[0], "stream").values()) == {"skipped"}
    assert [one.well for one in beats] == [True, True, False]


def test_an_ear_that_is_closed_while_it_connects_listens_to_nothing(house):
    gate, connecting = threading.Event(), threading.Event()

    class SlowDoor(Door):
        def connection(self, seconds):
            made = super().connection(seconds)
            connect = made.connect

            def slowly():
                connecting.set()
                gate.wait(WAIT)
                connect()

            made.connect = slowly
            return made

    ear = Ear(SlowDoor(f"http://127.0.0.1:{house.port}"), LOG, 50.0)
    assert connecting.wait(WAIT)
    closing = threading.Thread(target=ear.close)
    closing.start()
    closing.join(WAIT)
    gate.set()
    ear._thread.join(WAIT)

    assert not ear._thread.is_alive()


def test_a_door_that_connects_when_time_is_up_is_not_listened_to(house):
    class SlowDoor(Door):
        def connection(self, seconds):
            made = super().connection(seconds)
            connect = made.connect
            made.connect = lambda: (time.sleep(2 * seconds), connect())  # slowness is what is tested
            return made

    with pytest.raises(UnreachableError, match=r"no whole answer within 0\.2 s"):
        doors.ask(SlowDoor(f"http://127.0.0.1:{house.port}"), Request("GET", "/drip"), 0.2)


def test_a_token_that_no_header_can_say_is_a_door_that_cannot_be_asked(house):
    with pytest.raises(UnreachableError):
        doors.ask(Door(f"http://127.0.0.1:{house.port}", token="tokén☃"), Request("GET", "/ping"), 1.0)


def test_a_door_that_says_yes_in_other_words_did_not_take_it(canary_of, house):
    handler = house._http.RequestHandlerClass
    handler._otlp = lambda self, body: self._answer(200, b"<html>a proxy</html>")
    beaten = canary_of().beat()

    assert {(leg, state) for leg, _, state in broken(beaten)} == {("accept-http", "failed")}
    assert "no OTLP" in beaten.broken[0].problem


def test_what_was_stored_at_the_last_moment_is_looked_for_once_more_elsewhere(canary_of, house):
    settings = {"give_up_s": 3.0, "late_s": 2.0, "timeout_s": 2.0}
    shown, seen_from = house.shown, time.monotonic() + 2.8
    house.stored_as = lambda rows: rows if time.monotonic() > seen_from else []
    house.shown = lambda window: (time.sleep(0.7), shown(window))[1]  # longer than what is left of the time by then
    beaten = canary_of(settings=settings).beat()

    assert beaten.well
    assert set(states(beaten, "rest").values()) == set(states(beaten, "mcp").values()) == {"late"}


def test_silent_streams_do_not_hold_up_the_others(canary_of, house):
    house.silent_streams = True
    beaten = canary_of(settings={"give_up_s": 6.0, "late_s": 2.5}).beat()

    assert set(states(beaten, "rest").values()) == {"ok"}


def test_a_beat_that_waits_for_streams_ends_when_it_is_told_to(canary_of, house):
    house.silent_streams = True
    canary = canary_of(settings={"give_up_s": 600.0, "late_s": 10.0})
    threading.Timer(0.5, canary.stop.set).start()
    began = time.monotonic()
    canary.beat()

    assert time.monotonic() - began < WAIT


def test_pages_share_the_time_of_one_look(canary_of, house):
    house.page = 1
    shown = house.shown
    house.shown = lambda window: (time.sleep(0.25), shown(window))[1]  # slowness is what is tested
    began = time.monotonic()
    beaten = canary_of(settings={"give_up_s": 1.0, "late_s": 1.0, "timeout_s": 0.5}).beat()

    assert {leg for leg, _, _ in broken(beaten)} == {"rest", "mcp"}
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_a_door_that_acknowledges_and_loses_one_kind_is_named_in_that_beat(canary_of, house, door, kind):
    house.keep = lambda item: (item.door, item.kind) != (door, kind)
    beaten = canary_of().beat()

    assert broken(beaten) == {("stored", kind, "lost")}
    assert beaten.broken[0].problem == f"it is not there (sent by {door})"
    assert states(beaten, f"accept-{door}")[kind] == "ok"


def test_what_one_door_lost_is_not_looked_for_later_and_what_the_other_took_is(canary_of, house):
    canary = canary_of()
    house.keep = lambda item: (item.door, item.kind) != ("grpc", LOG)
    canary.beat()
    house.keep = lambda item: True
    house.stored_as = lambda rows: [row for row in rows if row.kind != LOG or row.ingested >= second]
    second = time.time_ns()
    beaten = canary.beat()

    assert broken(beaten) == {("kept", LOG, "lost")}
    assert beaten.broken[0].problem.endswith("it is not there (sent by http)")


def test_both_doors_are_asked_at_the_same_moment_and_one_that_hangs_holds_up_no_other(canary_of, house):
    handler, came, gate = house._http.RequestHandlerClass, threading.Event(), threading.Event()
    handler._otlp = lambda self, body: (came.set(), gate.wait(WAIT))
    take = house.take

    def only_beside_the_other(signal, body):
        assert came.wait(WAIT)
        take(signal, body)

    house.take = only_beside_the_other
    beaten = canary_of(settings={"timeout_s": 3.0, **PATIENT}).beat()
    gate.set()

    assert {leg for leg, _, _ in broken(beaten)} == {"accept-http"}
    assert set(states(beaten, "stored").values()) == {"ok"}


def test_a_door_has_one_connection_for_a_beat_and_one_that_hangs_up_is_come_back_to(canary_of, house):
    handler, connections = house._http.RequestHandlerClass, set()
    otlp, hanging_up = handler._otlp, False

    def counted(self, body):
        connections.add(self.client_address)
        otlp(self, body)
        self.close_connection = hanging_up

    handler._otlp = counted
    kept = canary_of().beat()
    of_first, hanging_up = set(connections), True
    hung_up = canary_of(settings=PATIENT).beat()

    assert kept.well
    assert hung_up.well
    assert len(of_first) == 1
    assert len(connections - of_first) == 3
