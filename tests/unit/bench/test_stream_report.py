"""What is told of streams counts nothing that was too late, or did not reach everybody."""

import pytest

from bench import stream_report
from bench.stream_benchmark import Fanout, Outcome, Soon

MACHINE = {"cpu": "a processor", "cores": 2}
GOOD = Fanout(viewers=5_000, rate=5.0, complete=5_000, p50_ms=300, p99_ms=700, cpu_us=20.0)


def page(*many):
    return stream_report.as_markdown(
        Outcome(Soon(100, (90.0, 300.0), (20.0, 30.0)), many, ((1, 0.9, 4.0),), 2**30, 0.5), MACHINE
    )


@pytest.mark.parametrize(
    "worse",
    [
        Fanout(viewers=5_000, rate=20.0, complete=5_000, p50_ms=300, p99_ms=2_001, cpu_us=10.0),
        Fanout(viewers=5_000, rate=20.0, complete=4_999, p50_ms=300, p99_ms=700, cpu_us=10.0),
    ],
    ids=["late", "not everybody"],
)
def test_deliveries_a_core_are_of_a_load_within_the_bar(worse):
    told = page(GOOD, worse)

    assert "50,000 deliveries a second a core" in told
    assert "(5,000 clients, 5.0 events a second)" in told
    assert told.count(", missed") == 1
    assert "No load was within the bar." in page(worse)
