"""What every door to ClickHouse does with inserts and questions."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from store import errors
from store.opening import open_store
from store.port import Column, Insert, Limits, Select, Store
from store.settings import StoreSettings

SCHEMA = """
syntax = "proto3";
message Row { uint64 n = 1; string text = 2; }
"""
AWKWARD = 'it\'s \\ 100 % "quoted"\n\ttab \r nul \0 ünïcode 日本 \\N {x:String}'


def _table(store: Store, name: str = "t", engine: str = "MergeTree ORDER BY n") -> None:
    settings = " SETTINGS non_replicated_deduplication_window = 100" if "MergeTree" in engine else ""
    store.select(Select(f"CREATE TABLE {name} (n UInt64, text String) ENGINE = {engine}{settings}"))


def _rows(store: Store, table: str = "t") -> list[tuple[object, ...]]:
    return store.select(Select("SELECT n, text FROM {table:Identifier} ORDER BY n, text", {"table": table})).rows


def _json(n: int, text: str = "a", token: str = "", table: str = "t") -> Insert:
    return Insert(table, "JSONEachRow", [f'{{"n": {n}, "text": "{text}"}}'.encode()], token=token)


def test_rows_that_went_in_come_out(store):
    _table(store)
    receipt = store.insert(Insert("t", "JSONEachRow", [b'{"n": 1, "te', b'xt": "one"}\n', b'{"n": 2, "text": "two"}']))
    assert receipt.elapsed > 0
    assert _rows(store) == [(1, "one"), (2, "two")]


def test_an_insert_names_the_columns_that_it_carries(store):
    _table(store)
    store.insert(Insert("t", "CSV", [b"x,1\n"], columns=("text", "n")))
    assert _rows(store) == [(1, "x")]


def test_many_small_and_some_large_chunks_arrive_in_order(store):
    _table(store)
    lines = [f'{{"n": {n}, "text": "{"y" * (100_000 if n % 100 == 0 else n % 7)}"}}\n'.encode() for n in range(500)]
    store.insert(Insert("t", "JSONEachRow", lines))
    answer = store.select(Select("SELECT count(), sum(n), sum(length(text)) FROM t"))
    assert answer.rows == [(500, sum(range(500)), sum(100_000 if n % 100 == 0 else n % 7 for n in range(500)))]


def test_an_insert_without_rows_stores_none(store):
    _table(store)
    store.insert(Insert("t", "JSONEachRow", []))
    assert _rows(store) == []


def test_protobuf_is_read_with_a_schema_that_travels_in_the_settings(store):
    _table(store)
    row = b"\x08\x2a\x12\x02hi"
    store.insert(
        Insert(
            "t",
            "Protobuf",
            [bytes([len(row)]) + row, bytes([len(row)]) + row],
            settings={
                "format_schema_source": "string",
                "format_schema": SCHEMA + '// it\'s \\ "awkward" ünïcode\n',
                "format_schema_message_name": "Row",
            },
        )
    )
    assert _rows(store) == [(42, "hi"), (42, "hi")]


def test_a_body_that_begins_with_white_space_is_not_taken_for_the_statements(store):
    _table(store)
    store.select(Select("CREATE TABLE bytes (b FixedString(4)) ENGINE = Memory"))
    for body in (b"\n\n\n\n", b"    ", b";;;;", b"\t\r\n "):
        store.insert(Insert("bytes", "RowBinary", [body]))
    assert store.select(Select("SELECT hex(b) FROM bytes ORDER BY b")).rows == [
        ("090D0A20",), ("0A0A0A0A",), ("20202020",), ("3B3B3B3B",),
    ]  # fmt: skip


def test_a_table_and_columns_with_awkward_names_are_quoted(store):
    store.select(Select("CREATE TABLE `a b``c` (`select` UInt8, `x'y` String) ENGINE = Memory"))
    store.insert(Insert("a b`c", "CSV", [b"1,z\n"], columns=("select", "x'y")))
    assert store.select(Select("SELECT * FROM `a b``c`")).rows == [(1, "z")]


def test_the_same_token_twice_stores_the_rows_once(store):
    _table(store)
    for _ in range(3):
        store.insert(_json(1, token="batch-1"))
    assert _rows(store) == [(1, "a")]


def test_the_same_rows_under_two_tokens_are_stored_twice(store):
    _table(store)
    store.insert(_json(1, token="batch-1"))
    store.insert(_json(1, token="batch-2"))
    assert _rows(store) == [(1, "a"), (1, "a")]


def test_a_retry_through_a_null_table_writes_to_no_view_twice(store):
    _null_table_with_two_views(store)
    for _ in range(2):
        store.insert(_json(1, token="batch-1", table="source"))
    assert _rows(store, "left_rows") == [(1, "a")]
    assert _rows(store, "right_rows") == [(1, "a")]


def test_a_retry_after_one_view_failed_completes_that_view_alone(store):
    _null_table_with_two_views(store, right="throwIf(n = (SELECT max(n) FROM poison), 'poisoned')")
    store.insert(_json(7, table="poison"))
    with pytest.raises(errors.BadDataError):
        store.insert(_json(7, token="batch-1", table="source"))
    store.select(Select("TRUNCATE TABLE poison"))
    store.insert(_json(7, token="batch-1", table="source"))
    assert _rows(store, "left_rows") == [(7, "a")]
    assert _rows(store, "right_rows") == [(7, "a")]


def _null_table_with_two_views(store: Store, right: str = "0") -> None:
    _table(store, "source", "Null")
    _table(store, "poison", "Memory")
    for side, extra in (("left", "0"), ("right", right)):
        _table(store, f"{side}_rows")
        view = "CREATE MATERIALIZED VIEW SIDE_mv TO SIDE_rows AS SELECT n + EXTRA AS n, text FROM source"
        store.select(Select(view.replace("SIDE", side).replace("EXTRA", extra)))


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("String", AWKWARD),
        ("String", ""),
        ("String", "'; DROP TABLE t; --"),
        ("Nullable(String)", None),
        ("Nullable(String)", "NULL"),
        ("Nullable(String)", "\\N"),
        ("Array(String)", ["a", "it's", "\\", "\n", "", AWKWARD]),
        ("Array(String)", []),
        ("Array(Int64)", [1, -2, 2**62]),
        ("UInt64", 2**64 - 1),
        ("Int64", -(2**63)),
        ("Float64", 0.1),
        ("Float64", float("inf")),
        ("Bool", True),
        ("Bool", False),
        ("LowCardinality(String)", AWKWARD),
    ],
)
def test_a_bound_value_arrives_as_it_was_given(store, type_name, value):
    answer = store.select(Select(f"SELECT {{value:{type_name}}}", {"value": value}))
    assert answer.rows == [(value,)]


def test_a_bound_identifier_names_a_table(store):
    _table(store)
    assert store.select(Select("SELECT count() FROM {table:Identifier}", {"table": "t"})).rows == [(0,)]


def test_a_value_that_no_type_of_the_port_fits_is_refused_by_its_name(store):
    with pytest.raises(TypeError, match="parameter when is a object"):
        store.select(Select("SELECT {when:String}", {"when": object()}))


def test_an_answer_carries_names_types_and_what_it_cost(store):
    answer = store.select(Select("SELECT number AS n, toString(number) AS text FROM numbers(3)"))
    assert answer.columns == (Column("n", "UInt64"), Column("text", "String"))
    assert answer.rows == [(0, "0"), (1, "1"), (2, "2")]
    assert answer.rows_read == 3
    assert answer.bytes_read == 24
    assert 0 < answer.elapsed < 30


def test_an_answer_without_rows_still_names_its_columns(store):
    _table(store)
    answer = store.select(Select("SELECT n, text, {v:Int32} AS v FROM t WHERE n = 0; ", {"v": 1}))
    assert answer.columns == (Column("n", "UInt64"), Column("text", "String"), Column("v", "Int32"))
    assert answer.rows == []
    assert not answer.truncated


def test_a_question_without_rows_may_be_asked_readonly_and_for_no_rows(store):
    _table(store)
    select = Select("SELECT n, text FROM t", limits=Limits(rows=0), settings={"readonly": 1}, query_id="none")
    answer = store.select(select)
    assert [column.name for column in answer.columns] == ["n", "text"]
    assert (answer.rows, answer.truncated, answer.query_id) == ([], False, "none")


def test_a_statement_without_an_answer_answers_nothing(store):
    answer = store.select(Select("CREATE TABLE nothing (n UInt8) ENGINE = Memory"))
    assert (answer.columns, answer.rows, answer.truncated) == ((), [], False)


def test_an_answer_of_many_blocks_comes_whole(store):
    answer = store.select(Select("SELECT number FROM numbers(200000)", limits=Limits(rows=200_000)))
    assert [row[0] for row in answer.rows] == list(range(200_000))
    assert not answer.truncated


def test_settings_of_one_question_do_not_reach_the_next(store):
    store.select(Select("SELECT 1", settings={"readonly": 1, "max_threads": 1}))
    assert store.select(Select("SELECT getSetting('readonly')")).rows == [(0,)]
    store.select(Select("CREATE TABLE after (n UInt8) ENGINE = Memory"))


def test_a_question_asked_readonly_cannot_write(store):
    with pytest.raises(errors.MisconfiguredError):
        store.select(Select("CREATE TABLE t (n UInt8) ENGINE = Memory", settings={"readonly": 1}))


def test_questions_and_inserts_from_many_threads_do_not_mix(store):
    _table(store)

    def one(n: int) -> list[tuple[object, ...]]:
        store.insert(_json(n, text=str(n), token=f"token-{n}"))
        return store.select(Select("SELECT {n:UInt64}, text FROM t WHERE n = {n:UInt64}", {"n": n})).rows

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(one, range(64))) == [[(n, str(n))] for n in range(64)]
    assert len(_rows(store)) == 64


def test_a_running_question_is_cancelled_from_another_thread(store):
    with ThreadPoolExecutor(1) as thread:
        endless = Select(
            "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", query_id="cancel-me"
        )
        running = thread.submit(store.select, endless)
        _wait_until(lambda: _is_running(store, "cancel-me"))
        store.cancel("cancel-me")
        with pytest.raises(errors.LimitError) as failure:
            running.result(timeout=20)
    assert failure.value.query_id == "cancel-me"


def _is_running(store: Store, query_id: str) -> bool:
    answer = store.select(
        Select(
            "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'"
            " AND (query_id = {id:String} OR Settings['log_comment'] = {id:String})",
            {"id": query_id},
        )
    )
    return answer.rows == [(1,)]


def _wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)  # the engine tells nobody that a statement has begun; asking is the only way to know
    raise AssertionError("it never came to be")


def test_cancelling_what_does_not_run_is_no_error(store):
    store.cancel("nobody")
    store.cancel("")


def test_a_closed_store_refuses_and_may_be_closed_again(store_settings):
    store = open_store(store_settings)
    store.close()
    store.close()
    with pytest.raises(errors.NotReachableError, match="closed"):
        store.select(Select("SELECT 1"))
    with pytest.raises(errors.NotReachableError, match="closed"):
        store.insert(_json(1))


def test_two_stores_on_one_database_see_the_same_rows(store, store_settings):
    other = open_store(store_settings)
    _table(store)
    other.insert(_json(5))
    other.close()
    assert _rows(store) == [(5, "a")]


def test_a_store_bounds_how_many_ask_at_once(store_settings: StoreSettings):
    store = open_store(store_settings.model_copy(update={"select_connections": 1}))
    begun = threading.Event()
    with ThreadPoolExecutor(1) as thread:

        def hold_the_only_place() -> None:
            begun.set()
            store.select(Select("SELECT sleep(1.5)"))

        running = thread.submit(hold_the_only_place)
        begun.wait(5)
        _wait_until(lambda: store._selects._inside == 1)
        with pytest.raises(errors.OverloadedError, match="1 questions"):
            store.select(Select("SELECT 1", limits=Limits(seconds=0.2)))
        running.result(timeout=10)
    store.close()
