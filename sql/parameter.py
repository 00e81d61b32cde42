"""One declared parameter of a question, and how a text becomes its value.

In: the text that somebody wrote, and the moment that counts as now. Out: a value that the port binds.
Refused, with a `ValueError` that says what would be right: a wrong kind, a value out of bounds, a word not
among the choices. Nothing here knows SQL: the engine binds values, so any text that is short enough is data.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

NANOSECONDS = 1_000_000_000
LATEST = 9_214_646_400 * NANOSECONDS
"""2262-01-01T00:00:00Z, just before a DateTime64(9) ends."""

LONGEST_TEXT = 4096
"""Characters that a text parameter may have when its header states no bounds."""

_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000}
_UNITS |= {unit: s * NANOSECONDS for unit, s in {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}.items()}
_AGO = re.compile(r"(?:[0-9]{1,9}(?:ns|us|ms|s|m|h|d|w))+")
_AGO_PART = re.compile(r"([0-9]+)([a-z]+)")
_EPOCH = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9}))?|[0-9]{13}|[0-9]{16}|[0-9]{19}")
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UNFINISHED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?))?")
"""A date, or a time without its zone, which would be a guess."""
TIME_MEND = "give RFC 3339 (2026-01-31T10:00:00Z), seconds since 1970, how long ago (15m, 2h, 7d), or now"

Bindable = str | int | float
"""What a parameter becomes: text, a whole number (a time is nanoseconds since 1970) or a number."""


class Kind(StrEnum):
    """What a parameter holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    TIME = "time"


KINDS = {
    "String": Kind.TEXT,
    "UInt8": Kind.WHOLE,
    "UInt16": Kind.WHOLE,
    "UInt32": Kind.WHOLE,
    "UInt64": Kind.WHOLE,
    "Int64": Kind.WHOLE,
    "Float64": Kind.NUMBER,
    "DateTime64(9, 'UTC')": Kind.TIME,
}
"""ClickHouse types that a parameter may have, as they are written between the braces."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as its header declares it."""

    name: str
    type: str
    """ClickHouse's name of the type, a key of `KINDS`."""
    help: str
    default: str | None
    """As somebody would write it; None where a value has to be given."""
    example: str
    low: float | None = None
    high: float | None = None
    """Bounds, both included: of the value for numbers, of the number of characters for text."""
    choices: tuple[str, ...] = ()
    """For text: the only words it may be, in any case; empty for any."""
    hex_digits: int = 0
    """For text: exactly so many hexadecimal digits in any case, as ids of traces are; 0 for any text."""

    @property
    def kind(self) -> Kind:
        """What it holds."""
        return KINDS[self.type]

    def read(self, text: str, now: int) -> Bindable:
        """Turn what was written into a value. `now` is nanoseconds since 1970."""
        if self.kind is Kind.TIME:
            return read_time(text, now)
        if self.kind is Kind.TEXT:
            return self._read_text(text)
        return self._read_number(text)

    def _read_text(self, text: str) -> str:
        if self.choices:
            word = text.lower()
            if word not in self.choices:
                raise ValueError(f"give one of {', '.join(choice or 'nothing' for choice in self.choices)}")
            return word
        low, high = self.low or 0, self.high or LONGEST_TEXT
        if not text and self.default == "":
            return text  # an optional filter left empty is a filter not given
        if self.hex_digits and not re.fullmatch(rf"[0-9A-Fa-f]{{{self.hex_digits}}}", text):
            raise ValueError(f"give {self.hex_digits} hexadecimal digits; these are {len(text)} characters")
        if not low <= len(text) <= high:
            raise ValueError(f"give {low:g} to {high:g} characters; these are {len(text)}")
        return text

    def _read_number(self, text: str) -> int | float:
        whole = self.kind is Kind.WHOLE
        pattern = r"-?[0-9]{1,20}" if whole else r"-?[0-9]{1,20}(\.[0-9]{1,20})?"
        if not re.fullmatch(pattern, text):
            raise ValueError(f"give a {self.kind}")
        value = int(text) if whole else float(text)
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise ValueError(f"give a {self.kind} from {self.low:g} to {self.high:g}")
        return value


def read_time(text: str, now: int) -> int:
    """Read a moment in any of the accepted forms; nanoseconds since 1970, between 1970 and 2262."""
    moment = _moment(text.strip(), now)
    if not 0 <= moment <= LATEST:
        raise ValueError("give a moment between 1970 and 2262")
    return moment


def _moment(text: str, now: int) -> int:
    if text == "now":
        return now
    if _AGO.fullmatch(text):
        return now - sum(int(count) * _UNITS[unit] for count, unit in _AGO_PART.findall(text))
    if match := _EPOCH.fullmatch(text):
        return _from_epoch(text, match)
    if match := _RFC3339.fullmatch(text):
        return _from_rfc3339(match)
    if match := _UNFINISHED.fullmatch(text):
        raise ValueError(f"give the time of day and Z for UTC too: {match[1]}T{match[2] or '00:00:00'}Z")
    raise ValueError(TIME_MEND)


def _from_epoch(text: str, match: re.Match[str]) -> int:
    """Up to 10 digits are seconds; 13, 16 and 19 can only be milli-, micro- and nanoseconds of our time."""
    if match[1] is None:
        return int(text.ljust(19, "0"))
    return int(match[1]) * NANOSECONDS + int((match[2] or "0").ljust(9, "0"))


def _from_rfc3339(match: re.Match[str]) -> int:
    """`datetime` keeps microseconds, ClickHouse nanoseconds; so the fraction goes past it."""
    day, clock, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace('Z', '+00:00')}")
    except ValueError as problem:
        raise ValueError(f"{TIME_MEND}; here, {problem}") from problem
    return int(whole.timestamp()) * NANOSECONDS + int((fraction or "0").ljust(9, "0"))


def iso_time(moment: int, separator: str = "T", end: str = "Z") -> str:
    """Write nanoseconds since 1970 as UTC with nine digits: 2026-01-31T10:00:00.000000000Z."""
    seconds, rest = divmod(moment, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d{separator}%H:%M:%S}.{rest:09d}{end}"
