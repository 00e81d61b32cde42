"""One value of a row as a model reads it: short, on one line, harmless, without secrets.

In: a cell of the port. Out: a text, or None for what says nothing (null, an empty text, an empty list or map). Long
texts are cut in the middle, since the ends of a log line tell most, and the cut is marked with how much it took.
"""

import json
import math
import re
from collections.abc import Callable, Mapping

from mcp_server.hostile_text import clean
from query.rendering import plain
from store.port import Cell

TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d+))?Z")
"""A time as all questions write it."""

_HEAD_SHARE = 0.7
_SHORT, _WHOLE = 9_999.5, 1e15
"""From the first number on, numbers are written without a point; from the second on with an exponent."""
_LONGEST_LOOKED_AT = 65_536
"""Characters of a cell that are looked at; of a longer one the two ends are."""

Mask = Callable[[str], str]


def written(cell: Cell, longest: int, mask: Mask) -> str | None:
    """The cell in at most about `longest` characters."""
    value = plain(cell)
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    text = value if isinstance(value, str) else _json(value)
    if found := TIME.fullmatch(text):
        return _time(found)
    return cut(mask(clean(_ends(text))), longest)


def cut(text: str, longest: int) -> str:
    """Head and tail of a text that is too long, with a mark between them."""
    if len(text) <= longest:
        return text
    head = int(longest * _HEAD_SHARE)
    tail = longest - head
    return f"{text[:head]}…[{len(text) - longest} characters cut]…{text[-tail:]}"


def _ends(text: str) -> str:
    if len(text) <= _LONGEST_LOOKED_AT:
        return text
    half = _LONGEST_LOOKED_AT // 2
    return f"{text[:half]} …[{len(text) - 2 * half} characters cut]… {text[-half:]}"


def _number(value: float) -> str:
    if not math.isfinite(value):  # `plain` has made them None; here for whoever calls with a bare float
        return str(value)
    if abs(value) >= _SHORT and abs(value) < _WHOLE:
        return str(round(value))  # what stands behind the point is less than one in 10,000, and costs tokens
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else f"{value:.4g}"


def _time(found: re.Match[str]) -> str:
    """To the millisecond; what is finer than that costs tokens and tells nothing."""
    milliseconds = (found[3] or "")[:3].rstrip("0")
    return f"{found[1]}T{found[2]}{'.' if milliseconds else ''}{milliseconds}Z"


def _json(value: object) -> str:
    """Compact, without members that say nothing."""
    if isinstance(value, Mapping):
        value = {key: member for key, member in value.items() if member not in (None, "", [], {})}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
