"""What a service that fails says of it in its own log.

In: a problem, and the replies about its log: what is new against the window before, and the most frequent errors, where
nothing is. Out: the message, or nothing. What is quoted is data of a monitored system.
"""

from dataclasses import replace

from mcp_server.parts import Parts
from mcp_server.problem import Problem

LONGEST = 240
"""Characters of a message."""


def new_in_log(one: Problem, parts: Parts) -> str:
    """The most severe message that was not there before; empty for none."""
    rows = parts.rows(f"new of {one.name}")
    return next((str(row["example"]) for row in rows if row["aspect"] == "new_log_pattern"), "")[:LONGEST]


def of(one: Problem, parts: Parts) -> str:
    """The same as evidence; without it, what its errors say most often."""
    if said := new_in_log(one, parts):
        return f"new in its log: {said}"
    rows = parts.rows(f"said by {one.name}")
    said = next((str(row["example"]) for row in rows if row["example"]), "")[:LONGEST]
    return f"in its log: {said}" if said else ""


def before_the_rest(one: Problem, parts: Parts) -> Problem:
    """An effect, whose evidence is cut short: its own words may say more of the cause than who is blamed for it."""
    told = of(one, parts)
    return replace(one, evidence=f"{told}; {one.evidence}") if told else one
