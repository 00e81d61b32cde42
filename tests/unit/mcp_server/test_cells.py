"""A cell is short, on one line, and says how much of it was cut."""

import pytest

from mcp_server.cells import cut, written


def as_written(cell, longest=100):
    return written(cell, longest, str)


@pytest.mark.parametrize("cell", [None, "", [], {}, (), float("nan")])
def test_what_says_nothing_is_left_out(cell):
    assert as_written(cell) is None


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0, "0"),
        (True, "true"),
        (12345678901234567890, "12345678901234567890"),
        (0.123456789, "0.1235"),
        (1200.0, "1200"),
        (1e20, "1e+20"),
        (1763715600.123, "1763715600"),
        (123456.7, "123457"),
        (-123456.7, "-123457"),
        (1234567890123.5, "1234567890124"),
        (9999.96, "10000"),
        (9876.54, "9877"),
        (10000.4, "10000"),
        ("2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123Z"),
        ("2026-03-01T10:00:00.000000000Z", "2026-03-01T10:00:00Z"),
        ({"a": "1", "b": "", "c": None}, '{"a":"1"}'),
        (["x", "y"], '["x","y"]'),
        ("two\nlines\x1b[31m", "two ⏎ lines"),
    ],
)
def test_each_kind_of_value_is_written_in_few_signs(cell, text):
    assert as_written(cell) == text


def test_a_long_text_keeps_its_head_and_its_tail_and_says_what_was_cut():
    text = "head " + "x" * 1000 + " tail"

    short = cut(text, 100)

    assert short.startswith("head ")
    assert short.endswith(" tail")
    assert "910 characters cut" in short
    assert len(short) < 140


def test_a_huge_text_is_not_looked_at_whole():
    short = as_written("a" * 5_000_000 + "end")

    assert short.endswith("end")
    assert len(short) < 160


def test_masking_comes_before_cutting_so_that_no_half_of_a_secret_is_left():
    seen = []

    def mask(text):
        seen.append(text)
        return text.replace("secret", "********")

    assert "secr" not in written("x" * 90 + "secret" + "y" * 90, 185, mask)
    assert len(seen[0]) == 186
