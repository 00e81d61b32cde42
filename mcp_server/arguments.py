"""The arguments of a call, as a client sent them, held against the tool's schema.

In: a tool and whatever came as its arguments. Out: texts, numbers and truth values by name. Loose in form, since models
write `"30"` for 30, and null or an empty text for what they leave out; strict in meaning. Refused, with a
`query.errors.QuestionError` that names the argument and the mend: names that the tool does not have, a missing one, a
list or an object, a value out of bounds or not among the choices.
"""

import math
from collections.abc import Mapping

from mcp_server.tool import Schema, Tool
from query import errors
from query.parameters import Written

_SHOWN = 80
_LONGEST = 20_000
"""Characters of one argument: a statement of SQL fits, a document does not."""


def read(tool: Tool, raw: object) -> dict[str, Written]:
    """The arguments that were given. Raises a `QuestionError`."""
    if raw is not None and not isinstance(raw, Mapping):
        raise errors.BadParameterError("the arguments are no object", field="arguments", mend='Send {"name": "value"}.')
    known = {**tool.properties, **tool.common}
    given: dict[str, Written] = {}
    for name, value in (raw or {}).items():
        if name not in known:
            raise errors.UnknownParameterError(
                f"`{tool.name}` has no argument {str(name)[:_SHOWN]!r}",
                field=str(name)[:_SHOWN],
                mend=errors.suggest(str(name), known),
            )
        if value is not None and value != "":
            given[name] = _value(tool, name, value, known[name])
    for name in tool.required:
        if name not in given:
            raise errors.MissingParameterError(
                f"`{tool.name}` needs `{name}`: {known[name].get('description', '')}",
                field=name,
                mend=f"Give `{name}`.",
            )
    return given


def _value(tool: Tool, name: str, value: object, schema: Schema) -> Written:
    if not isinstance(value, str | int | float):
        raise _refused(tool, name, value, "give one value, not a list or an object")
    match schema["type"]:
        case "integer" | "number":
            return _number(tool, name, value, schema)
        case "boolean":
            return _truth(tool, name, value)
    text = str(value)
    choices = schema.get("enum")
    if isinstance(choices, list) and text not in choices:
        raise _refused(tool, name, value, f"give one of {', '.join(filter(None, choices))}")
    if len(text) > _LONGEST:
        raise _refused(tool, name, text[:_SHOWN], f"give at most {_LONGEST} characters; these are {len(text)}")
    return text


def _number(tool: Tool, name: str, value: Written, schema: Schema) -> Written:
    whole = schema["type"] == "integer"
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number) or (whole and not number.is_integer()):
        raise _refused(tool, name, value, f"give a {'whole ' if whole else ''}number")
    low, high = float(str(schema.get("minimum", "-inf"))), float(str(schema.get("maximum", "inf")))
    if isinstance(value, bool) or not low <= number <= high:
        raise _refused(tool, name, value, f"give a number from {low:g} to {high:g}")
    return int(number) if whole else number


def _truth(tool: Tool, name: str, value: Written) -> bool:
    word = str(value).lower()
    if word not in {"true", "false", "1", "0"}:
        raise _refused(tool, name, value, "give true or false")
    return word in {"true", "1"}


def _refused(tool: Tool, name: str, value: object, mend: str) -> errors.BadParameterError:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return errors.BadParameterError(f"`{name}` of `{tool.name}` cannot be {shown}", field=name, mend=f"Please {mend}.")
