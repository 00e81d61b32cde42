"""Random Export requests, as bytes on the wire.

A message is a list of its fields, so that fields come out of order, more than once, or not at all; between them stand
fields that no reader knows, groups among them, and known numbers with the wrong wire type. Values go to their limits:
text that is no UTF-8 wherever text stands, NaN and infinities, empty and equal keys, ids of any length, extreme times.
"""

import struct
from functools import cache

from hypothesis import strategies as st

from oracle import wireformat as wire
from oracle.fields import MESSAGES

NOON = 1_763_640_000_000_000_000  # 2025-11-20 12:00 UTC; times spread over a day either side
DAY = 86_400_000_000_000
DEPTH = 6

TIMES = st.one_of(
    st.integers(NOON - DAY, NOON + DAY),
    st.integers(NOON - 1000, NOON + 1000),
    st.sampled_from([0, 1, 999_999_999, 2**32 * 10**9 - 1, 2**32 * 10**9, 2**63 - 1, 2**63, 2**64 - 1]),
    st.sampled_from([9_223_372_036_000_000_000, 9_214_646_400_000_000_000]),  # in the year 2262, and before it
)

TEXTS = st.one_of(
    st.sampled_from([b"", b"a", b"GET", b"true", b'"\\/<>&', b"\0\x01\b\f\n\r\t\x1f\x7f", b"x" * 130, b"'; DROP"]),
    st.sampled_from(["\u2028\u2029\ufffdé😀".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"]),
    st.text(max_size=6).map(str.encode),
    st.binary(max_size=5),
)  # fmt: skip

KEYS = st.one_of(
    st.sampled_from([b"service.name", b"service.name", b"a", b"b", b"", b"a b", b"\xff", "ﬀ".encode(), "😀".encode()]),
    TEXTS,
)

DOUBLES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1e-6, 9.99e-7, 1e-7, 1e15, 1e16, 1e20, 123456789012345680000.0, 1e21, -1e21]),
    st.sampled_from([5e-324, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, 0.1, 1 / 3, 2.2250738585072014e-308]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.floats(),
)

INT64S = st.one_of(
    st.integers(-10, 1000), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1]), st.integers(-(2**63), 2**63 - 1)
)
UINT64S = st.one_of(st.integers(0, 1000), st.sampled_from([2**64 - 1, 2**63, 2**53 + 1]), st.integers(0, 2**64 - 1))
UINT32S = st.one_of(st.integers(0, 300), st.sampled_from([2**32 - 1, 2**31]))
INT32S = st.one_of(st.integers(0, 30), st.integers(-3, 300), st.sampled_from([2**31 - 1, -(2**31)]))


def ids(size):
    good = st.binary(min_size=size, max_size=size)
    return st.one_of(good, good, good, st.sampled_from([b"\0" * size, b""]), st.binary(max_size=size + 2))


NUMBERS = {
    "bool": st.integers(0, 1),
    "enum": st.one_of(st.integers(0, 6), INT32S),
    "int32": INT32S,
    "int64": INT64S,
    "uint32": UINT32S,
    "uint64": UINT64S,
    "sint32": st.one_of(INT32S, UINT32S).map(lambda number: (number << 1 ^ number >> 31) % 2**32),
    "fixed32": UINT32S,
    "fixed64": UINT64S,
    "sfixed64": INT64S,
    "double": DOUBLES,
}

PACKINGS = {"double": "<d", "fixed64": "<Q", "sfixed64": "<q", "fixed32": "<I"}

UNKNOWN_NUMBER = 0
UNKNOWN = st.sampled_from(
    [
        wire.tag(1000, wire.VARINT) + b"\x80\x80\x00",
        wire.tag(1000, wire.FIXED64) + b"\xff" * 8,
        wire.delimited(2000, b"\x08\x01\xff"),
        wire.delimited(536_870_911, b""),
        wire.tag(1000, wire.FIXED32) + b"\0\0\0\0",
    ]
)

GROUPS_AND_WRONG_TYPES = [
    wire.tag(77, wire.GROUP) + wire.delimited(1, b"in a group") + wire.tag(77, wire.GROUP_END),
    wire.tag(77, wire.GROUP) + wire.tag(5, wire.GROUP) + wire.tag(5, wire.GROUP_END) + wire.tag(77, wire.GROUP_END),
    wire.tag(1, wire.GROUP) + wire.tag(1, wire.GROUP_END),
    wire.tag(1, wire.FIXED32) + b"\x01\x02\x03\x04",
    wire.tag(2, wire.FIXED32) + b"\x0a\x02\x03\x04",
    wire.tag(3, wire.FIXED32) + b"\xff\xff\xff\xff",
    wire.tag(5, wire.FIXED32) + b"\xff\xff\xff\xff",
]
"""A reader should skip these as well, but ClickHouse's does not: a request with one is stored only when mended."""

OFTEN = {
    "LogsRequest": {"resource_logs": 6},
    "TracesRequest": {"resource_spans": 6},
    "MetricsRequest": {"resource_metrics": 6},
    "ResourceLogs": {"scope_logs": 4, "resource": 2},
    "ResourceSpans": {"scope_spans": 4, "resource": 2},
    "ResourceMetrics": {"scope_metrics": 4, "resource": 2},
    "ScopeLogs": {"log_records": 5, "scope": 2},
    "ScopeSpans": {"spans": 5, "scope": 2},
    "ScopeMetrics": {"metrics": 5, "scope": 2},
    "Resource": {"attributes": 4},
    "LogRecord": {"attributes": 3, "body": 2},
    "Span": {"trace_id": 2, "span_id": 2, "attributes": 2},
    "Gauge": {"data_points": 3},
    "Sum": {"data_points": 3},
    "Histogram": {"data_points": 3},
    "ExponentialHistogram": {"data_points": 3},
    "Summary": {"data_points": 3},
    "AnyValue": {"string_value": 2, "double_value": 2, "kvlist_value": 5, "array_value": 3},
}
"""Fields that come more often than their message's others, so that most requests hold rows."""

FIELDS_AT_MOST = {
    **dict.fromkeys(("LogsRequest", "TracesRequest", "MetricsRequest", "AnyValue"), 2),
    **dict.fromkeys(("ArrayValue", "KeyValueList", "Resource", "InstrumentationScope"), 4),
    **dict.fromkeys(
        ("ResourceMetrics", "ScopeMetrics", "Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"), 4
    ),
    "Exemplar": 5,
}


def requests(message):
    """Bodies of Export requests: `message` is LogsRequest, TracesRequest or MetricsRequest."""
    return messages(message, DEPTH)


@st.composite
def messages(draw, message, depth):
    """Bytes of one message: first which fields, then what is in them, which keeps Hypothesis's own nesting low."""
    return b"".join(field(draw, message, number, depth) for number in draw(numbers(message, nested=depth > 0)))


@cache
def numbers(message, *, nested):
    """The fields of a message in the order in which they are sent; UNKNOWN_NUMBER for one that nobody knows."""
    choices = [UNKNOWN_NUMBER]
    for number, (name, _, _) in MESSAGES[message].items():
        if nested or name not in ("array_value", "kvlist_value"):
            choices += [number] * OFTEN.get(message, {}).get(name, 1)
    any_fields = st.lists(st.sampled_from(choices), max_size=FIELDS_AT_MOST.get(message, min(12, len(choices))))
    if message == "AnyValue":
        usual = st.sampled_from([[number] for number in choices[1:]])
    elif message == "KeyValue":
        usual = st.just([1, 2])
    else:
        return any_fields
    return st.one_of(usual, usual, usual, usual, any_fields)


def field(draw, message, number, depth):
    """One field with its tag; for numbers that may be packed, perhaps a run of them packed."""
    if number == UNKNOWN_NUMBER:
        return draw(UNKNOWN)
    name, kind, _ = MESSAGES[message][number]
    element = kind.removeprefix("*")
    if element in MESSAGES:
        deeper = depth - 1 if element in ("ArrayValue", "KeyValueList") else depth
        return wire.delimited(number, draw(messages(element, deeper)))
    if element in ("bytes", "string"):
        return wire.delimited(number, draw(texts(name)))
    values = TIMES if name.endswith("time_unix_nano") else NUMBERS[element]
    if kind.startswith("*") and draw(st.booleans()):
        return wire.delimited(number, b"".join(encode(element, value) for value in draw(st.lists(values, max_size=4))))
    return wire.tag(number, wire.WIRE_TYPES[element]) + encode(element, draw(values))


@cache
def texts(name):
    if name == "trace_id":
        return ids(16)
    if name.endswith("span_id"):
        return ids(8)
    if name == "key":
        return KEYS
    return st.binary(max_size=4) if name == "bytes_value" else TEXTS


def encode(element, value):
    return struct.pack(PACKINGS[element], value) if element in PACKINGS else wire.varint(value)
