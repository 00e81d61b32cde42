"""What `otelhouse bench canary` writes of one engine."""

from bench import canary_benchmark
from bench.canary_benchmark import Outcome

MACHINE = {"cpu": "a CPU", "cores": 2, "python": "3.11"}


def test_the_middle_beat_counts_and_is_told_as_part_of_a_core():
    told = canary_benchmark.as_markdown(Outcome("embedded", (0.2, 0.3, 9.0), 0.01, 1.0), MACHINE)

    assert "| embedded | 3 | 0.30 s | 0.20 s | 9.00 s | 0.50 % of a core | none |" in told


def test_a_beat_above_the_bar_is_said_to_miss_it_and_a_server_is_told_beside_it():
    told = canary_benchmark.as_markdown(Outcome("server", (0.6,), 0.01, 1.0, server_seconds=0.25), MACHINE)

    assert "| 1.00 % of a core, missed | 0.25 s |" in told
