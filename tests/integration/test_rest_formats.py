"""Every question in every format, over both doors: the same values, and the same said of them."""

import csv
import io
import json
import math

import pyarrow as pa
import pytest
from scoped_world import ASKED, path

from query.pages import METADATA

FACTS = ("rows", "truncated", "window", "asked")
MANY = [(name, many[0]) for name, many in ASKED.items()]


@pytest.mark.parametrize(("name", "parameters"), MANY, ids=[name for name, _ in MANY])
def test_each_format_has_the_same_rows_and_the_same_facts(world, name, parameters):
    client = world.reader("all")
    as_json, as_lines, as_csv, as_arrow = (
        client.get(path(name, parameters, form)) for form in ("json", "ndjson", "csv", "arrow")
    )
    rows = as_json.json["rows"]

    assert {said.status for said in (as_json, as_lines, as_csv, as_arrow)} == {200}
    assert [json.loads(line) for line in as_lines.text.splitlines()] == rows
    assert [[cell(value) for value in row.values()] for row in rows] == list(csv.reader(io.StringIO(as_csv.text)))[1:]
    assert [as_plain(row) for row in arrow(as_arrow.body).to_pylist()] == [without_empty(row) for row in rows]
    for said in (as_lines, as_csv, as_arrow):
        assert [said.headers.get(f"x-otelhouse-{fact}") for fact in FACTS] == [
            as_json.headers.get(f"x-otelhouse-{fact}") for fact in FACTS
        ]


def arrow(body: bytes) -> pa.Table:
    with pa.ipc.open_stream(body) as stream:
        table = stream.read_all()
    table.validate(full=True)
    return table


def without_empty(value):
    """What is empty, as nothing: Python does not tell an empty map of Arrow from an empty list."""
    if isinstance(value, dict):
        return {key: without_empty(one) for key, one in value.items()} or None
    return ([without_empty(one) for one in value] or None) if isinstance(value, list) else value


def as_plain(value):
    """An Arrow value as JSON has it: maps are lists of pairs there, and NaN is no null."""
    if isinstance(value, dict):
        return {key: as_plain(one) for key, one in value.items()}
    if value == []:
        return None
    if isinstance(value, list):
        if value and all(isinstance(one, tuple) and len(one) == 2 for one in value):
            return {key: as_plain(one) for key, one in value}
        return [as_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def test_arrow_says_in_its_schema_what_was_asked_and_whether_there_is_more(world):
    said = world.reader("all").get(path("recent_logs", {"limit": 2}, "arrow"))
    table = arrow(said.body)
    told = json.loads(table.schema.metadata[METADATA])

    assert said.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert (table.num_rows, told["row_count"], told["truncated"], told["question"]) == (2, 2, True, "recent_logs")
    assert told["next_cursor"] == said.headers["x-otelhouse-next-cursor"]
    assert (told["rows_read"] > 0, told["bytes_read"] > 0, bool(told["query_id"])) == (True, True, True)


def test_arrow_is_paged_like_the_others(world):
    client = world.reader("all")
    whole = client.get(path("recent_logs", {}, "json")).json["rows"]
    seen, cursor = [], ""
    while cursor is not None:
        said = client.get(path("recent_logs", {"limit": 3, **({"cursor": cursor} if cursor else {})}, "arrow"))
        seen += arrow(said.body).column("position").to_pylist()
        cursor = said.headers.get("x-otelhouse-next-cursor")

    assert seen == [row["position"] for row in whole]


def test_an_empty_answer_in_arrow_has_its_columns(nothing):
    table = arrow(nothing.reader("all").get(path("recent_logs", {}, "arrow")).body)

    assert (table.num_rows, table.column_names[:3]) == (0, ["time", "severity", "service"])


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "arrow"])
def test_a_reader_of_a_part_is_shown_that_part_in_every_format(world, form):
    said = world.reader("by-name").get(path("recent_logs", {}, form))

    assert b"ZANZIBAR" not in said.body
    assert (said.status, said.headers["x-otelhouse-scope"]) == (200, "clusters=east")
    assert "x-otelhouse-rows-read" not in said.headers


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "arrow"])
def test_a_failure_is_told_in_json_whatever_format_was_asked_for(world, form):
    said = world.reader("all").get(path("recent_logs", {"limit": 0}, form))

    assert (said.status, said.headers["content-type"], said.json["error"]["field"]) == (
        400,
        "application/json",
        "limit",
    )
