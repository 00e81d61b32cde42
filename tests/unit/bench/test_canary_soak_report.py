"""What `otelhouse bench canary-soak` counts as an alarm, and what it writes."""

import json
from dataclasses import replace

import pytest

from bench import canary_soak_report
from bench.canary_soak import Plan, Soaked
from bench.steady_load import Loaded

MACHINE = {"cpu": "a CPU", "cores": 2, "python": "3.11"}
SENT = Loaded({"logs": 720_000, "traces": 360_000, "metrics": 720_000}, 21_600, 3, 800, 1, 2.5, 1800.0, "BUSY: wait")
WELL = Soaked(
    plan=Plan(30.0, 60.0, 2_000.0),
    loaded=SENT,
    beats={"ok": 30},
    findings={"ok": 1400, "late": 2, "skipped": 1, "out_of_order": 1},
    problems={"record": 1},
    looks={"ok": 350, "late": 10},
    spooled=12,
    cores=0.75,
    peak_bytes=2**30,
    machine_load=(1.2, 2.3),
    machine=MACHINE,
)


def test_what_is_late_or_out_of_order_is_no_alarm():
    assert WELL.alarms == 0
    assert WELL.holds


@pytest.mark.parametrize(
    "more",
    [
        {"beats": {"ok": 29, "broken": 1}},
        {"findings": {"ok": 1, "lost": 1}},
        {"findings": {"ok": 1, "failed": 1}},
        {"looks": {"ok": 300, "silent": 1}},
        {"looks": {"ok": 300, "broken": 1}},
        {"problems": {"beat": 1}},
    ],
    ids=str,
)
def test_whatever_is_broken_or_silent_is_an_alarm(more):
    seen = replace(WELL, **more)

    assert seen.alarms == 1
    assert not seen.holds
    assert "MISSED" in canary_soak_report.as_markdown(seen)


@pytest.mark.parametrize(("done", "holds"), [(28, True), (27, False)])
def test_a_canary_that_beats_too_seldom_does_not_hold(done, holds):
    assert replace(WELL, beats={"ok": done}).holds is holds


def test_the_page_says_what_was_sent_what_the_house_took_and_the_command():
    told = canary_soak_report.as_markdown(WELL)

    for line in (
        "| minutes under load | 30 |",
        "| beats of the canary | 30, a beat every 60 s makes 30 |",
        "| findings by state | late 2, ok 1400, out_of_order 1, skipped 1 |",
        "| false alarms | 0 |",
        "| records acknowledged | 1,800,000, 1,000 a second (logs 400, metrics 400, traces 200) |",
        "| Export requests | 21,600, refused 3 |",
        "| questions asked over REST | 800, failed 1, the slowest 2.5 s |",
        "| first thing that went wrong with them | BUSY: wait |",
        "| CPU of the house | 0.75 of a core, on average |",
        "`otelhouse bench canary-soak --minutes 30`, no false alarm",
    ):
        assert line in told


def test_another_pace_and_another_rate_stand_in_the_command():
    plan = Plan(0.2, 2.0, 100.0)

    assert canary_soak_report.command(plan) == "otelhouse bench canary-soak --minutes 0.2 --period 2 --rate 100"


def test_the_json_is_read_back():
    assert canary_soak_report.read(json.loads(canary_soak_report.as_json(WELL))) == WELL
