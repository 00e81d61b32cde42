"""Where a page of an answer begins: a short word that a model can repeat without a mistake.

In: how many rows earlier pages had, the window, a digest of the arguments. Out: `40-dn2z…-dn31…-1f9c`, and back. It
holds no right and no state: a page is the same question asked again by whoever asks, over the same window to the
nanosecond, with the rows of earlier pages passed over. Rows that came late into the window may shift it by as many.
Refused: a cursor that is none, or that belongs to other arguments, with `BadParameterError`.
"""

import re
from hashlib import sha256

from query import errors
from query.reply import Window
from sql.parameter import LATEST, iso_time, read_time

MOST_ROWS = 1_000_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"([0-9]{1,7})-([0-9a-z]{0,13})-([0-9a-z]{0,13})-([0-9a-f]{6})")


def digest(*parts: object) -> str:
    """Six digits that tell one set of arguments from another."""
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:6]


def write(offset: int, window: Window | None, of: str) -> str:
    """The cursor of the page after `offset` rows."""
    ends = (window.since, window.until) if window else ()
    since, until = (_base36(read_time(end, 0)) for end in ends) if ends else ("", "")
    return f"{offset}-{since}-{until}-{of}"


def read(text: str, of: str) -> tuple[int, Window | None]:
    """The rows to pass over, and the window. Raises `BadParameterError`."""
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found[1]) > MOST_ROWS or bool(found[2]) != bool(found[3]):
        raise _refused("`cursor` is none of ours", "Copy it from the answer before, as it stands, or leave it out.")
    if found[4] != of:
        raise _refused(
            "`cursor` belongs to other arguments", "Repeat the arguments of the answer that it came with, unchanged."
        )
    if not found[2]:
        return int(found[1]), None
    since, until = int(found[2], 36), int(found[3], 36)
    if not since < until <= LATEST:
        raise _refused("`cursor` is none of ours", "Copy it from the answer before, as it stands, or leave it out.")
    return int(found[1]), Window(iso_time(since), iso_time(until))


def _refused(message: str, mend: str) -> errors.BadParameterError:
    return errors.BadParameterError(message, field="cursor", mend=mend)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
