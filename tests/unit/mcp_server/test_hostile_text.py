"""Whatever a log line holds, an agent reads one line of visible characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.hostile_text import clean


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain text, unchanged", "plain text, unchanged"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x9b31mred", "red"),
        ("a\x00b\x07c\x7fd", "abcd"),
        ("zero\u200bwidth\u200d\u2060\ufeff", "zerowidth"),
        ("\u202etxt.exe\u202c \u2066isolated\u2069 \u200fmark", "txt.exe isolated mark"),
        ("tags\U000e0049\U000e0067\U000e006e", "tags"),
        ("selectors\ufe0f\U000e0100", "selectors"),
        ("soft\u00adhyphen", "softhyphen"),
        ("filler\u3164\u115f\u2800x", "fillerx"),
        ("private\ue000use", "privateuse"),
        ("half\ud800", "half"),
        ("one\ntwo\r\n\r\nthree", "one ⏎ two ⏎ three"),
        ("tab\tand\u00a0blank\u3000wide", "tab and blank wide"),
        ("naïve ☕ 日本語 العربية €5", "naïve ☕ 日本語 العربية €5"),
    ],
)
def test_what_is_not_visible_is_taken_out(text, seen):
    assert clean(text) == seen


def test_marks_that_pile_up_are_cut_to_what_a_script_needs():
    assert len(clean("z" + "\u0301" * 500)) <= 5


@given(st.text())
def test_nothing_invisible_is_left(text):
    cleaned = clean(text)

    assert all(unicodedata.category(one)[0] != "C" and unicodedata.category(one) not in {"Zl", "Zp"} for one in cleaned)
    assert "\n" not in cleaned
    assert "\t" not in cleaned


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)
