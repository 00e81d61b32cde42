"""The spool's table compares what was acknowledged, and what reached ClickHouse, with the direct way."""

import json

from bench import spool_benchmark
from bench.spool_benchmark import Comparison, Figures

DIRECT = Figures("never", 1_000_000, 8.0, 8.0, ingester_us=1.5, clickhouse_us=20.0, inserts=25)
SPOOLED = Figures("always", 1_000_000, 5.0, 10.0, ingester_us=2.25, clickhouse_us=21.0, inserts=10)
FOUND = Comparison("flat logs", DIRECT, SPOOLED, fsync_ms=0.5)


def test_the_table_has_both_rates_of_both_ways_and_their_ratio():
    head, _, direct, spooled, ratio = spool_benchmark.as_markdown(FOUND).splitlines()
    assert head.startswith("| flat logs | acknowledged/s | in ClickHouse/s |")
    assert direct == "| direct (`spool.mode: never`) | 125,000 | 125,000 | 1.50 us | 20.00 us | 40,000 |"
    assert (
        spooled == "| by way of the spool (`spool.mode: always`) | 200,000 | 100,000 | 2.25 us | 21.00 us | 100,000 |"
    )
    assert ratio == "| the second over the first | 1.60 | 0.80 | | | |"


def test_the_json_says_on_what_machine_and_can_be_read_back():
    told = json.loads(spool_benchmark.as_json(FOUND, "26.7"))
    assert told["machine"]["cores"] >= 1
    assert told["clickhouse"] == "26.7"
    assert spool_benchmark.read(told) == FOUND


def test_rounds_are_put_together_by_what_was_sent_in_each():
    short = Figures("always", 1_000, 1.0, 2.0, ingester_us=4.0, clickhouse_us=10.0, inserts=1)
    long = Figures("always", 3_000, 3.0, 4.0, ingester_us=8.0, clickhouse_us=30.0, inserts=2)
    assert spool_benchmark.together([short, long]) == Figures("always", 4_000, 4.0, 6.0, 7.0, 25.0, 3)
