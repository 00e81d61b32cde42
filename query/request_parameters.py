"""The parameters of a question as an HTTP request gives them.

In: a request: its URL, and for POST a JSON object in its body. Out: texts and scalars by name, not yet read, and the
cursor of the page before. Refused: a name given twice, a body that is too large, no JSON object, or no
application/json.
"""

import json

from fastapi import Request
from starlette.exceptions import HTTPException

from query import errors
from query.paging import CURSOR
from query.parameters import Written


async def written(request: Request, most_bytes: int) -> tuple[dict[str, Written], str]:
    """The parameters as they were given, in the URL and for POST in a JSON object as well; and the cursor, or ""."""
    found: dict[str, Written] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise _twice(name)
        found[name] = value
    found.pop("format", None)
    if request.method == "POST":
        posted = await _posted(request, most_bytes)
        for name in posted.keys() & found.keys():
            raise _twice(name)
        found |= posted
    return found, str(found.pop(CURSOR, ""))


async def _posted(request: Request, most_bytes: int) -> dict[str, Written]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise errors.TooLargeError(
                f"The body has more than {most_bytes} bytes", mend="Send only the question's parameters."
            )
    if not body:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "The body is not application/json")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise _no_object(f"The body is no JSON: {problem}") from problem
    if not isinstance(given, dict):
        raise _no_object("The body is JSON, but no object")
    for name, value in given.items():
        if not isinstance(value, str | int | float):
            raise errors.BadParameterError(
                f"`{name}` is neither text nor number", field=name[:80], mend="Give one value, not a list or object."
            )
    return given


def _no_object(message: str) -> errors.BadParameterError:
    return errors.BadParameterError(message, field="body", mend='Send a JSON object, such as {"since": "15m"}.')


def _twice(name: str) -> errors.BadParameterError:
    return errors.BadParameterError(f"`{name[:80]}` is given twice", field=name[:80], mend="Give it once.")
