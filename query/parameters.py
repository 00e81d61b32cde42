"""From what somebody wrote to the values of one question.

In: a declared question, the texts given by name, and the moment that counts as now. Out: `Given`: each
parameter with its value, once as the engine binds it and once as people read it back. Refused: names the
question does not have, values its header does not allow, a missing value that has no default, a window that
ends before it begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from query import errors
from sql.catalogue import Question
from sql.parameter import Bindable, Kind, Parameter, iso_time

SINCE, UNTIL, LIMIT = "since", "until", "limit"
"""Names that mean the same in every question: the window, its end left out, and the most rows."""

Written = str | int | float | bool
"""A value as it arrives: text from a URL or a command line, a scalar from JSON."""


@dataclass(frozen=True, slots=True)
class Given:
    """The parameters in force for one asking."""

    values: Mapping[str, Bindable]
    """By name; times are nanoseconds since 1970."""
    shown: Mapping[str, Bindable]
    """The same, with times written out in UTC."""
    bound: Mapping[str, Bindable]
    """The same, as the engine is given them."""


def settle(question: Question, written: Mapping[str, Written], now: int) -> Given:
    """Read every parameter once against one `now`, so that the whole answer speaks of the same window."""
    for name in written:
        if question.parameter(name) is None:
            raise _unknown(question, name)
    values: dict[str, Bindable] = {}
    # The end first: a window whose beginning was not given is as long as its default, back from its end.
    for declared in sorted(question.parameters, key=lambda one: one.name != UNTIL):
        moment = now
        if declared.name == SINCE and SINCE not in written:
            moment = int(values.get(UNTIL, now))
        values[declared.name] = _value(question, declared, written, moment)
    if SINCE in values and UNTIL in values and int(values[SINCE]) >= int(values[UNTIL]):
        raise _no_window(int(values[SINCE]), int(values[UNTIL]))
    ordered = {declared.name: values[declared.name] for declared in question.parameters}
    return Given(ordered, _written_out(question, ordered, "T", "Z"), _written_out(question, ordered, " ", ""))


def _written_out(
    question: Question, values: Mapping[str, Bindable], separator: str, end: str
) -> Mapping[str, Bindable]:
    times = {one.name for one in question.parameters if one.kind is Kind.TIME}
    return {name: iso_time(int(v), separator, end) if name in times else v for name, v in values.items()}


def _value(question: Question, declared: Parameter, written: Mapping[str, Written], now: int) -> Bindable:
    if declared.name not in written:
        return _default(question, declared, now)
    try:
        return declared.read(_as_text(written[declared.name]), now)
    except ValueError as problem:
        raise _refused(question, declared, written[declared.name], str(problem)) from problem


def _default(question: Question, declared: Parameter, now: int) -> Bindable:
    if declared.default is None:
        raise _missing(question, declared)
    return declared.read(declared.default, now)


def _refused(question: Question, declared: Parameter, value: Written, problem: str) -> errors.BadParameterError:
    return errors.BadParameterError(
        f"`{declared.name}` of question `{question.name}` cannot be {_shorten(value)}",
        field=declared.name,
        mend=f"Please {problem}. Example: {declared.name}={declared.example}",
    )


def _missing(question: Question, declared: Parameter) -> errors.MissingParameterError:
    return errors.MissingParameterError(
        f"Question `{question.name}` needs `{declared.name}`: {declared.help}",
        field=declared.name,
        mend=f"Give it, for example {declared.name}={declared.example}",
    )


def _no_window(since: int, until: int) -> errors.BadParameterError:
    return errors.BadParameterError(
        f"`since` ({iso_time(since)}) is not before `until` ({iso_time(until)})",
        field=SINCE,
        mend="Give an earlier `since` or a later `until`; 2h means two hours ago.",
    )


def _as_text(written: Written) -> str:
    if isinstance(written, bool):
        return "true" if written else "false"
    return written if isinstance(written, str) else repr(written)


def _shorten(written: Written) -> str:
    text = repr(written)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _unknown(question: Question, name: str) -> errors.UnknownParameterError:
    known = [one.name for one in question.parameters]
    return errors.UnknownParameterError(
        f"Question `{question.name}` has no parameter {_shorten(name)}",
        field=name[:80],
        mend=errors.suggest(name, known),
    )
