"""What `otelhouse bench canary` writes of a job in a cluster: nothing of the sum is left out."""

import json

from bench import canary_job_report
from bench.canary_job import JobOutcome, Taken

MACHINE = {"cpu": "a CPU", "cores": 2, "python": "3.11"}
SEEN = JobOutcome(
    beats=10,
    single=Taken(process=1.1, house=0.05, server=0.2),
    whole=Taken(process=2.0, house=0.5, server=2.0),
    peak_bytes=100 * 2**20,
    load=0.5,
)


def test_start_and_beats_are_told_apart_and_the_sum_is_of_all_three():
    told = canary_job_report.as_markdown(SEEN, MACHINE)

    for line in (
        "| process of the job | 1.00 s | 0.10 s | 0.33 % of a core |",
        "| house, for its doors and windows | none | 0.05 s | 0.08 % of a core |",
        "| ClickHouse | none | 0.20 s | 0.33 % of a core |",
        "| all of it | 1.00 s | 0.35 s | 0.75 % of a core |",
    ):
        assert line in told


def test_a_sum_above_the_bar_is_said_to_miss_it():
    dear = JobOutcome(10, SEEN.single, Taken(2.0, 0.5, 4.0), SEEN.peak_bytes, SEEN.load)

    assert "| 1.08 % of a core, missed |" in canary_job_report.as_markdown(dear, MACHINE)


def test_the_json_is_read_back():
    told = json.loads(canary_job_report.as_json(SEEN, MACHINE))

    assert canary_job_report.read(told) == (SEEN, MACHINE)
