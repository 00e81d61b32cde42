"""What was found for each door is told as one finding, which hides nothing that somebody has to know."""

import pytest

from canary.finding import EXCUSED, REST, STREAM, Finding
from canary.judging import State
from canary.merging import merged


def of_doors(grpc, http, leg=REST, grpc_problem="", http_problem=""):
    told = [
        ("grpc", Finding("c", "log", leg, grpc, 10, grpc_problem)),
        ("http", Finding("c", "log", leg, http, 20, http_problem)),
    ]
    (one,) = merged(told)
    return one


@pytest.mark.parametrize(
    ("grpc", "http", "told"),
    [
        ("ok", "ok", "ok"),
        ("ok", "lost", "lost"),
        ("late", "altered", "altered"),
        ("ok", "late", "late"),
        ("skipped", "lost", "lost"),
        ("skipped", "skipped", "skipped"),
    ],
)
def test_the_worst_of_both_doors_is_told(grpc, http, told):
    assert of_doors(State(grpc), State(http)).state == told


def test_what_one_door_lost_does_not_hide_that_the_leg_showed_the_others():
    one = of_doors(State.OK, State.SKIPPED, http_problem="it is not stored")

    assert (one.state, one.problem, one.milliseconds) == (State.OK, "", 10)


@pytest.mark.parametrize("other", [State.OK, State.LATE, State.SKIPPED])
def test_an_excuse_of_a_stream_is_told_whatever_came_by_the_other_door(other):
    one = of_doors(State.SKIPPED, other, STREAM, grpc_problem=f"{EXCUSED}: a gap")

    assert one.state is State.SKIPPED
    assert EXCUSED in one.problem


def test_a_problem_names_its_doors():
    assert of_doors(State.LOST, State.LOST, REST, "gone", "gone").problem == "gone (sent by grpc and http)"
    assert of_doors(State.OK, State.LOST, REST, "", "gone").problem == "gone (sent by http)"
