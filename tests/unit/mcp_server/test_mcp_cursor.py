"""A cursor is short, comes back as it went, and belongs to its arguments."""

import pytest

from mcp_server import cursor
from query.errors import BadParameterError
from query.reply import Window

WINDOW = Window("2026-03-01T10:00:00.000000001Z", "2026-03-01T11:00:00.123456789Z")


@pytest.mark.parametrize("window", [WINDOW, None])
def test_it_comes_back_as_it_went(window):
    of = cursor.digest("search_logs", [("service", "checkout")])

    assert cursor.read(cursor.write(40, window, of), of) == (40, window)


def test_it_is_short_enough_to_be_repeated():
    assert len(cursor.write(40, WINDOW, cursor.digest("x"))) < 45


def test_it_is_refused_with_other_arguments():
    text = cursor.write(40, WINDOW, cursor.digest("search_logs", "a"))

    with pytest.raises(BadParameterError, match="other arguments") as refused:
        cursor.read(text, cursor.digest("search_logs", "b"))
    assert refused.value.field == "cursor"


@pytest.mark.parametrize(
    "text",
    ["", "x", "40", "-1---abcdef", "40-zzzzzzzzzzzzz-0-abcdef", "40-5-4-abcdef", "99999999---abcdef", "40-5--abcdef"],
)
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(BadParameterError):
        cursor.read(text, "abcdef")
