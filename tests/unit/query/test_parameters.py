"""How what somebody wrote becomes the values of a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query import errors, parameters
from sql.catalogue import Question, ResultColumn
from sql.parameter import LATEST, Parameter, iso_time, read_time

NOW = 1_767_268_800 * 10**9
"""2026-01-01T12:00:00Z"""

SECOND = 10**9
TIME = "DateTime64(9, 'UTC')"


def question(*declared: Parameter) -> Question:
    column = ResultColumn("n", "UInt64", "Number.")
    return Question("q", "S.", "D.", declared, (column,), frozenset({"rest"}), (), 10, 1, "SELECT 1 AS n")


WINDOWED = question(
    Parameter("since", TIME, "Start.", "1h", "2h"),
    Parameter("until", TIME, "End.", "now", "15m"),
    Parameter("service", "String", "Service.", "", "shop", 1, 10),
    Parameter("level", "String", "Level.", "", "warn", choices=("", "info", "warn")),
    Parameter("limit", "UInt32", "Rows.", "20", "5", 1, 100),
    Parameter("ratio", "Float64", "Ratio.", "0.5", "0.5", 0, 1),
)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("2026-11-21", "give the time of day and Z for UTC too: 2026-11-21T00:00:00Z"),
        ("2026-11-21 10:20:30", "give the time of day and Z for UTC too: 2026-11-21T10:20:30Z"),
        ("2026-13-01T00:00:00Z", "give RFC 3339 .*; here, month must be"),
        ("yesterday", "give RFC 3339"),
    ],
)
def test_a_time_that_is_nearly_one_is_refused_with_what_it_lacks(text, mend):
    with pytest.raises(ValueError, match=f"^{mend}"):
        read_time(text, NOW)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("now", NOW),
        ("15m", NOW - 15 * 60 * SECOND),
        ("1h30m", NOW - 5400 * SECOND),
        ("7d", NOW - 7 * 86_400 * SECOND),
        ("2w", NOW - 14 * 86_400 * SECOND),
        ("250ms", NOW - SECOND // 4),
        ("1us1ns", NOW - 1001),
        ("1767268800", NOW),
        ("1767268800.5", NOW + SECOND // 2),
        ("1767268800.000000001", NOW + 1),
        ("1767268800123", NOW + 123_000_000),
        ("1767268800123456", NOW + 123_456_000),
        ("1767268800123456789", NOW + 123_456_789),
        ("2026-01-01T12:00:00Z", NOW),
        ("2026-01-01t12:00:00z", NOW),
        ("2026-01-01 13:00:00+01:00", NOW),
        ("2026-01-01T12:00:00.000000001Z", NOW + 1),
        (" 2026-01-01T12:00:00.25Z ", NOW + SECOND // 4),
        ("1970-01-01T00:00:00Z", 0),
        ("0", 0),
    ],
)
def test_a_time_is_read_in_every_accepted_form(text, nanoseconds):
    assert read_time(text, NOW) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-15m",
        "15x",
        "1.5h",
        "2026-01-01",
        "2026-01-01T12:00:00",
        "2026-13-01T12:00:00Z",
        "12345678901",
        "1969-12-31T23:59:59Z",
        "2263-01-01T00:00:00Z",
        "999999w",
        "2026-01-01T12:00:00.1234567890Z",
        "٣m",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="give"):
        read_time(text, NOW)


@given(st.integers(0, LATEST))
def test_a_time_reads_back_as_it_is_written(moment):
    assert read_time(iso_time(moment), NOW) == moment


def test_defaults_fill_what_was_not_given():
    given_ = parameters.settle(WINDOWED, {}, NOW)

    assert given_.values == {
        "since": NOW - 3600 * SECOND,
        "until": NOW,
        "service": "",
        "level": "",
        "limit": 20,
        "ratio": 0.5,
    }
    assert given_.shown["since"] == "2026-01-01T11:00:00.000000000Z"
    assert given_.bound["since"] == "2026-01-01 11:00:00.000000000"


def test_a_window_without_a_beginning_reaches_back_from_its_end():
    given_ = parameters.settle(WINDOWED, {"until": "1d"}, NOW)

    assert given_.values["since"] == NOW - (86_400 + 3600) * SECOND


def test_numbers_from_json_are_taken_as_they_are():
    given_ = parameters.settle(WINDOWED, {"limit": 7, "ratio": 0.25, "since": 1_767_268_000}, NOW)

    assert (given_.values["limit"], given_.values["ratio"]) == (7, 0.25)
    assert given_.shown["since"] == "2026-01-01T11:46:40.000000000Z"


def test_an_empty_optional_text_is_a_filter_that_was_not_given():
    assert parameters.settle(WINDOWED, {"service": "", "level": ""}, NOW) == parameters.settle(WINDOWED, {}, NOW)


def test_a_word_of_the_choices_is_taken_in_any_case():
    assert parameters.settle(WINDOWED, {"level": "WARN"}, NOW).values["level"] == "warn"


@pytest.mark.parametrize(
    ("written", "field", "mend"),
    [
        ({"limit": "0"}, "limit", "from 1 to 100"),
        ({"limit": "101"}, "limit", "from 1 to 100"),
        ({"limit": "many"}, "limit", "whole number"),
        ({"limit": "1e3"}, "limit", "whole number"),
        ({"limit": 5.5}, "limit", "whole number"),
        ({"limit": True}, "limit", "whole number"),
        ({"limit": "٣"}, "limit", "whole number"),
        ({"limit": ""}, "limit", "whole number"),
        ({"ratio": "1.1"}, "ratio", "from 0 to 1"),
        ({"ratio": "nan"}, "ratio", "give a number"),
        ({"service": "x" * 11}, "service", "these are 11"),
        ({"level": "loud"}, "level", "one of nothing, info, warn"),
        ({"since": "yesterday"}, "since", "RFC 3339"),
        ({"since": "1h", "until": "2h"}, "since", "earlier"),
        ({"since": "1h", "until": "1h"}, "since", "earlier"),
    ],
)
def test_a_bad_value_is_refused_by_name_with_the_mend(written, field, mend):
    with pytest.raises(errors.BadParameterError) as refusal:
        parameters.settle(WINDOWED, written, NOW)

    assert refusal.value.field == field
    assert mend in refusal.value.mend


def test_a_long_bad_value_is_not_repeated_whole():
    with pytest.raises(errors.BadParameterError) as refusal:
        parameters.settle(WINDOWED, {"limit": "9" * 10_000}, NOW)

    assert len(refusal.value.message) < 200


def test_an_unknown_parameter_is_refused_with_the_nearest_one():
    with pytest.raises(errors.UnknownParameterError) as refusal:
        parameters.settle(WINDOWED, {"servise": "x"}, NOW)

    assert refusal.value.field == "servise"
    assert "Did you mean `service`?" in refusal.value.mend


def test_a_missing_parameter_is_named_with_an_example():
    needy = question(Parameter("trace_id", "String", "The trace.", None, "abc", hex_digits=32))

    with pytest.raises(errors.MissingParameterError) as refusal:
        parameters.settle(needy, {}, NOW)

    assert refusal.value.field == "trace_id"
    assert "trace_id=abc" in refusal.value.mend


ID = question(Parameter("trace_id", "String", "The trace.", "", "0af7651916cd43dd8448eb211c80319c", hex_digits=32))


@pytest.mark.parametrize(
    "written", ["zzz", "abc", "a" * 31, "a" * 33, "g" * 32, f"{'a' * 31}\n", "'; DROP TABLE x", "%"]
)
def test_what_is_no_id_is_refused_and_not_looked_for(written):
    with pytest.raises(errors.BadParameterError) as refusal:
        parameters.settle(ID, {"trace_id": written}, NOW)

    assert refusal.value.field == "trace_id"
    assert "32 hexadecimal digits" in refusal.value.mend


@pytest.mark.parametrize("written", ["", "0af7651916cd43dd8448eb211c80319c", "0AF7651916CD43DD8448EB211C80319C"])
def test_an_id_may_be_written_in_any_case_and_left_empty(written):
    assert parameters.settle(ID, {"trace_id": written}, NOW).values["trace_id"] == written
