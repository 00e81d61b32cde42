"""Nested attribute values and log bodies become the JSON text that a String column holds.

In: one ResourceLogs, ResourceSpans or ResourceMetrics of `ingest.wire`'s classes, in which a message that has
an array or a map anywhere in it is not "initialized". Out: the same message, with strings for such values
(`ingest.value_text`). Refuses what protobuf would refuse to read of what becomes text (`errors.MalformedError`), since
what stands in an array or a map was not read with the request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ingest.value_text import text

_ANY_VALUE = "opentelemetry.proto.common.v1.AnyValue"
_KEY_VALUE = "opentelemetry.proto.common.v1.KeyValue"
_NESTED_KINDS = ("array_value", "kvlist_value")

TEXT_COST = 80
"""Bytes that one value takes for a moment while it becomes text, per byte of it: its parsed form, Python's objects
for its members, its text in several copies. Measured: 30 for a map with short keys, 43 for an array of small numbers,
22 for control characters, 74 for the same below 20 arrays."""
_LARGE_BYTES = 64 * 1024
"""Values up to this are not asked for: what one takes for a moment is gone before the next one."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """The fields of a message class that lead to values, by what is behind them."""

    values: tuple[str, ...]
    """An AnyValue."""
    attributes: tuple[str, ...]
    """Many KeyValues."""
    single: "tuple[tuple[str, _Ways], ...]"
    """A message that leads on, and how."""
    repeated: "tuple[tuple[str, _Ways], ...]"
    """Many messages that lead on."""


Hold = Callable[[int], None]
"""Told the bytes that are needed for a moment, beside what is held already; refuses by raising."""


Tell = Callable[[Any, bytes], None]
"""Told each log record whose body is text by now, and the body: it is at hand here, and takes time to be got again."""


def hold_anything(_size: int) -> None:
    """Refuse nothing."""


def tell_nobody(_record: Any, _body: bytes) -> None:  # noqa: ANN401 - the class is made at run time
    """Let it be."""


def flatten(holder: Any, level: int, hold: Hold = hold_anything, tell: Tell = tell_nobody) -> int:  # noqa: ANN401 - the class is made at run time
    """Put JSON text in the place of each array and map value under `holder`; how many there were.

    `level`: how deep the holder stands among the messages of its request, which is 1.
    Raises `errors.MalformedError` where protobuf cannot read what stands in one.
    """
    return _flatten(holder, _ways(holder.DESCRIPTOR), level, _Watchers(hold, tell))


@dataclass(frozen=True, slots=True)
class _Watchers:
    """Who is told what while values become text."""

    hold: Hold
    tell: Tell


def _flatten(holder: Any, ways: _Ways, level: int, watchers: _Watchers) -> int:  # noqa: ANN401 - the class is made at run time
    replaced = 0
    for name in ways.values:
        replaced += _replace_body(holder, getattr(holder, name), level, watchers)
    # Asking walks all that is below, and where there is something nested, that takes as long as to read it. So it pays
    # only for an item of which nothing is left but attributes, and not for what holds items.
    if ways.attributes and holder.IsInitialized():
        return replaced
    for name in ways.attributes:
        attributes = getattr(holder, name)
        replaced += sum([_replace_attribute(attribute.value, level + 1, watchers) for attribute in attributes])
    for name, onward in ways.repeated:
        replaced += sum([_flatten(child, onward, level + 1, watchers) for child in getattr(holder, name)])
    for name, onward in ways.single:
        if holder.HasField(name):
            replaced += _flatten(getattr(holder, name), onward, level + 1, watchers)
    return replaced


def _replace_body(holder: Any, body: Any, level: int, watchers: _Watchers) -> int:  # noqa: ANN401 - made at run time
    kind = body.WhichOneof("value")
    if kind in _NESTED_KINDS:
        watchers.tell(holder, _replace(body, level + 1, watchers.hold))
        return 1
    if kind == "string_value":
        watchers.tell(holder, body.string_value)
    return 0


def _replace_attribute(value: Any, level: int, watchers: _Watchers) -> int:  # noqa: ANN401 - the class is made at run time
    if value.WhichOneof("value") not in _NESTED_KINDS:
        return 0
    _replace(value, level + 1, watchers.hold)
    return 1


def _replace(value: Any, level: int, hold: Hold) -> bytes:  # noqa: ANN401 - the class is made at run time
    serialized = value.SerializePartialToString()
    if len(serialized) > _LARGE_BYTES:
        hold(TEXT_COST * len(serialized))
    value.string_value = written = text(serialized, level)
    return written


@lru_cache(maxsize=64)
def _ways(descriptor: Any) -> _Ways:  # noqa: ANN401 - protobuf has one for each of its implementations
    leading = [field for field in descriptor.fields if _leads_to_values(field.message_type)]
    values = [field.name for field in leading if field.message_type.full_name == _ANY_VALUE]
    attributes = [field.name for field in leading if field.message_type.full_name == _KEY_VALUE]
    onward = [field for field in leading if field.name not in (*values, *attributes)]
    return _Ways(
        values=tuple(values),
        attributes=tuple(attributes),
        single=tuple((field.name, _ways(field.message_type)) for field in onward if not field.is_repeated),
        repeated=tuple((field.name, _ways(field.message_type)) for field in onward if field.is_repeated),
    )


def _leads_to_values(message_type: Any) -> bool:  # noqa: ANN401 - None, or a descriptor
    if message_type is None:
        return False
    if message_type.full_name == _ANY_VALUE:
        return True
    return any(_leads_to_values(field.message_type) for field in message_type.fields)
