"""Beats that the canary wrote down are found again, with what of each was stored, by which door."""

import time
from dataclasses import replace

import pytest

from canary.finding import Beaten, Finding, Past
from canary.items import DOORS, EVERY_WAY, KINDS
from canary.judging import State
from otelhouse.canary_records import StoredRecords
from store.port import Select

MINUTE = 60 * 10**9


@pytest.fixture
def records(question_tables):
    yield StoredRecords(question_tables, 30.0)
    question_tables.select(Select("TRUNCATE TABLE otel_canary"))


@pytest.fixture
def wrote(records):
    """Write a beat down as it was found: `accepted` says by leg and kind what was found at the doors."""

    def wrote(number, accepted, stored=State.OK):
        sent = (time.time_ns() // MINUTE - 100 + number) * MINUTE
        findings = [Finding("", kind, leg, state) for (leg, kind), state in accepted.items()]
        taken = {kind for (_, kind), state in accepted.items() if state is not State.FAILED}
        findings += [Finding("", kind, "stored", stored) for kind in sorted(taken)]
        records.write(Beaten(sent, {"": "0123abcd"}, number, findings))
        return Past("", "0123abcd", number, sent)

    return wrote


def by_both():
    return {(f"accept-{door}", kind): State.OK for door in DOORS for kind in KINDS}


def test_a_beat_is_looked_for_as_far_as_it_was_stored(records, wrote):
    whole = wrote(1, by_both())
    refused = wrote(2, by_both() | {("accept-http", "gauge"): State.FAILED, ("accept-grpc", "log"): State.LATE})
    wrote(3, by_both(), stored=State.LOST)
    wrote(4, dict.fromkeys(by_both(), State.FAILED))
    of_old = {("accept-http" if kind == "span" else "accept-grpc", kind): State.OK for kind in KINDS}
    by_one_door = wrote(5, of_old)

    found = records.past(whole.sent, by_one_door.sent, every=1)

    stored_of_old = frozenset((leg.removeprefix("accept-"), kind) for leg, kind in of_old)
    assert list(found) == [
        replace(by_one_door, stored=stored_of_old),
        replace(refused, stored=EVERY_WAY - {("http", "gauge")}),
        whole,
    ]
