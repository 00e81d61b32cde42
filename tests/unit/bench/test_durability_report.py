"""The durability benchmark's table says what the two sides of each comparison were."""

from bench import durability_benchmark
from bench.durability_benchmark import Comparison, Side


def test_a_line_has_both_medians_the_difference_and_cpu_an_item():
    off = Side(seconds=[0.1, 0.1, 9.0], cpu_seconds=0.3)
    on = Side(seconds=[0.12, 0.12, 0.01], cpu_seconds=0.6)

    text = durability_benchmark.as_text([Comparison("server", "flat logs", 10_000, off, on)], fsync=0.125)

    assert text.splitlines()[0].endswith("an fsync of 4 KiB takes 0.12 ms here.")
    assert text.splitlines()[-1] == "| server | 10,000 flat logs | 100 ms | 120 ms | +20 % | 10.0 us | 20.0 us |"
