"""A gap of `otelhouse tail` is filled with what the house still has, in its place, and what it cannot get is told."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from otelhouse import house_client, tail_gap
from otelhouse.__main__ import cli
from otelhouse.event_source import EventSource, Message
from otelhouse.house_access import NO_ACCESS

FETCH = "/api/v1/tail/missed?signal=logs&after=2026-01-01T00%3A00%3A00Z&until=2026-01-01T01%3A00%3A00Z&service=a"
LATE = {"reason": "late", "signal": "logs", "from": "A", "to": "B", "rows": None, "fetch": FETCH}


def log(body):
    return {"time": "2026-01-01T00:00:00.5Z", "level": 17, "service": "shop", "body": body}


class House:
    """Has these pages of what was missed, in order."""

    def __init__(self, *pages):
        self.pages = list(pages)
        self.asked = []

    def call(self, _url, method, path, content=None, access=NO_ACCESS):
        assert (method, content) == ("GET", None)
        self.asked.append(path)
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        rows, through, more = page
        return {"rows": rows, "through": through, "more": more}


@pytest.fixture
def fill(monkeypatch):
    def fill(told, *pages):
        house, remarks = House(*pages), []
        monkeypatch.setattr(house_client, "call", house.call)
        return list(tail_gap.fill("http://house", NO_ACCESS, told, remarks.append)), house, remarks

    return fill


def test_what_was_missed_is_fetched_page_by_page_with_the_same_filter(fill):
    rows, house, remarks = fill(LATE, ([log("ä")], "2026-01-01T00:10:00Z", True), ([log("b")], "x", False))

    assert [json.loads(row)["body"] for row in rows] == ["ä", "b"]
    assert remarks == []
    first, second = (parse_qs(urlsplit(path).query) for path in house.asked)
    assert second == first | {"after": ["2026-01-01T00:10:00Z"]}
    assert second["service"] == ["a"]


def test_more_than_a_gap_may_bring_is_left_where_it_is_and_told(fill, monkeypatch):
    monkeypatch.setattr(tail_gap, "MOST", 2)
    page = ([log("a"), log("b")], "2026-01-01T00:10:00Z", True)

    rows, house, (remark,) = fill(LATE, page, page)

    assert len(rows) == 2
    assert len(house.asked) == 1
    assert "2 rows were fetched and there are more" in remark
    assert "after=2026-01-01T00%3A10%3A00Z" in remark


@pytest.mark.parametrize(
    "problem", [house_client.Refusal("busy", users_mistake=False), house_client.Unreachable("gone")]
)
def test_what_cannot_be_fetched_is_told_with_where_it_is(fill, problem):
    rows, _, (remark,) = fill(LATE, ([log("a")], "2026-01-01T00:10:00Z", True), problem)

    assert len(rows) == 1
    assert "rows are missing here" in remark
    assert "after=2026-01-01T00%3A10%3A00Z" in remark
    assert remark.endswith(str(problem))


@pytest.mark.parametrize(
    "told", [{"reason": "flood", "rows": 7}, {"reason": "unreadable", "from": None, "fetch": None}]
)
def test_rows_that_would_be_too_many_or_that_nobody_knows_are_told_alone(fill, told):
    rows, house, (remark,) = fill(LATE | told)

    assert (rows, house.asked) == ([], [])
    assert f"({told['reason']})" in remark


def test_what_came_before_the_first_use_is_shown_before_what_comes_and_counts_as_rows(monkeypatch):
    house = House(([log("before"), log("also before")], "x", False))
    said = [Message("gap", json.dumps(LATE)), *(Message("message", json.dumps(log(one))) for one in ("now", "later"))]
    monkeypatch.setattr(house_client, "call", house.call)
    monkeypatch.setattr(EventSource, "messages", lambda _: iter(said))

    result = CliRunner().invoke(cli, ["tail", "--since", "10m", "--rows", "3", "--url", "http://house"])

    assert [line.split("  ")[-1] for line in result.stdout.splitlines()] == ["before", "also before", "now"]
    assert (result.exit_code, result.stderr) == (0, "")
