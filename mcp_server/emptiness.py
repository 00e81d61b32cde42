"""What to say where no row was found: nothing there, nothing that matches, or nothing known.

In: a question, the filters that it was asked with, and its empty finding. Out: the same finding with notes. Whether
there would be rows without the filters is asked of ClickHouse, one row of it, so that a name written wrongly is told
from a quiet system. No answer here ever says that things are well.
"""

from collections.abc import Mapping
from dataclasses import replace

from mcp_server.finding import Finding
from mcp_server.tool import Call
from query import errors, parameters
from query.parameters import Written
from sql.catalogue import Question

_KEPT = frozenset({"cluster", "by", "kind", "signal", "step", "sample", "back", "baseline_offset"})
"""Parameters that choose what is counted rather than what it is about."""


async def explained(call: Call, question: Question, found: Finding, filters: Mapping[str, Written]) -> Finding:
    """The finding, with why it may be empty."""
    droppable = [
        name
        for name, value in filters.items()
        if name not in _KEPT and (one := question.parameter(name)) is not None and one.default == "" and value != ""
    ]
    notes = ["No row is no proof of health: it only says that nothing like this was stored in the window."]
    if droppable:
        notes.append(await _without(call, question, found, filters, droppable))
    elif found.window is not None:
        asked = [one.name for one in question.parameters if one.default is None]
        spelling = f"Check {' and '.join(asked)}, look" if asked else "Look"
        notes.append(f"{spelling} at a longer window (since), and at `freshness`.")
    return replace(found, notes=(*found.notes, *notes))


async def _without(
    call: Call, question: Question, found: Finding, filters: Mapping[str, Written], droppable: list[str]
) -> str:
    """Whether there are rows without these filters."""
    written: dict[str, Written | None] = {name: value for name, value in filters.items() if name not in droppable}
    if found.window is not None:
        written |= {"since": found.window.since, "until": found.window.until}
    names = ", ".join(droppable)
    try:
        reply = await call.ask(question.name, {**written, parameters.LIMIT: 1})
    except errors.QuestionError as problem:
        return f"Whether there are rows without {names} could not be asked ({problem.code})."
    if reply.rows:
        return f"Without {names} there are rows in this window: check how they are written."
    return f"Without {names} there are none in this window either: look at a longer one, and at `freshness`."
