"""A question as ClickHouse answers it by itself, with parameters from a URL and nobody before it to settle them.

In: a `Question`. Out: its statement, in which every parameter that may be left out has its default and its bounds in
SQL: each becomes one expression of `sql/predefined/`, named `asked_NAME` at the statement's beginning, and stands where
the parameter stood. It needs ClickHouse 26.2 or newer, where a parameter of a Nullable type that the URL does not have
is NULL (https://github.com/ClickHouse/ClickHouse/pull/93869).

What ClickHouse alone cannot do as the house does: it refuses in its own words (the mend is in them), does not count a
text's characters, and reads a text's backslashes as escapes.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources

from sql import parameter, rendering
from sql.catalogue import FIRST_PAGE, PAGE, TOKENS, Question
from sql.parameter import Kind, Parameter
from store.statements import quote

SINCE, UNTIL = "since", "until"
_NOW = "now64(9, 'UTC') AS asked_now"
_HEAD = re.compile(r"(?i)(WITH\s+RECURSIVE|WITH|SELECT)\b\s*")
_FAR = parameter.LATEST
"""Any moment late enough to reckon a default back from."""


def statement(question: Question, needed: Container[str] = ()) -> str:
    """The question's SELECT, whole without any parameter that has a default and is not `needed`."""
    sql = TOKENS.sub(_named, question.statement(FIRST_PAGE))
    # The end of a window first, since its beginning is reckoned from there.
    ordered = sorted(question.parameters, key=lambda one: one.name != UNTIL)
    has_end = question.parameter(UNTIL) is not None
    ordered = [replace(one, default=None) if one.name in needed else one for one in ordered]
    definitions = [f"{_expression(one, has_end)} AS asked_{one.name}" for one in ordered]
    if question.goes_on:
        pages = {name: type_ for name, type_ in PAGE.items() if f"asked_{name}" in sql}
        definitions += [f"CAST({FIRST_PAGE[name]}, '{type_}') AS asked_{name}" for name, type_ in pages.items()]
    if any(one.kind is Kind.TIME for one in ordered):
        definitions.insert(0, _NOW)
    return _with(sql, definitions)


def _named(token: re.Match[str]) -> str:
    return f"asked_{token['name']}" if token["name"] else token[0]


def _with(sql: str, definitions: list[str]) -> str:
    """Put definitions at the statement's beginning."""
    if not definitions:
        return sql
    head = _HEAD.match(sql)
    word = head[1].upper() if head else "SELECT"
    listed = ",\n".join(definitions)
    if word == "SELECT" or head is None:
        return f"WITH\n{listed}\n{sql}"
    return f"{word}\n{listed},\n{sql[head.end() :]}"


def _expression(one: Parameter, has_end: bool) -> str:  # noqa: FBT001  a fact about the question, not a switch
    if one.kind is Kind.TIME:
        return _moment(one, has_end=has_end)
    if one.kind is Kind.TEXT:
        return _text(one)
    return _number(one)


def _moment(one: Parameter, *, has_end: bool) -> str:
    if one.default is None:
        raise ValueError(f"`{one.name}` is a time that has to be given: write how in sql/predefined.py")
    ago = _FAR - int(one.read(one.default, _FAR))
    base = "asked_until" if one.name == SINCE and has_end else "asked_now"
    default = f"toUnixTimestamp64Nano({base}) - {ago}"
    return _fill("moment", {"name": one.name, "default": default, "mend": f"`{one.name}`: {parameter.TIME_MEND}"})


def _text(one: Parameter) -> str:
    if one.default is None:
        return _fill("needed_text", {"name": one.name})
    values = {"name": one.name, "default": quote(one.default)}
    if not one.choices:
        return _fill("text", values)
    choices = ", ".join(f"{quote(word)} = {number}" for number, word in enumerate(one.choices))
    return _fill("word", {**values, "choices": choices.replace("'", "\\'")})


def _number(one: Parameter) -> str:
    if one.low is None or one.high is None:
        raise ValueError(f"`{one.name}` has no bounds, which the catalogue does not let a number be without")
    low, high = f"{one.low:.15g}", f"{one.high:.15g}"
    mend = f"`{one.name}`: give a {one.kind} from {low} to {high}"
    values = {"name": one.name, "type": one.type, "low": low, "high": high, "mend": mend}
    if one.default is None:
        return _fill("needed_number", values)
    return _fill("number", {**values, "default": one.default})


def _fill(file: str, values: Mapping[str, str]) -> str:
    return rendering.fill(_template(file), values)


@cache
def _template(file: str) -> str:
    text = (resources.files("sql") / "predefined" / f"{file}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))
