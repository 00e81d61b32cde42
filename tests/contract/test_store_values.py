"""Every type of ClickHouse that we meet becomes the same Python value over both doors."""

import math
from datetime import UTC, datetime

import pytest

from store import errors
from store.port import Select

VALUES = [
    ("toUInt64(18446744073709551615)", "UInt64", 2**64 - 1),
    ("toInt8(-1)", "Int8", -1),
    ("toInt256('-57896044618658097711785492504343953926634992332820282019728792003956564819968')", "Int256", -(2**255)),
    ("inf", "Float64", math.inf),
    ("-inf", "Float64", -math.inf),
    ("toFloat32(1.5)", "Float32", 1.5),
    ("0.1", "Float64", 0.1),
    ("true", "Bool", True),
    ("'héllo 日本'", "String", "héllo 日本"),
    ("'a\\0b'", "String", "a\0b"),
    ("unhex('68ff69')", "String", "h\ufffdi"),
    ("[unhex('ff'), 'ok']", "Array(String)", ["\ufffd", "ok"]),
    ("map(unhex('ff'), unhex('fe'))", "Map(String, String)", {"\ufffd": "\ufffd"}),
    ("toFixedString('ab', 4)", "FixedString(4)", "ab"),
    ("toLowCardinality('x')", "LowCardinality(String)", "x"),
    ("CAST(NULL AS LowCardinality(Nullable(String)))", "LowCardinality(Nullable(String))", None),
    ("NULL", "Nullable(Nothing)", None),
    ("CAST(NULL AS Nullable(Int32))", "Nullable(Int32)", None),
    ("toNullable(toInt32(5))", "Nullable(Int32)", 5),
    ("CAST([] AS Array(String))", "Array(String)", []),
    ("[[1, 2], []]", "Array(Array(UInt8))", [[1, 2], []]),
    ("[NULL, 'a']", "Array(Nullable(String))", [None, "a"]),
    ("map('a', 1, 'b', 2)", "Map(String, UInt8)", {"a": 1, "b": 2}),
    ("CAST(map() AS Map(String, String))", "Map(String, String)", {}),
    (
        "CAST(map('k', 'v') AS Map(LowCardinality(String), String))",
        "Map(LowCardinality(String), String)",
        {"k": "v"},
    ),
    ("(1, 'x')", "Tuple(UInt8, String)", (1, "x")),
    (
        "CAST((1, '2020-01-01 00:00:00') AS Tuple(DateTime Int32, `a b` DateTime('UTC')))",
        "Tuple(DateTime Int32, `a b` DateTime('UTC'))",
        (1, datetime(2020, 1, 1, tzinfo=UTC)),
    ),
    (
        "CAST([(1, unhex('ff'))] AS Nested(x Int32, y String))",
        "Nested(x Int32, y String)",
        [(1, "\ufffd")],
    ),
    ("CAST('DateTime' AS Enum8('DateTime' = 1, 'b(c' = 2))", "Enum8('DateTime' = 1, 'b(c' = 2)", "DateTime"),
    ("toDate('2020-02-03')", "Date", "2020-02-03"),
    ("toDate32('1950-02-03')", "Date32", "1950-02-03"),
    ("toDateTime('2020-01-01 12:00:00', 'UTC')", "DateTime", datetime(2020, 1, 1, 12, tzinfo=UTC)),
    ("toDateTime('2020-01-01 12:00:00', 'Asia/Tokyo')", "DateTime", datetime(2020, 1, 1, 3, tzinfo=UTC)),
    ("toDateTime64('1950-01-01 00:00:00.123', 3, 'UTC')", "DateTime64(3, 'UTC')",
     datetime(1950, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)),
    ("toDateTime64('2026-11-20 23:05:24.123456', 6, 'UTC')", "DateTime64(6, 'UTC')",
     datetime(2026, 11, 20, 23, 5, 24, 123_456, tzinfo=UTC)),
    ("toDateTime64('2026-11-20 23:05:24.123456789', 9, 'UTC')", "DateTime64(9, 'UTC')",
     "2026-11-20T23:05:24.123456789Z"),
    ("toDateTime64('1969-12-31 23:59:59.000000001', 9, 'UTC')", "DateTime64(9, 'UTC')",
     "1969-12-31T23:59:59.000000001Z"),
    ("[toDateTime64('2020-01-01 00:00:00.000000001', 9, 'UTC')]", "Array(DateTime64(9, 'UTC'))",
     ["2020-01-01T00:00:00.000000001Z"]),
    ("CAST(NULL AS Nullable(DateTime64(9, 'UTC')))", "Nullable(DateTime64(9, 'UTC'))", None),
    ("CAST([NULL] AS Array(Nullable(DateTime('UTC'))))", "Array(Nullable(DateTime('UTC')))", [None]),
    ("toDecimal64('1.50', 4)", "Decimal(18, 4)", "1.5"),
    ("toDecimal256('123456789012345678901234567890.12', 2)", "Decimal(76, 2)", "123456789012345678901234567890.12"),
    ("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", "UUID", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
    ("toIPv4('1.2.3.4')", "IPv4", "1.2.3.4"),
    ("toIPv6('2001:db8::1')", "IPv6", "2001:db8::1"),
    ("toIntervalDay(3)", "IntervalDay", 3),
    ("""'{"a":1,"b":{"c":["x"]}}'::JSON""", "JSON", {"a": 1, "b": {"c": ["x"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "type_name", "value"), VALUES, ids=[value[0][:60] for value in VALUES])
def test_a_value_comes_as_the_port_promises(store, expression, type_name, value):
    answer = store.select(Select(" ".join(["SELECT", expression, "AS x FROM numbers(2)"])))
    assert answer.columns[0].type == type_name
    assert answer.rows == [(value,), (value,)]
    assert type(answer.rows[0][0]) is type(value)


def test_nan_is_a_float_that_is_no_number(store):
    ((value,),) = store.select(Select("SELECT nan")).rows
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("expression", ["toTime64('12:00:00', 3)", "CAST(1 AS Dynamic)", "sumState(1)"])
def test_a_type_that_cannot_be_read_is_refused_with_the_mend(store, expression):
    with pytest.raises(errors.PermanentError, match=r"cannot be read; ask for toString"):
        store.select(Select(f"SELECT {expression}"))
    assert store.select(Select("SELECT 1")).rows == [(1,)]


def test_a_column_of_nothing_but_defaults_has_the_same_types_as_any_other(store):
    """ClickHouse stores such a column sparse, and a server sends it so."""
    store.select(
        Select("CREATE TABLE sparse (i Int64, f Float64, b Bool, t Tuple(Float32, Bool)) ENGINE = MergeTree ORDER BY i")
    )
    store.select(Select("INSERT INTO sparse (i) SELECT number FROM numbers(40)"))

    row = store.select(Select("SELECT f, b, t FROM sparse LIMIT 1")).rows[0]
    assert repr(row) == repr((0.0, False, (0.0, False)))
