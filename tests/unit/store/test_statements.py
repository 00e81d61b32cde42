"""The words of SQL that the port says by itself, and the bodies that go with them."""

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as some

from store import bodies, memory_file, statements, type_names
from store.port import Insert


def test_an_insert_names_table_columns_settings_and_format():
    insert = Insert("otel logs", "Protobuf", [], columns=("a", "b`c"), settings={"format_schema": "it's"}, token="t-1")
    assert statements.insert(insert) == (
        "INSERT INTO `otel logs` (`a`, `b\\`c`) SETTINGS async_insert = 0, insert_deduplicate = 1,"
        " deduplicate_blocks_in_dependent_materialized_views = 1, format_schema = 'it\\'s',"
        " insert_deduplication_token = 't-1' FORMAT Protobuf"
    )


def test_an_inserts_own_settings_go_before_the_houses():
    assert "async_insert = 1," in statements.insert(Insert("t", "CSV", [], settings={"async_insert": 1}))


@pytest.mark.parametrize(
    "insert",
    [
        Insert("t", "CSV; DROP TABLE t", []),
        Insert("t", "CSV", [], settings={"a = 1, b": 1}),
        Insert("t", "", []),
    ],
)
def test_a_name_that_is_none_is_refused(insert):
    with pytest.raises(ValueError, match="is not the name of a ClickHouse"):
        statements.insert(insert)


@pytest.mark.parametrize(
    ("sql", "is_question"),
    [
        ("SELECT 1", True),
        ("  \n-- name: x\n/* a\nb */ select 1", True),
        ("((SELECT 1))", True),
        ("WITH 1 AS a SELECT a", True),
        ("FROM t SELECT a", True),
        ("WITH a AS (SELECT 1) INSERT  INTO t SELECT * FROM a", False),
        ("INSERT INTO t SELECT 1", False),
        ("CREATE TABLE t AS SELECT 1", False),
        ("SHOW TABLES", False),
        ("-- SELECT 1", False),
        ("", False),
    ],
)
def test_only_a_question_is_one(sql, is_question):
    assert statements.is_question(sql) is is_question


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("String", ("String", [])),
        ("Map(String, Array(Tuple(a Int8, b Int8)))", ("Map", ["String", "Array(Tuple(a Int8, b Int8))"])),
        ("Enum8('a,(b' = 1, 'c\\'d' = 2)", ("Enum8", ["'a,(b' = 1", "'c\\'d' = 2"])),
        ("DateTime64(9, 'UTC')", ("DateTime64", ["9", "'UTC'"])),
        ("Tuple(`a, (b` Int8, c String)", ("Tuple", ["`a, (b` Int8", "c String"])),
    ],
)
def test_a_types_name_is_taken_apart(name, parts):
    assert type_names.split(name) == parts


@pytest.mark.parametrize(
    ("argument", "plain"),
    [
        ("Int8", "Int8"),
        ("name Int8", "Int8"),
        ("`a b` Map(String, Int8)", "Map(String, Int8)"),
        ("Map(String, Int8)", "Map(String, Int8)"),
        ("t DateTime64(9, 'UTC')", "DateTime64(9, 'UTC')"),
    ],
)
def test_a_tuples_element_gives_its_type(argument, plain):
    assert type_names.without_name(argument) == plain


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("DateTime", "UInt32"),
        ("DateTime('Asia/Tokyo')", "UInt32"),
        ("DateTime64(9)", "Int64"),
        ("Map(String, Array(DateTime64(3, 'UTC')))", "Map(String, Array(Int64))"),
        ("Enum8('DateTime' = 1, 'x\\' DateTime64(9)' = 2)", "Enum8('DateTime' = 1, 'x\\' DateTime64(9)' = 2)"),
        ("Tuple(`DateTime` DateTime, b Date)", "Tuple(`DateTime` UInt32, b Date)"),
        ("LowCardinality(Nullable(DateTime))", "LowCardinality(Nullable(UInt32))"),
    ],
)
def test_times_are_read_as_the_numbers_that_they_are(name, numbers):
    assert type_names.with_times_as_numbers(name) == numbers


@given(some.lists(some.binary(max_size=9), max_size=40), some.integers(1, 12))
def test_joining_small_chunks_changes_no_byte(chunks, piece_bytes):
    whole = b"".join(chunks)
    old, bodies.PIECE_BYTES = bodies.PIECE_BYTES, piece_bytes
    try:
        pieces = list(bodies.coalesced(chunks))
    finally:
        bodies.PIECE_BYTES = old
    assert b"".join(pieces) == whole
    assert all(len(first) + len(second) >= piece_bytes for first, second in itertools.pairwise(pieces))


def test_a_large_chunk_passes_uncopied():
    large = b"x" * bodies.PIECE_BYTES
    pieces = list(bodies.coalesced([b"a", large, b"b"]))
    assert pieces == [b"a", large, b"b"]
    assert pieces[1] is large


@pytest.mark.parametrize("kind", ["in memory", "in a file"])
def test_a_body_is_readable_at_its_path_and_gone_after(monkeypatch, kind):
    if kind == "in a file":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    with memory_file.holding([b"ab", b"", b"cd"]) as path, open(path, "rb") as file:  # noqa: PTH123 - as the engine does
        assert file.read() == b"abcd"
    assert not os.path.exists(path)  # noqa: PTH110 - /proc is no place for Path
