"""What streams say to ClickHouse is whole, and in the order in which it is read."""

import re

import pytest

from sse_proxy import statements
from sse_proxy.feeds import FEEDS, NUMBERS


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
@pytest.mark.parametrize("name", ["census", "rows", "missed"])
def test_nothing_is_left_to_fill_in(feed, name):
    assert "${" not in statements.statement(f"{feed.name}_{name}")


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
@pytest.mark.parametrize("name", ["rows", "missed"])
def test_columns_are_those_that_filters_look_at(feed, name):
    text = statements.statement(f"{feed.name}_{name}")
    select = text[text.rindex("SELECT") : text.index("FROM ")]
    named = re.findall(r"^(?:.* AS )(\w+),?$|^\)\), \{row_bytes:UInt64\}\) AS (data)$", select, re.MULTILINE)
    assert [one or last for one, last in named] == ["ingested", "id", *feed.columns, "data"]


def test_numbers_in_cursors_are_never_given_anew():
    assert NUMBERS == {"events": 1, "logs": 2, "spans": 3}
