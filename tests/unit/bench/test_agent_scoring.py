"""Right is only who names every cause and no other; the figures are those that bars are set for."""

import dataclasses
import json

import pytest

from bench.agents import scoring, table
from bench.agents.diagnosis import LONGEST_REASON, Diagnosis, Named, is_right
from bench.agents.incident import Cause
from bench.agents.incidents import INCIDENTS
from bench.agents.incidents.two_faults import INCIDENT
from bench.agents.scoring import Cost, Score

ONE = dataclasses.replace(INCIDENT, causes=(Cause("crash loop", "cart", r"URL is not set"),))
TWO = dataclasses.replace(INCIDENT, causes=(*ONE.causes, Cause("certificate", "mailer", "expired")))
NOTHING = dataclasses.replace(INCIDENT, causes=(), remark="rollout")
CART = Named("crash loop", "cart", "REDIS_URL is not set")
MAILER = Named("certificate", "mailer", "it has expired")


@pytest.mark.parametrize(
    ("incident", "found", "right"),
    [
        (ONE, Diagnosis((CART,)), True),
        (ONE, Diagnosis(()), False),
        (ONE, Diagnosis((CART,), is_known=False), False),
        (ONE, Diagnosis((dataclasses.replace(CART, kind="out of memory"),)), False),
        (ONE, Diagnosis((dataclasses.replace(CART, object="checkout"),)), False),
        (ONE, Diagnosis((dataclasses.replace(CART, reason="it restarts"),)), False),
        (ONE, Diagnosis((dataclasses.replace(CART, reason=" " * LONGEST_REASON + CART.reason),)), False),
        (ONE, Diagnosis((CART, MAILER)), False),
        (ONE, Diagnosis((CART, CART)), False),
        (TWO, Diagnosis((MAILER, CART)), True),
        (TWO, Diagnosis((CART,)), False),
        (TWO, Diagnosis((CART, CART)), False),
        (NOTHING, Diagnosis(remark="a rollout went through"), True),
        (NOTHING, Diagnosis(remark="no idea"), False),
        (NOTHING, Diagnosis((CART,), remark="rollout"), False),
        (NOTHING, Diagnosis(remark="rollout", is_known=False), False),
    ],
)
def test_a_diagnosis_is_right_only_if_it_is_the_whole_truth_and_nothing_else(incident, found, right):
    assert is_right(found, incident) is right


def test_every_incident_has_a_cluster_a_name_and_a_cause_of_its_own():
    told = [one for one in INCIDENTS if not one.is_control]

    assert len(told) >= 12
    assert len({one.cluster for one in INCIDENTS}) == len({one.name for one in INCIDENTS}) == len(INCIDENTS)
    assert len({one.causes for one in told}) == len(told)
    for one in INCIDENTS:
        assert one.cluster in one.page
        for cause in one.causes:
            assert cause.kind.split("|", maxsplit=1)[0] not in one.page


def score(name="a", *, right=True, calls=3, tokens=1000, raw=4000, control=False):
    cost = Cost(calls, tokens, tokens, 500)
    return Score(name, name.title(), control, right, "x: y", cost, Cost(12, raw, raw, 100), True)


def test_the_figures_are_medians_and_the_ratio_of_sums_without_the_control():
    found = scoring.total([
        score(tokens=1000, calls=1), score(tokens=2000, calls=2), score(tokens=6000, calls=9, raw=10_000),
        score(tokens=10**6, control=True),
    ])  # fmt: skip

    assert (found.incidents, found.right, found.calls, found.tokens) == (3, 3, 2, 2000)
    assert found.times_fewer == 2
    assert found.times_fewer_with_offer == pytest.approx(18_300 / 10_500)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([score()], []),
        ([score("b", right=False)], ["wrong: b"]),
        ([score(), score("c", right=False, control=True)], ["wrong: c"]),
        ([score(calls=6)], ["median of 6 calls, bar 5"]),
        ([score(tokens=6001, raw=10**6)], ["median of 6001 tokens, bar 6000"]),
        ([score(raw=2999)], ["3.0 times fewer tokens than raw SQL, bar 3"]),
    ],
)
def test_a_bar_that_was_missed_is_told(scores, said):
    assert scoring.missed(scores) == said


def test_scores_are_read_back_as_they_were_written():
    scores = [score(), score("b", right=False, control=True)]

    assert table.read(json.loads(table.as_json(scores, 1))) == scores


def test_the_page_names_what_is_wrong_and_counts_in_three_ways():
    page = table.as_markdown([score(), score("b", right=False), score("noise", control=True)], 7)

    assert "| B | x: y | NO | 3 | 1,000 | 12 | 4,000 | yes | 4.0 |" in page
    assert "Right: 1 of 2, control: right." in page
    assert "| texts, instructions and list of tools | 1,500 | 4,100 | 2.7 |" in page
    assert "seed 7" in page
