"""What a question may cost, and which error says what."""

import contextlib

import pytest

from store import codes, errors
from store.opening import open_store
from store.port import Insert, Limits, Select, Store

NUMBERS = "SELECT number FROM numbers(100)"
TOO_MANY_ROWS_OR_BYTES = 396


@pytest.mark.parametrize("rows", [0, 1, 7, 99])
def test_an_answer_is_cut_to_exactly_its_limit_and_says_so(store, rows):
    answer = store.select(Select(NUMBERS, limits=Limits(rows=rows)))
    assert [row[0] for row in answer.rows] == list(range(rows))
    assert answer.truncated


@pytest.mark.parametrize("rows", [100, 101])
def test_an_answer_that_fits_is_whole_and_says_so(store, rows):
    answer = store.select(Select(NUMBERS, limits=Limits(rows=rows)))
    assert len(answer.rows) == 100
    assert not answer.truncated


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count() FROM (SELECT number FROM numbers(50) UNION ALL SELECT number FROM numbers(50))", [(100,)]),
        ("WITH a AS (SELECT number FROM numbers(100)) SELECT sum(number) FROM a", [(4950,)]),
        ("-- a comment\n(SELECT count() FROM numbers(9) WHERE number IN (SELECT number FROM numbers(8)))", [(8,)]),
        ("SELECT number FROM numbers(100) ORDER BY number DESC LIMIT 1 OFFSET 98", [(1,)]),
    ],
)
def test_the_limit_of_rows_does_not_reach_into_the_question(store, sql, rows):
    assert store.select(Select(sql, limits=Limits(rows=2))).rows == rows


@pytest.mark.parametrize("sql", ["({0}) UNION ALL ({0})", "SELECT * FROM ({0}) LIMIT 50", "/* c */ WITH 1 AS a {0}"])
def test_every_form_of_question_is_cut(store, sql):
    answer = store.select(Select(sql.format(NUMBERS), limits=Limits(rows=3)))
    assert len(answer.rows) == 3
    assert answer.truncated


@pytest.mark.parametrize("form", ["", "ArrowStream"])
def test_what_goes_round_the_cut_is_refused_and_not_shortened(store, form):
    for rows, fits in ((100, True), (99, True), (98, False)):  # one more than wanted may come
        select = Select(NUMBERS, limits=Limits(rows=rows), settings={"limit": 0}, format=form)
        if fits:
            store.select(select)
        else:
            with pytest.raises(errors.LimitError) as refused:
                store.select(select)
            assert refused.value.code == TOO_MANY_ROWS_OR_BYTES


@pytest.mark.parametrize(
    "sql",
    [
        "{0} UNION ALL {0} UNION DISTINCT {0}",
        "(({0}) UNION ALL ({0}))",
        "SELECT number FROM numbers(10) UNION ALL ({0} UNION ALL {0})",
        "WITH a AS ({0} UNION ALL {0}) SELECT ')', number FROM a UNION ALL SELECT '(', number FROM a",
    ],
)
@pytest.mark.parametrize("form", ["", "ArrowStream"])
def test_no_union_is_refused_for_what_its_members_give_together(store, sql, form):
    answer = store.select(Select(sql.format(NUMBERS), limits=Limits(rows=10), format=form))
    assert answer.body if form else answer.truncated


def test_what_a_statement_writes_is_never_cut(store):
    store.select(Select("CREATE TABLE t (number UInt64) ENGINE = Memory"))
    store.select(Select(f"INSERT INTO t {NUMBERS}", limits=Limits(rows=2)))
    store.select(Select(f"CREATE TABLE u ENGINE = Memory AS {NUMBERS}", limits=Limits(rows=2)))
    assert store.select(Select("SELECT (SELECT count() FROM t), (SELECT count() FROM u)")).rows == [(100, 100)]


def test_a_question_that_takes_too_long_is_stopped(store):
    endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"
    _fails(store, endless, errors.LimitError, 159, limits=Limits(seconds=0.2))


def test_a_question_that_reads_too_much_is_stopped(store):
    _fails(store, "SELECT sum(number) FROM numbers(1000000)", errors.LimitError, 307, limits=Limits(bytes_read=1000))


def test_a_question_that_needs_too_much_memory_is_stopped(store):
    sql = "SELECT length(groupArray(number)) FROM numbers(10000000)"
    _fails(store, sql, errors.LimitError, 241, limits=Limits(memory_bytes=10_000_000))


@pytest.mark.parametrize("limits", [Limits(seconds=0), Limits(rows=-1), Limits(bytes_read=-1), Limits(memory_bytes=-1)])
def test_a_limit_that_means_nothing_is_refused(store, limits):
    with pytest.raises(errors.MisconfiguredError, match="limits must not be negative"):
        store.select(Select("SELECT 1", limits=limits))


@pytest.mark.parametrize(
    ("sql", "error", "code"),
    [
        ("SELEKT 1", errors.MisconfiguredError, 62),
        ("SELECT * FROM missing", errors.MisconfiguredError, 60),
        ("SELECT missing", errors.MisconfiguredError, 47),
        ("SELECT missing(1)", errors.MisconfiguredError, 46),
        ("SELECT {missing:String}", errors.MisconfiguredError, 456),
        ("SELECT throwIf(1, 'no')", errors.BadDataError, 395),
        ("SELECT toInt8('x')", errors.BadDataError, 6),
    ],
)
def test_a_question_fails_with_the_class_that_says_what_to_do(store, sql, error, code):
    _fails(store, sql, error, code)
    assert store.select(Select("SELECT 1")).rows == [(1,)]


def test_a_bound_value_of_the_wrong_type_is_bad_data(store):
    with pytest.raises(errors.BadDataError):
        store.select(Select("SELECT {n:UInt64}", {"n": "many"}))


@pytest.mark.parametrize("name", ["no_such_setting", "a = 1, b"])
def test_an_unknown_setting_is_refused_and_not_left_out(store, name):
    with pytest.raises((errors.MisconfiguredError, ValueError)):
        store.select(Select("SELECT 1", settings={name: 1}))
    store.select(Select("CREATE TABLE t (n UInt8) ENGINE = Memory"))
    with pytest.raises((errors.MisconfiguredError, ValueError)):
        store.insert(Insert("t", "CSV", [b"1"], settings={name: 1}))


def _strict_table(store: Store) -> None:
    store.select(
        Select(
            "CREATE TABLE t (n UInt64, day Date, CONSTRAINT small CHECK n < 1000) ENGINE = MergeTree"
            " PARTITION BY day ORDER BY n"
        )
    )


@pytest.mark.parametrize(
    ("insert", "error", "code"),
    [
        (Insert("missing", "CSV", [b"1"]), errors.MisconfiguredError, 60),
        (Insert("t", "CSV", [b"1"], columns=("missing",)), errors.MisconfiguredError, 16),
        (Insert("t", "NoFormat", [b"1"]), errors.MisconfiguredError, 73),
        (Insert("t", "JSONEachRow", [b'{"n": "x"}']), errors.BadDataError, 27),
        (Insert("t", "JSONEachRow", [b'{"n": 2000}']), errors.BadDataError, 469),
        (
            Insert("t", "JSONEachRow", [b'{"n": 1, "day": "2026-01-%02d"}' % day for day in range(1, 5)],
                   settings={"max_partitions_per_insert_block": 2}),
            errors.BadDataError, 252,
        ),
        (
            Insert("t", "Protobuf", [b"\x02\x08\x01"], columns=("n",),
                   settings={"format_schema_source": "string", "format_schema": 'syntax = "proto3"; nonsense',
                             "format_schema_message_name": "Row"}),
            errors.MisconfiguredError, 434,
        ),
        (
            Insert("t", "Protobuf", [b"\x05\x08\x01"], columns=("n",),
                   settings={"format_schema_source": "string",
                             "format_schema": 'syntax = "proto3"; message Row { uint64 n = 1; }',
                             "format_schema_message_name": "Row"}),
            errors.RetryableError, None,
        ),
    ],
    ids=["no table", "no column", "no format", "bad value", "constraint", "partitions", "schema", "cut off"],
)  # fmt: skip
def test_an_insert_fails_with_the_class_that_says_what_to_do(store, insert, error, code):
    _strict_table(store)
    with pytest.raises(errors.StoreError) as failure:
        store.insert(insert)
    assert (type(failure.value), failure.value.code if code else None) == (error, code), failure.value
    assert store.select(Select("SELECT count() FROM t")).rows == [(0,)]


def test_a_large_body_that_is_refused_early_still_brings_the_true_reason(store):
    for _ in range(10):
        with pytest.raises(errors.MisconfiguredError) as failure:
            store.insert(Insert("missing", "RowBinary", [b"x" * 4_000_000] * 8))
        assert failure.value.code == 60


def test_an_unknown_database_is_a_matter_of_settings(embedded_store, embedded_settings):
    with contextlib.closing(open_store(embedded_settings.model_copy(update={"database": "missing"}))) as store:
        with pytest.raises(errors.MisconfiguredError, match="missing"):
            store.select(Select("SELECT 1"))
        with pytest.raises(errors.MisconfiguredError, match="missing"):
            store.insert(Insert("t", "CSV", [b"1"]))


def test_a_question_that_fails_half_way_is_an_error_and_not_half_an_answer(store):
    sql = "SELECT throwIf(number = 150000, 'half way') FROM numbers(200000)"
    _fails(store, sql, errors.BadDataError, 395, limits=Limits(rows=200_000))


def test_each_code_that_we_sort_has_the_name_that_stands_beside_it(store):
    answer = store.select(
        Select("SELECT number, errorCodeToName(number) FROM numbers(1100) WHERE errorCodeToName(number) != ''")
    )
    names = dict(answer.rows)
    assert {code for code in codes.SORTED if code not in names} == set()


def _fails(store: Store, sql: str, error: type, code: int, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
    with pytest.raises(errors.StoreError) as failure:
        store.select(Select(sql, limits=limits, query_id=f"fails-{code}"))
    assert type(failure.value) is error
    assert failure.value.code == code
    assert failure.value.query_id == f"fails-{code}"
    assert "Stack trace" not in str(failure.value)


def test_a_refusal_that_quotes_bytes_which_are_no_text_is_still_told_as_what_it_is(store):
    store.select(Select("CREATE TABLE ids (id String, CONSTRAINT long CHECK length(id) = 16) ENGINE = Null"))
    with pytest.raises(errors.BadDataError) as caught:
        store.insert(Insert("ids", "RowBinary", [b"\x03\x8e\xff\x00"]))
    assert caught.value.code == 469
