"""Export requests worth keeping: each a trap for a decoder, built field by field."""

import struct
from itertools import permutations

from oracle.wireformat import FIXED32, FIXED64, VARINT, delimited, tag, varint
from sql.signals import Signal


def logs(record, resource=b"", scope=b""):
    return delimited(1, delimited(1, resource) + delimited(2, delimited(1, scope) + delimited(2, record)))


def traces(span):
    return delimited(1, delimited(2, delimited(2, span)))


def metrics(metric):
    return delimited(1, delimited(2, delimited(2, metric)))


def gauge(point):
    return metrics(delimited(1, b"g") + delimited(5, delimited(1, point)))


def fixed64(number, value):
    return tag(number, FIXED64) + struct.pack("<Q", value)


def double(number, value):
    return tag(number, FIXED64) + struct.pack("<d", value)


def attribute(number, key, value):
    return delimited(number, delimited(1, key) + delimited(2, value))


def ids(trace=b"t" * 16, span=b"s" * 8):
    return delimited(1, trace) + delimited(2, span)


STRING, BOOL, NUMBER = delimited(1, b"text"), tag(2, VARINT) + b"\x01", tag(3, VARINT) + varint(-5)
BYTES, STRINDEX = delimited(7, b"\x00\xff"), tag(8, VARINT) + b"\x01"
ARRAY = delimited(5, delimited(1, STRING) + delimited(1, NUMBER))
MAP = delimited(6, attribute(1, b"b", NUMBER) + attribute(1, b"a", BOOL))
VALUES = [b"", STRING, BOOL, NUMBER, double(4, 0.1), BYTES, STRINDEX, ARRAY, MAP]

DOUBLES = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1 / 3,
    1e-5,
    1e-6,
    9.99e-7,
    1e-7,
    -1e-7,
    1e15,
    1e16,
    1e17,
    1e20,
    123456789012345680000.0,
    9.99e20,
    1e21,
    -1e21,
    1e22,
    1e100,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    2.0**53,
    2.0**63,
    2.0**64,
    float("nan"),
    float("inf"),
    float("-inf"),
]

TIMES = [0, 1, 999_999_999, 10**9, 2**32 * 10**9 - 1, 2**32 * 10**9, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]

KINDS = [
    delimited(
        number, b"".join(delimited(1, fixed64(3, n) + attribute(attributes, b"k", STRING)) for n in range(points))
    )
    for points, (number, attributes) in enumerate([(5, 7), (7, 7), (9, 9), (10, 1), (11, 7)], start=1)
]
"""The data of a metric of each kind, each with another number of points."""

STRANGE = {
    "an empty request": (Signal.LOGS, b""),
    "nothing but empty messages": (Signal.TRACES, traces(b"")),
    "a value of each kind as body": (Signal.LOGS, b"".join(logs(delimited(5, value)) for value in VALUES)),
    "a value of each kind as attribute": (
        Signal.LOGS,
        logs(b"".join(attribute(6, b"%d" % i, v) for i, v in enumerate(VALUES))),
    ),
    "a service name of each kind": (Signal.LOGS, b"".join(logs(b"", attribute(1, b"service.name", v)) for v in VALUES)),
    "two service names": (
        Signal.LOGS,
        logs(b"", attribute(1, b"service.name", STRING) + attribute(1, b"service.name", NUMBER)),
    ),
    "a service name after an unset one": (
        Signal.LOGS,
        logs(b"", attribute(1, b"service.name", b"") + attribute(1, b"service.name", STRING)),
    ),
    "doubles": (Signal.LOGS, logs(b"".join(attribute(6, b"%02d" % i, double(4, x)) for i, x in enumerate(DOUBLES)))),
    "doubles in an array": (
        Signal.LOGS,
        logs(delimited(5, delimited(5, b"".join(delimited(1, double(4, x)) for x in DOUBLES)))),
    ),
    "doubles as values": (Signal.METRICS, b"".join(gauge(double(4, x)) for x in DOUBLES)),
    "numbers as values": (
        Signal.METRICS,
        b"".join(gauge(fixed64(6, x % 2**64)) for x in (0, -1, 2**53 + 1, 2**63 - 1, -(2**63))),
    ),
    "a metric of two kinds": (
        Signal.METRICS,
        b"".join(metrics(delimited(1, b"m") + first + last) for first, last in permutations(KINDS, 2)),
    ),
    "a value that was sent twice": (
        Signal.METRICS,
        gauge(double(4, 1.5) + fixed64(6, 7)) + gauge(fixed64(6, 7) + double(4, 1.5)),
    ),
    "a hundred equal keys": (
        Signal.LOGS,
        logs(b"".join(attribute(6, b"k", delimited(1, b"%d" % i)) for i in range(100))),
    ),
    "two keys in turns": (
        Signal.LOGS,
        logs(b"".join(attribute(6, b"ab"[i % 2 :], delimited(1, b"%d" % i)) for i in range(100))),
    ),
    "keys out of order": (
        Signal.LOGS,
        logs(b"".join(attribute(6, k, STRING) for k in (b"b", b"\xff", b"a b", b"", b"a", "😀".encode()))),
    ),
    "the last member of a oneof wins": (
        Signal.LOGS,
        logs(delimited(5, STRING + NUMBER)) + logs(delimited(5, MAP + STRING + STRINDEX)),
    ),
    "parts of one message merge": (
        Signal.LOGS,
        logs(delimited(5, MAP) + delimited(5, delimited(6, attribute(1, b"c", STRING)))),
    ),
    "a resource in two parts": (
        Signal.LOGS,
        delimited(
            1,
            delimited(1, attribute(1, b"a", STRING))
            + delimited(2, delimited(2, b""))
            + delimited(1, attribute(1, b"b", MAP)),
        ),
    ),
    "text that is no UTF-8": (
        Signal.LOGS,
        logs(
            delimited(3, b"\xff") + delimited(12, b"\xc0\x80") + attribute(6, b"\xfe", delimited(1, b"\xed\xa0\x80")),
            scope=delimited(1, b"\x80"),
        ),
    ),
    "times of log records": (Signal.LOGS, b"".join(logs(fixed64(1, x) + fixed64(11, 5)) for x in TIMES)),
    "times of spans": (
        Signal.TRACES,
        b"".join(traces(ids() + fixed64(7, x) + fixed64(8, y)) for x in TIMES for y in TIMES),
    ),
    "times of data points": (
        Signal.METRICS,
        b"".join(gauge(fixed64(2, x) + fixed64(3, x) + delimited(5, fixed64(2, x))) for x in TIMES),
    ),
    "severities and flags over a byte": (
        Signal.LOGS,
        logs(tag(2, VARINT) + varint(256 + 9) + tag(8, FIXED32) + b"\x01\x03\x00\xff")
        + logs(tag(2, VARINT) + varint(-1)),
    ),
    "kinds and statuses, also unknown ones": (
        Signal.TRACES,
        b"".join(
            traces(ids() + tag(6, VARINT) + varint(x) + delimited(15, tag(3, VARINT) + varint(x))) for x in range(-1, 8)
        ),
    ),
    "ids of zeros and of wrong lengths": (
        Signal.LOGS,
        b"".join(logs(delimited(9, b"\0" * n) + delimited(10, b"\1" * n)) for n in range(18)),
    ),
    "span ids of wrong lengths": (
        Signal.TRACES,
        b"".join(traces(ids(b"t" * n, b"s" * m)) for n in (0, 1, 15, 16, 17) for m in (0, 7, 8, 9)),
    ),
    "packed and single buckets": (
        Signal.METRICS,
        metrics(
            delimited(
                9,
                delimited(
                    1,
                    fixed64(6, 1)
                    + delimited(6, b"\2" + b"\0" * 7 + b"\3" + b"\0" * 7)
                    + fixed64(6, 4)
                    + double(7, 0.5),
                ),
            )
        ),
    ),
    "packed and single exponential buckets": (
        Signal.METRICS,
        metrics(
            delimited(
                10,
                delimited(
                    1, delimited(8, tag(1, VARINT) + b"\x03" + tag(2, VARINT) + b"\x01" + delimited(2, b"\x02\x80\x01"))
                ),
            )
        ),
    ),
    "metrics without data among others": (
        Signal.METRICS,
        metrics(delimited(1, b"none")) + gauge(b"") + metrics(delimited(5, delimited(1, b"")) + delimited(7, b"")),
    ),
}

FOUND = {}
"""name: (signal, bytes.fromhex("...")) of requests that the property test found."""
