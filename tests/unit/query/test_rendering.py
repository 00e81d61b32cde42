"""How answers are written."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from query import errors, rendering
from query.pages import METADATA, ArrowPage
from query.rendering import Format
from query.reply import Reply, Window
from sql.catalogue import ResultColumn

BIG = 2**63 + 1


def reply(*rows: tuple[object, ...], truncated: bool = False, **left_out: int) -> Reply:
    columns = (ResultColumn("name", "String", "Name."), ResultColumn("value", "Float64", "Value.", wide=True))
    window = Window("2026-01-01T11:00:00.000000000Z", "2026-01-01T12:00:00.000000000Z")
    through = {"logs": "2026-01-01T11:59:00.000000000Z"}
    return Reply("q", {"limit": 2}, window, columns, list(rows), truncated, left_out, 0.5, 10, 20, "q-1", through)


def written(form: Format, *rows: tuple[object, ...]) -> str:
    return rendering.render(reply(*rows), form, 10_000).decode()


def test_a_column_for_machines_is_marked_and_is_wide_to_a_reader_that_does_not_know_the_mark():
    told = replace(reply(("a", 1)), columns=(ResultColumn("position", "String", "Where.", machines=True),) * 2)

    assert (
        rendering.circumstances(told)["columns"]
        == [{"name": "position", "type": "String", "wide": True, "machines": True}] * 2
    )


def test_json_is_one_document_with_the_circumstances():
    assert json.loads(written(Format.JSON, ("a", 1))) == {
        "question": "q",
        "parameters": {"limit": 2},
        "window": {"since": "2026-01-01T11:00:00.000000000Z", "until": "2026-01-01T12:00:00.000000000Z"},
        "columns": [
            {"name": "name", "type": "String", "wide": False},
            {"name": "value", "type": "Float64", "wide": True},
        ],
        "rows": [{"name": "a", "value": 1}],
        "row_count": 1,
        "truncated": False,
        "partial": False,
        "missing_shards": [],
        "next_cursor": None,
        "scope": None,
        "left_out": {},
        "elapsed_seconds": 0.5,
        "rows_read": 10,
        "bytes_read": 20,
        "query_id": "q-1",
        "data_through": {"logs": "2026-01-01T11:59:00.000000000Z"},
    }


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        (BIG, BIG),
        (True, True),
        (None, None),
        (math.nan, None),
        (-math.inf, None),
        (0.1, 0.1),
        ((1, math.nan), [1, None]),
        ({"a": [math.inf], 1: "x"}, {"a": [None], "1": "x"}),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T12:00:00Z"),
        ("\u2028<b>", "\u2028<b>"),
    ],
)
def test_cells_are_written_in_terms_of_json(cell, plain):
    assert json.loads(written(Format.JSON, ("a", cell)))["rows"] == [{"name": "a", "value": plain}]


def test_large_whole_numbers_keep_every_digit():
    assert f'"value":{BIG}' in written(Format.NDJSON, ("a", BIG))


def test_json_lines_are_an_object_a_row():
    assert written(Format.NDJSON, ("a\nb", 1), ("c", None)) == '{"name":"a\\nb","value":1}\n{"name":"c","value":null}\n'
    assert written(Format.NDJSON) == ""


def test_csv_has_a_header_quotes_what_needs_it_and_leaves_null_empty():
    assert written(Format.CSV, ('say "hi", you', 1), ("two\nlines", None), ("map", {"k": [1]}), ("yes", True)) == (
        'name,value\n"say ""hi"", you",1\n"two\nlines",\nmap,"{""k"":[1]}"\nyes,true\n'
    )
    assert written(Format.CSV) == "name,value\n"


def test_bytes_that_are_no_text_do_not_break_an_answer():
    assert "?" in written(Format.JSON, ("\udcff", 1))


@pytest.mark.parametrize("form", Format)
def test_an_answer_of_too_many_bytes_is_refused(form):
    page = ArrowPage(pa.table({"name": ["x" * 200], "value": [1]})) if form is Format.ARROW else None
    with pytest.raises(errors.LimitExceededError) as refusal:
        rendering.render(replace(reply(("x" * 200, 1)), arrow=page), form, 100)

    assert refusal.value.field == "limit"


def test_arrow_holds_the_rows_and_in_its_schema_how_they_came_about():
    page = ArrowPage(pa.table({"name": ["a", "b"], "value": [1.5, None]}))

    body = rendering.render(replace(reply(), arrow=page, next_cursor="c"), Format.ARROW, 10_000)

    with pa.ipc.open_stream(body) as stream:
        table = stream.read_all()
    assert table.to_pylist() == [{"name": "a", "value": 1.5}, {"name": "b", "value": None}]
    told = json.loads(table.schema.metadata[METADATA])
    assert (told["question"], told["row_count"], told["next_cursor"], "rows" in told) == ("q", 2, "c", False)


def test_parameters_too_long_for_a_header_are_left_out_of_it():
    long = replace(reply(), parameters={"text": "x" * 4000})

    assert "x-otelhouse-asked" not in rendering.headers(long)
    assert rendering.headers(replace(long, parameters={"text": "ü\n"}))["x-otelhouse-asked"] == "q?text=%C3%BC%0A"


def test_the_headers_say_what_rows_alone_cannot():
    assert rendering.headers(reply(("a", 1), truncated=True)) == {
        "x-otelhouse-rows": "1",
        "x-otelhouse-truncated": "true",
        "x-otelhouse-query-id": "q-1",
        "x-otelhouse-elapsed-seconds": "0.500000",
        "x-otelhouse-asked": "q?limit=2",
        "x-otelhouse-rows-read": "10",
        "x-otelhouse-bytes-read": "20",
        "x-otelhouse-window": "2026-01-01T11:00:00.000000000Z/2026-01-01T12:00:00.000000000Z",
        "x-otelhouse-data-through": "logs=2026-01-01T11:59:00.000000000Z",
    }


def test_what_another_parameter_than_limit_left_out_is_said_in_every_format():
    cut = reply(("a", 1), truncated=True, series=3, pods=1)

    assert rendering.document(cut)["left_out"] == {"series": 3, "pods": 1}
    assert rendering.headers(cut)["x-otelhouse-left-out"] == "series=3, pods=1"


def test_a_scope_of_many_names_does_not_burst_the_headers():
    names = tuple(f"namespace-number-{n}" for n in range(2000))
    narrowed = replace(reply(("a", 1)), scope={"clusters": ("east",), "namespaces": names})

    told = rendering.headers(narrowed)["x-otelhouse-scope"]
    assert told == "clusters=(1 names); namespaces=(2000 names)"
    assert rendering.document(narrowed)["scope"]["namespaces"] == list(names)


def test_a_narrowed_answer_says_by_what_in_every_format():
    narrowed = replace(
        reply(("a", 1)), scope={"clusters": ("east", "so, called; \u00fc"), "signals": ("logs",)}, rows_read=None
    )

    assert rendering.document(narrowed)["scope"] == {"clusters": ["east", "so, called; \u00fc"], "signals": ["logs"]}
    assert rendering.document(narrowed)["rows_read"] is None
    assert rendering.headers(narrowed)["x-otelhouse-scope"] == "clusters=east,so%2C%20called%3B%20%C3%BC; signals=logs"
