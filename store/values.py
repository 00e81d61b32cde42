"""Plain Python values for ClickHouse's types, the same over both doors.

In: a ClickHouse type's name and the values that `store.blocks` read for it. Out: values of the kinds below.

    (U)Int*, Interval*            int
    Float*                        float, nan and inf included
    Bool                          bool
    String, FixedString, Enum*    str; bytes that are no UTF-8 become U+FFFD, so ask for hex(column) where they matter
    DateTime, DateTime64(0..6)    datetime, aware, in UTC
    DateTime64(7..9)              str, ISO 8601 with every digit: 2026-11-20T23:05:24.123456789Z, since a Python
                                  datetime has no nanoseconds
    Date, Date32                  str, ISO 8601: 2026-11-20
    Decimal*, UUID, IPv4, IPv6    str
    Array, Nested                 list
    Tuple                         tuple
    Map                           dict; of a key given twice the last value stays, and a key must be hashable
    JSON                          dict
    NULL                          None

A DateTime64 beyond Python's years becomes the nearest datetime there is, as ClickHouse's own text of it saturates.
Refuses what it cannot read without loss (Dynamic, Variant, Time, AggregateFunction): `store.blocks` says so.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from store import type_names
from store.port import Cell

Convert = Callable[[object], Cell]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_MICROSECOND_DIGITS = 6


def converter(type_name: str) -> Convert | None:
    """Give what turns one read value into a `Cell`, None where it is one already."""
    name, arguments = type_names.split(type_name)
    if (make := _NESTING.get(name)) is not None:
        return make(arguments)
    if name == "DateTime64":
        return _ticks(int(arguments[0]))
    if name.startswith(("Decimal", "Date", "UUID", "IPv")) and name != "DateTime":
        return _spelled
    return _PLAIN.get(name)


def convert(column: Sequence[object], type_name: str) -> Sequence[Cell]:
    """Turn a column as read into a column of cells."""
    if column and column[0].__class__ in {str, float, bool} and _is_plain(column, _KINDS.get(type_name, str)):
        return column
    change = converter(type_name)
    return column if change is None else [change(value) for value in column]


def _is_plain(column: Sequence[object], kind: type) -> bool:
    """True if every value is of its kind already; much faster than a call for each."""
    return set(map(type, column)) == {kind}


def _text(value: object) -> Cell:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _float(value: object) -> Cell:
    return float(value) if isinstance(value, int) else value


def _bool(value: object) -> Cell:
    return value == 1 if isinstance(value, int) else value


def _spelled(value: object) -> Cell:
    return None if value is None else _spell(value)


def _spell(value: object) -> str:
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)  # a Decimal's str() may say 1E+3


def _seconds(value: object) -> Cell:
    return _EPOCH + timedelta(seconds=value) if isinstance(value, int) else None


def _ticks(digits: int) -> Convert:
    per_second = 10**digits

    def as_datetime(value: object) -> Cell:
        if not isinstance(value, int):
            return None
        seconds, ticks = divmod(value, per_second)
        try:
            return _EPOCH + timedelta(seconds=seconds, microseconds=ticks * 10 ** (_MICROSECOND_DIGITS - digits))
        except OverflowError:
            return _LAST if value > 0 else _FIRST

    def as_text(value: object) -> Cell:
        if not isinstance(value, int):
            return None
        seconds, ticks = divmod(value, per_second)
        return f"{(_EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{ticks:0{digits}d}Z"

    return as_datetime if digits <= _MICROSECOND_DIGITS else as_text


def _array(arguments: Sequence[str]) -> Convert | None:
    change = converter(arguments[0])
    if change is None:
        return None

    def convert_array(value: object) -> Cell:
        return [change(item) for item in value] if isinstance(value, list | tuple) else None

    return convert_array


def _tuple(arguments: Sequence[str]) -> Convert | None:
    changes = [converter(type_names.without_name(argument)) for argument in arguments]
    if not any(changes):
        return None

    def convert_tuple(value: object) -> Cell:
        if not isinstance(value, tuple):
            return None
        return tuple(item if change is None else change(item) for change, item in zip(changes, value, strict=True))

    return convert_tuple


def _nested(arguments: Sequence[str]) -> Convert | None:
    return _array([f"Tuple({', '.join(arguments)})"])


def _map(arguments: Sequence[str]) -> Convert | None:
    key, value = (converter(argument) or _as_it_is for argument in arguments)

    def convert_map(entries: object) -> Cell:
        return {key(k): value(v) for k, v in entries.items()} if isinstance(entries, dict) else None

    return convert_map


def _as_it_is(value: object) -> Cell:
    return value


def _inner(arguments: Sequence[str]) -> Convert | None:
    return converter(arguments[-1])


_NESTING: dict[str, Callable[[Sequence[str]], Convert | None]] = {
    "Array": _array,
    "LowCardinality": _inner,
    "Map": _map,
    "Nested": _nested,
    "Nullable": _inner,
    "SimpleAggregateFunction": _inner,
    "Tuple": _tuple,
}

_PLAIN: dict[str, Convert] = {
    **dict.fromkeys(("String", "FixedString", "Enum8", "Enum16"), _text),
    # The driver fills sparse columns with the integer 0, whatever their type.
    **dict.fromkeys(("Float32", "Float64", "BFloat16"), _float),
    "Bool": _bool,
    "DateTime": _seconds,
}

_KINDS: dict[str, type] = {"Float32": float, "Float64": float, "BFloat16": float, "Bool": bool}
"""The Python type of a column's cells where it is not str."""
