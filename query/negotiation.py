"""Which format an HTTP request wants its answer in.

In: `?format=` or else the Accept header (RFC 9110, section 12.5.1). Out: a `Format`. Refused: a word that is no
format, a format asked for twice, an Accept header that wants none of ours.
"""

from fastapi import Request
from starlette.exceptions import HTTPException

from query import errors
from query.rendering import MEDIA_TYPES, Format

_ACCEPTED = {
    "*/*": Format.JSON,
    "application/*": Format.JSON,
    "application/json": Format.JSON,
    "application/x-ndjson": Format.NDJSON,
    "application/ndjson": Format.NDJSON,
    "application/jsonl": Format.NDJSON,
    "application/vnd.apache.arrow.stream": Format.ARROW,
    "text/csv": Format.CSV,
    "text/*": Format.CSV,
}


def choose_format(request: Request) -> Format:
    """The format that the request names or accepts; JSON where it leaves the choice."""
    named = request.query_params.getlist("format")
    if named:
        return _named(named)
    accept = request.headers.get("accept", "*/*")
    wanted = sorted(filter(None, map(_preference, accept.split(","))), key=lambda one: -one[0])
    if not wanted:
        raise HTTPException(
            406, f"Accept wants none of {', '.join(media.partition(';')[0] for media in MEDIA_TYPES.values())}"
        )
    return wanted[0][1]


def _named(words: list[str]) -> Format:
    if len(words) == 1 and words[0] in list(Format):
        return Format(words[0])
    raise errors.BadParameterError(
        f"`format` cannot be {', '.join(words)[:80]!r}", field="format", mend=f"Give one of {', '.join(Format)}."
    )


def _preference(part: str) -> tuple[float, Format] | None:
    """One member of an Accept header: how much it is wanted, and the format that serves it; None for neither."""
    media, *attributes = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for attribute in attributes:
        if attribute.startswith("q="):
            try:
                weight = float(attribute[2:])
            except ValueError:
                weight = 0.0
    found = _ACCEPTED.get(media)
    return (weight, found) if found and weight > 0 else None
