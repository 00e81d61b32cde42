"""OTLP/JSON becomes OTLP/protobuf.

In: the body of an Export request as UTF-8 JSON. Out: the same request as protobuf bytes. Refuses, with
`MalformedError` that names the field and the mend: what is not JSON, what is no object, values that do not
suit their field, ids that are not hex or not of their length, nesting deeper than protobuf itself allows.

Rules (OTLP specification, "JSON Protobuf Encoding", and what the Go collector takes beyond it, since senders
rely on it):
- trace and span ids are hex in either case, wherever they stand; "" is no id; other bytes are base64;
- keys are lowerCamelCase, snake_case is taken as well; unknown keys are ignored; of equal keys the last one
  counts;
- 64-bit integers are strings or numbers, and so is every other number; 1.0 and 1e3 are integers, 1.5 is not;
- enums are integers, their names are taken as well; doubles may be "NaN", "Infinity", "-Infinity";
- null is the same as a missing key, but not inside a list;
- a lone surrogate (``\\ud800``) has no UTF-8 and becomes U+FFFD, as Go's and ClickHouse's readers have it.

How: one walk turns each JSON object into keyword arguments by a table made from the message's descriptor;
then one call builds the whole request in C. It costs Python per record, unlike the protobuf path: 34 us for a
log record with 6 attributes (a quarter of it `json.loads`), where `google.protobuf.json_format`, which
besides knows nothing of hex ids, takes 104 us.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from ingest.errors import MalformedError
from sql.signals import Signal

_REQUESTS: Mapping[Signal, Any] = {
    Signal.LOGS: logs_service_pb2.ExportLogsServiceRequest,
    Signal.TRACES: trace_service_pb2.ExportTraceServiceRequest,
    Signal.METRICS: metrics_service_pb2.ExportMetricsServiceRequest,
}

MAX_DEPTH = 100
"""Messages inside each other, the request included: the bound of protobuf's own C reader."""

_ID_LENGTHS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
"""Bytes of the fields that are hex (OTLP specification, "JSON Protobuf Encoding")."""
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_LONE_SURROGATE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""Every escape in turn, since a backslash may itself be escaped; group 1 is a lone surrogate."""
_TOO_DEEP = f"is nested too deeply: at most {MAX_DEPTH} messages may stand inside each other"
_SPECIAL_DOUBLES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_PATH_ENDS = 200
"""Characters of either end of a long path that an error message shows."""
_SHOWN = 40
"""Characters of a wrong value that an error message shows."""

Json = Any
"""What `json.loads` gives."""
Reader = Callable[[Json, int], object]
"""Turns a field's JSON value into what the message class takes; the number is the depth of the message."""
Table = Mapping[str, tuple[str, Reader]]
"""JSON key to the field's name and its reader."""


class _Fault(Exception):  # noqa: N818 - never leaves this module, where it becomes a MalformedError
    """A value does not suit its field. Each level that it passes on its way out adds its part of the path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def read(signal: Signal, body: bytes) -> bytes:
    """Give the Export request in `body` (JSON) as protobuf. Raises `MalformedError`."""
    request = _REQUESTS[signal]
    table = _tables()[request.DESCRIPTOR.full_name]
    text = _text(body)
    try:
        try:
            built = request(**_fields(table, _parse(text), 1))
        except UnicodeEncodeError:
            built = request(**_fields(table, _parse(_LONE_SURROGATE.sub(_mend_escape, text)), 1))
    except _Fault as fault:
        field = "".join(reversed(fault.path)).removeprefix(".")
        # A path may be as long as the body is deep; cut in its middle, or the reason would be cut off behind it.
        place = field if len(field) <= 2 * _PATH_ENDS else f"{field[:_PATH_ENDS]}…{field[-_PATH_ENDS:]}"
        message = f"{place or 'the body'} {fault.reason}"
        raise MalformedError(message, field=field) from None
    return bytes(built.SerializeToString())


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8 at byte {error.start}: send JSON in UTF-8"
    raise MalformedError(message)


def _parse(text: str) -> Json:
    try:
        return json.loads(text)
    except RecursionError:
        message = f"the body {_TOO_DEEP}"
    except ValueError as error:  # JSONDecodeError, and integers with thousands of digits
        message = f"the body is not JSON: {error}"
    raise MalformedError(message)


def _mend_escape(match: re.Match[str]) -> str:
    return "\\ufffd" if match[1] else match[0]


def _fields(table: Table, value: Json, depth: int) -> dict[str, object]:
    """Give a JSON object as keyword arguments for its message class."""
    if type(value) is not dict:
        raise _unsuited("an object", value)
    if depth > MAX_DEPTH:
        raise _Fault(_TOO_DEEP)
    fields = {}
    for key, member in value.items():
        known = table.get(key)
        if known is None or member is None:
            continue
        name, reader = known
        try:
            fields[name] = reader(member, depth)
        except _Fault as fault:
            fault.path.append("." + name)
            raise
    return fields


@cache
def _tables() -> Mapping[str, Table]:
    """Give the table of every message that a request can hold, by full name; they refer to each other."""
    tables: dict[str, dict[str, tuple[str, Reader]]] = {}
    waiting: list[Descriptor] = [request.DESCRIPTOR for request in _REQUESTS.values()]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name in tables:
            continue
        table = tables[descriptor.full_name] = {}
        for field in descriptor.fields:
            if field.name.endswith("_strindex"):  # means something in profiles only
                continue
            entry = (field.name, _reader_of(field, tables))
            table[field.name] = table[field.json_name] = entry
            if field.message_type is not None:
                waiting.append(field.message_type)
    return tables


def _reader_of(field: FieldDescriptor, tables: Mapping[str, Table]) -> Reader:
    if field.message_type is not None:
        reader = _message_reader(field.message_type.full_name, tables)
    elif field.enum_type is not None:
        reader = _enum_reader(field.enum_type)
    elif field.name in _ID_LENGTHS:
        reader = _id_reader(_ID_LENGTHS[field.name])
    elif field.type == FieldDescriptor.TYPE_BYTES:
        reader = _bytes
    else:
        reader = _SCALARS[field.cpp_type]
    return _list_reader(reader) if field.is_repeated else reader


def _message_reader(full_name: str, tables: Mapping[str, Table]) -> Reader:
    def reader(value: Json, depth: int) -> object:
        return _fields(tables[full_name], value, depth + 1)

    return reader


def _list_reader(reader: Reader) -> Reader:
    def read_list(value: Json, depth: int) -> object:
        if type(value) is not list:
            raise _unsuited("a list", value)
        members: list[object] = []
        try:
            # Not a comprehension: its length so far tells which member is at fault.
            for member in value:
                members.append(reader(member, depth))  # noqa: PERF401
        except _Fault as fault:
            fault.path.append(f"[{len(members)}]")
            raise
        return members

    return read_list


def _enum_reader(enum: EnumDescriptor) -> Reader:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}

    def reader(value: Json, _depth: int) -> object:
        if type(value) is str and value in numbers:
            return numbers[value]
        return _whole(value, -(2**31), 2**31 - 1, f"a number or a name of {enum.name}")

    return reader


def _id_reader(length: int) -> Reader:
    wanted = f"{2 * length} hex digits ({length} bytes), or empty for none"

    def reader(value: Json, _depth: int) -> object:
        if value == "":
            return b""
        if type(value) is str and len(value) == 2 * length:
            try:
                return binascii.unhexlify(value)
            except ValueError:  # not hex, or not ASCII: told below
                pass
        raise _unsuited(wanted, value)

    return reader


def _integer_reader(low: int, high: int) -> Reader:
    def reader(value: Json, _depth: int) -> object:
        return _whole(value, low, high, f"an integer from {low} to {high}")

    return reader


def _whole(value: Json, low: int, high: int, wanted: str) -> int:
    """Give a JSON number, or a string that holds one, as an integer within bounds."""
    number = value
    if type(number) is str and _NUMBER.fullmatch(number):
        number = int(number) if _INTEGER.fullmatch(number) else float(number)
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is int and low <= number <= high:
        return number
    raise _unsuited(wanted, value)


def _double(value: Json, _depth: int) -> object:
    if type(value) is float:
        return value
    if type(value) is str and value in _SPECIAL_DOUBLES:
        return _SPECIAL_DOUBLES[value]
    if type(value) is int or (type(value) is str and _NUMBER.fullmatch(value)):
        try:
            return float(value)
        except OverflowError:  # an integer beyond the range of doubles: told below
            pass
    raise _unsuited('a number, or one of "NaN", "Infinity", "-Infinity"', value)


def _bool(value: Json, _depth: int) -> object:
    if type(value) is bool:
        return value
    raise _unsuited("true or false", value)


def _string(value: Json, _depth: int) -> object:
    if type(value) is str:
        return value
    raise _unsuited("a string", value)


def _bytes(value: Json, _depth: int) -> object:
    if type(value) is str:
        # Some encoders write the URL-safe alphabet or leave the padding out; protobuf's readers take both.
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
        except ValueError:  # not base64, or not ASCII: told below
            pass
    raise _unsuited("base64", value)


_SCALARS: Mapping[int, Reader] = {
    FieldDescriptor.CPPTYPE_STRING: _string,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_INT32: _integer_reader(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: _integer_reader(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _integer_reader(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integer_reader(0, 2**64 - 1),
}
"""Readers by C++ type: how an integer travels (fixed, zigzag) makes no difference here."""


def _unsuited(wanted: str, value: Json) -> _Fault:
    """A fault that says what the field takes, and shows what came: its kind, or the start of it."""
    if isinstance(value, dict):
        shown = "an object"
    elif isinstance(value, list):
        shown = "a list"
    elif isinstance(value, str):
        shown = json.dumps(value[:_SHOWN])
    else:
        shown = json.dumps(value) if abs(value or 0) < 1e300 else "a number out of every range"
    return _Fault(f"must be {wanted}, not {shown}")
