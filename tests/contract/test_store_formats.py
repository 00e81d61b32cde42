"""Answers as bytes in one of ClickHouse's formats, the same over both doors."""

import pyarrow as pa
import pytest

from store import errors
from store.port import Limits, Select, Store

HOSTILE = ["it's", "tab\tand\nline", "back\\slash \\N", "日本語 🦉", '"quoted" & <tagged>', ""]


def table(store: Store, sql: str, **parameters: object) -> pa.Table:
    answer = store.select(Select(sql, parameters, format="ArrowStream"))
    assert (answer.columns, answer.rows) == ((), [])
    with pa.ipc.open_stream(answer.body) as stream:
        return stream.read_all()


def test_an_answer_comes_as_the_bytes_of_the_format(store):
    found = table(store, "SELECT number AS n, toString(number) AS t FROM numbers({count:UInt8})", count=3)

    assert found.to_pylist() == [{"n": 0, "t": "0"}, {"n": 1, "t": "1"}, {"n": 2, "t": "2"}]


@pytest.mark.parametrize("value", HOSTILE)
def test_values_are_bound_as_they_are_for_rows(store, value):
    assert table(store, "SELECT {v:String} AS v", v=value).to_pylist() == [{"v": value}]


def test_an_empty_answer_has_its_columns(store):
    assert table(store, "SELECT 1 AS n, 'x' AS t WHERE 0").column_names == ["n", "t"]


def test_one_row_more_than_the_limit_comes_at_most(store):
    answer = store.select(Select("SELECT number FROM numbers(100)", limits=Limits(rows=4), format="JSONEachRow"))

    assert len(answer.body.splitlines()) == 5


def test_what_was_read_is_told(store):
    store.select(Select("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n"))
    store.select(Select("INSERT INTO t SELECT number FROM numbers(1000)"))

    answer = store.select(Select("SELECT sum(n) FROM t", query_id="", format="CSV"))

    assert answer.body == b"499500\n"
    assert (answer.rows_read, answer.bytes_read >= 1000) == (1000, True)


@pytest.mark.parametrize(
    ("sql", "limits", "kind"),
    [
        ("SELECT no_such_column", Limits(), errors.PermanentError),
        ("SELECT sum(sipHash64(number)) FROM numbers(100000000000)", Limits(seconds=0.2), errors.LimitError),
        (
            "SELECT repeat(toString(number % 10), 100000) FROM numbers(1000)",
            Limits(result_bytes=1_000_000),
            errors.LimitError,
        ),
    ],
)
def test_a_failure_is_the_same_as_for_rows_and_no_bytes(store, sql, limits, kind):
    for form in ("", "ArrowStream"):
        with pytest.raises(kind):
            store.select(Select(sql, limits=limits, format=form))


def test_a_read_only_question_writes_nothing(store):
    with pytest.raises(errors.PermanentError):
        store.select(Select("CREATE TABLE t (n UInt8) ENGINE = Memory", settings={"readonly": 2}, format="CSV"))
