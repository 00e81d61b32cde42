"""With which settings OTLP is inserted."""

import pytest

from sql import otlp
from sql.signals import Signal

PLANNED = "query_plan_enable_optimizations"
INDEXED = "materialize_skip_indexes_on_insert"


@pytest.mark.parametrize("signal", list(Signal))
def test_a_small_insert_is_not_planned_twice_and_a_large_one_is(signal):
    small = otlp.insert_for(signal, [b"x" * 1000] * 10)
    large = otlp.insert_for(signal, [b"x" * 1000] * 100)

    assert small.settings[PLANNED] == 0
    assert PLANNED not in large.settings
    assert {name: value for name, value in small.settings.items() if name not in {PLANNED, INDEXED}} == large.settings


def test_a_small_insert_of_logs_leaves_indexes_to_the_merge():
    assert otlp.insert_for(Signal.LOGS, [b"x" * 1000] * 10).settings[INDEXED] == 0
    assert INDEXED not in otlp.insert_for(Signal.LOGS, [b"x" * 1000] * 100).settings
