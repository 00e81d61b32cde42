"""A page of an answer, as plain Python and as Arrow: the same rows, cut alike."""

import json

import pyarrow as pa
import pytest

from query.pages import METADATA, ArrowPage, RowPage, arrow_stream, page_of
from store.port import Answer, Column

ROWS = [(f"row {n}", n) for n in range(5)]


def plain(rows=ROWS):
    return page_of(Answer((Column("name", "String"), Column("n", "Int64")), list(rows), 0.0, 0, 0, ""), arrow=False)


def arrow(rows=ROWS):
    table = pa.table(
        {"name": pa.array([r[0] for r in rows], pa.string()), "n": pa.array([r[1] for r in rows], pa.int64())}
    )
    table = table.replace_schema_metadata({b"of": b"clickhouse"})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return page_of(Answer((), [], 0.0, 0, 0, "", body=bytes(out.getvalue())), arrow=True)


@pytest.mark.parametrize("made", [plain, arrow])
@pytest.mark.parametrize(
    ("offset", "most", "left"), [(0, 5, 5), (0, 2, 2), (2, 2, 2), (4, 10, 1), (5, 1, 0), (9, 1, 0)]
)
def test_a_page_is_cut_by_what_was_given_before_and_by_the_limit(made, offset, most, left):
    page = made().cut(offset, most)

    assert page.size == left
    assert page.names == ("name", "n")
    assert list(page.column("n")) == [n for _, n in ROWS[offset : offset + most]]
    assert page.first() == (dict(zip(("name", "n"), ROWS[offset], strict=True)) if left else {})


@pytest.mark.parametrize("made", [plain, arrow])
def test_a_page_without_rows_has_no_first_one(made):
    assert (made([]).size, made([]).first()) == (0, {})


def test_each_kind_of_answer_becomes_its_kind_of_page():
    assert isinstance(plain(), RowPage)
    assert isinstance(arrow(), ArrowPage)


def test_a_stream_of_arrow_holds_the_rows_of_the_page_and_its_circumstances_beside_what_was_noted():
    body = arrow_stream(arrow().cut(1, 2), {"truncated": True, "word": "\u00fc"})

    table = pa.ipc.open_stream(body).read_all()
    assert table.to_pylist() == [{"name": "row 1", "n": 1}, {"name": "row 2", "n": 2}]
    assert table.schema.metadata[b"of"] == b"clickhouse"
    assert json.loads(table.schema.metadata[METADATA]) == {"truncated": True, "word": "\u00fc"}
