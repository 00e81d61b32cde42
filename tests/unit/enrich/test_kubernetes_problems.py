"""Open problems are told once, and pauses between attempts grow."""

import logging

from enrich.kubernetes_backoff import Backoff
from enrich.kubernetes_problems import MAX_TOLD, SILENT_S, Problems


def logged(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_problem_is_logged_when_it_arises_and_when_it_is_over(caplog):
    caplog.set_level(logging.INFO, "enrich")
    problems = Problems()

    for _ in range(3):
        problems.report("here", "pods", "may not list pods")
    assert problems.all() == ("may not list pods",)
    problems.solved("here", "pods")
    problems.solved("here", "pods")

    assert problems.all() == ()
    assert logged(caplog) == ["may not list pods", "no longer: may not list pods"]


def test_the_same_trouble_of_many_kinds_is_one_problem_until_all_are_well(caplog):
    caplog.set_level(logging.WARNING, "enrich")
    problems = Problems()

    problems.report("here", "pods", "refused")
    problems.report("here", "nodes", "refused")
    problems.solved("here", "pods")
    assert problems.all() == ("refused",)
    problems.solved("here", "nodes")

    assert problems.all() == ()
    assert logged(caplog) == ["refused"]


def test_a_problem_that_comes_and_goes_does_not_fill_the_log(caplog):
    caplog.set_level(logging.WARNING, "enrich")
    now = 0.0
    problems = Problems(lambda: now)

    for _ in range(10):
        problems.report("here", "pods", "refused")
        problems.solved("here", "pods")
    assert logged(caplog) == ["refused"]
    now = SILENT_S + 1
    problems.report("here", "pods", "refused")

    assert logged(caplog) == ["refused", "refused"]


def test_a_problem_takes_the_place_of_another_about_the_same():
    problems = Problems()

    problems.report("here", "pods", "may not list pods")
    problems.report("here", "pods", "may not watch pods")

    assert problems.all() == ("may not watch pods",)


def test_the_problems_of_a_cluster_can_be_forgotten():
    problems = Problems()
    problems.report("here", "pods", "one")
    problems.report("there", "pods", "other")

    problems.forget("here")

    assert problems.all() == ("other",)


def test_a_summary_has_an_end():
    problems = Problems()
    for number in range(MAX_TOLD + 3):
        problems.report("here", f"kind-{number}", f"problem {number:02}")

    assert problems.summary().endswith("problem 09; and 3 more")
    assert Problems().summary() == ""


def test_pauses_grow_to_a_bound_and_differ():
    backoff = Backoff(1.0, 30.0)

    pauses = [backoff.next() for _ in range(50)]

    assert 0.5 <= pauses[0] <= 1.0
    assert 2.0 <= pauses[2] <= 4.0
    assert max(pauses) == 30.0
    backoff.reset()
    assert backoff.next() <= 1.0


def test_a_server_may_ask_for_a_longer_pause_but_not_for_any():
    assert Backoff(1.0, 30.0).next(at_least=10.0) == 10.0
    assert Backoff(1.0, 30.0).next(at_least=3600.0) == 30.0
