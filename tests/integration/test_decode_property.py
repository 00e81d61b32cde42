"""Two thousand random Export requests, each row of them in ClickHouse held against the oracle's.

Found something? The request is printed in hexadecimal: put it into `oracle.strange.FOUND`. Hypothesis prints how to
repeat the run; ``--hypothesis-seed`` fixes the seed from the start.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle import decoding, doors, messages
from sql.signals import Signal

AT_ONCE = 8
"""Requests in one INSERT. More would go over what Hypothesis takes for one example."""


def hold_against_the_oracle(store, signal, requests):
    checked = 0

    @settings(
        max_examples=-(-requests // AT_ONCE),
        deadline=None,  # the first INSERT of a run is slower than all others
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(messages.requests(decoding.REQUESTS[signal]), min_size=AT_ONCE, max_size=AT_ONCE))
    def every_row_is_the_oracles(bodies):
        nonlocal checked
        decoding.check(store, signal, bodies)
        checked += len(bodies)

    every_row_is_the_oracles()
    assert checked >= requests


# Seven hundred of each signal: 2,100 requests a run.
@pytest.mark.timeout(900)  # a failure is shrunk to the smallest request, one INSERT after the other
@pytest.mark.parametrize("signal", list(Signal))
def test_random_requests_become_the_oracles_rows_on_a_server(server_store, signal):
    hold_against_the_oracle(doors.prepared(server_store), signal, 700)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("signal", list(Signal))
def test_random_requests_become_the_oracles_rows_in_the_embedded_engine(embedded_store, signal):
    hold_against_the_oracle(doors.prepared(embedded_store), signal, 120)
