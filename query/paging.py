"""Where a page of an answer begins: an opaque text that any process of the house can go on from.

In: the cursor that an answer came with. Out: a `Place`, and after the next page the cursor of the one behind it. All
pages of an answer are asked with the first one's `now`, so that they look at one window to the nanosecond. Questions
over rows that keep coming go on after the last row that was given, by its time and by what tells rows of one time apart
(`PAGE` in sql/catalogue.py): rows that come late move nothing. All others pass over as many rows as were given.

It holds no right and no secret: scope and bounds are looked at anew for each page, so a made-up cursor shows nothing
that other parameters would not. Refused, with `BadParameterError` on `cursor`: what is none of ours, is cut short or
damaged, and what belongs to another question or to other parameters.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from query import errors
from query.pages import Page
from sql.catalogue import FIRST_PAGE, POSITION, Question
from sql.parameter import LATEST, Bindable

CURSOR = "cursor"
"""The parameter that every question has beside its own."""

LONGEST = 512
_CHECK_BYTES = 6
_VERSION = 1
_BOUNDS = ((0, LATEST), (0, 2**32), (-(2**63), 2**63 - 1), (0, 2**64 - 1), (0, 2**64 - 1))
"""Of the numbers in a cursor: now, offset, at, key, skip."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins."""

    now: int
    """The moment that the first page was asked in, nanoseconds since 1970."""
    of: str = ""
    """Digest of the question and its parameters; empty on the first page."""
    offset: int = 0
    """Rows to pass over."""
    at: int = FIRST_PAGE["page_at"]
    """The place in the order of the last row given: its time in nanoseconds since 1970, ..."""
    key: int = FIRST_PAGE["page_key"]
    """... and what tells it from others of that time."""
    skip: int = FIRST_PAGE["page_skip"]
    """Rows that were given and are the same in both, that one included."""

    @property
    def bound(self) -> dict[str, int]:
        """The values of a question that goes on after a row."""
        return {"page_at": self.at, "page_key": self.key, "page_skip": self.skip}


def digest(question: Question, values: Mapping[str, Bindable]) -> str:
    """What tells this question with these parameters from all others; `limit` may differ from page to page."""
    told = sorted((name, value) for name, value in values.items() if name != "limit")
    return sha256(repr((question.name, told)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read(text: str) -> Place:
    """Read a cursor. Raises `BadParameterError`."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, of, *numbers = json.loads(raw[_CHECK_BYTES:])
    except (binascii.Error, ValueError, TypeError):
        raise _none_of_ours() from None
    if len(text) > LONGEST or raw[:_CHECK_BYTES] != _check(raw[_CHECK_BYTES:]) or version != _VERSION:
        raise _none_of_ours()
    if len(numbers) != len(_BOUNDS) or not isinstance(of, str) or not all(map(_within, numbers, _BOUNDS)):
        raise _none_of_ours()
    now, offset, at, key, skip = numbers
    return Place(now, of, offset, at, key, skip)


def write(place: Place) -> str:
    """Write a cursor: letters, digits, `-` and `_`."""
    content = [_VERSION, place.of, place.now, place.offset, place.at, place.key, place.skip]
    payload = json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(payload) + payload).rstrip(b"=").decode()


def check_belongs(place: Place, of: str) -> None:
    """Raise `BadParameterError` if a cursor was given to another question, or to other parameters."""
    if place.of and place.of != of:
        raise errors.BadParameterError(
            "`cursor` belongs to another question, or to other parameters",
            field=CURSOR,
            mend="Repeat the parameters of the answer that it came with, unchanged; only `limit` may differ.",
        )


def after(place: Place, question: Question, page: Page) -> Place:
    """The place behind a page that has rows."""
    if not question.goes_on:
        return replace(place, offset=place.offset + page.size)
    positions = page.column(POSITION)
    last = str(positions[-1])
    same = next((n for n, one in enumerate(reversed(positions)) if one != last), len(positions))
    at, _, key = last.rpartition("-")
    here = replace(place, at=int(at), key=int(key), skip=same)
    if (here.at, here.key) == (place.at, place.key) and same == len(positions):
        # The page before ended among rows that are the same as these.
        here = replace(here, skip=same + place.skip)
    return here


def _within(number: object, bounds: tuple[int, int]) -> bool:
    return isinstance(number, int) and bounds[0] <= number <= bounds[1]


def _check(payload: bytes) -> bytes:
    """So that a text which was cut short or mistyped is seen to be."""
    return sha256(b"otelhouse page " + payload).digest()[:_CHECK_BYTES]


def _none_of_ours() -> errors.BadParameterError:
    return errors.BadParameterError(
        "`cursor` is none of ours, or is not whole",
        field=CURSOR,
        mend="Copy `next_cursor` from the answer before, as it stands, or leave it out for the first page.",
    )
