"""Resolved needs proof; what is only quiet is inconclusive."""

from dataclasses import replace

import pytest

from mcp_server.finding import Freshness
from mcp_server.verdict import Evidence, Outcome, of_latency, of_requests, of_signs

WARNINGS = Evidence("warning_events", 60, 0, 80, 40, "2026-03-01T10:00:00Z", 3600, 600)
"""One a minute before; ten minutes without."""

FAILURES = Evidence("failed_requests", 100, 0, 1000, 500, "", 3600, 600)
SLOW = Evidence("p95_ms", 2000, 300, 1000, 500, "", 3600, 600)


def test_quiet_for_long_enough_with_signs_of_life_is_resolved():
    verdict = of_signs(WARNINGS, 100, Freshness.FRESH)

    assert verdict.outcome is Outcome.RESOLVED
    assert "10 were due" in verdict.why


def test_one_more_sign_persists_however_stale_the_rest_is():
    seen = replace(WARNINGS, after=1)

    assert of_signs(seen, 100, Freshness.FRESH).outcome is Outcome.PERSISTS
    assert of_signs(seen, 0, Freshness.STALE).outcome is Outcome.PERSISTS


@pytest.mark.parametrize("freshness", [Freshness.STALE, Freshness.UNKNOWN])
def test_quiet_in_stale_telemetry_is_inconclusive(freshness):
    verdict = of_signs(WARNINGS, 100, freshness)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.check_again_s > 0


def test_quiet_without_any_other_telemetry_is_inconclusive():
    verdict = of_signs(WARNINGS, 0, Freshness.FRESH)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "gone" in verdict.why


def test_quiet_that_is_too_short_to_mean_anything_says_when_to_look_again():
    rare = replace(WARNINGS, before=2, after_seconds=600)  # one in half an hour

    verdict = of_signs(rare, 100, Freshness.FRESH)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert 4700 <= verdict.check_again_s <= 4900


def test_nothing_before_is_nothing_to_compare_with():
    assert of_signs(replace(WARNINGS, before=0), 100, Freshness.FRESH).outcome is Outcome.INCONCLUSIVE


def test_a_change_of_a_moment_ago_is_inconclusive():
    verdict = of_signs(replace(WARNINGS, after_seconds=0), 100, Freshness.FRESH)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "settle" in verdict.why


def test_no_failures_in_many_requests_are_resolved():
    assert of_requests(FAILURES, Freshness.FRESH).outcome is Outcome.RESOLVED


def test_no_failures_in_few_requests_are_inconclusive():
    assert of_requests(replace(FAILURES, looked_at_after=19), Freshness.FRESH).outcome is Outcome.INCONCLUSIVE
    # Of 20 requests only two failures were due.
    assert of_requests(replace(FAILURES, looked_at_after=20), Freshness.FRESH).outcome is Outcome.INCONCLUSIVE


def test_no_requests_at_all_are_not_resolved():
    assert of_requests(replace(FAILURES, looked_at_after=0), Freshness.FRESH).outcome is Outcome.INCONCLUSIVE


def test_the_same_share_of_failures_persists():
    assert of_requests(replace(FAILURES, after=40), Freshness.FRESH).outcome is Outcome.PERSISTS


def test_far_fewer_failures_are_not_called_resolved():
    assert of_requests(replace(FAILURES, after=2), Freshness.FRESH).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("after", "wanted", "outcome"),
    [
        (300, 0, Outcome.RESOLVED),
        (300, 500, Outcome.RESOLVED),
        (600, 500, Outcome.PERSISTS),
        (1200, 0, Outcome.INCONCLUSIVE),
        (1900, 0, Outcome.PERSISTS),
    ],
)
def test_latency_is_held_against_what_is_wanted(after, wanted, outcome):
    assert of_latency(replace(SLOW, after=after), wanted, Freshness.FRESH).outcome is outcome


def test_a_p95_of_few_requests_is_inconclusive():
    assert of_latency(replace(SLOW, looked_at_after=5), 0, Freshness.FRESH).outcome is Outcome.INCONCLUSIVE
