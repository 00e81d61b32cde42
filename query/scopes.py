"""What a reader's role and scope mean for one question: refused, narrowed, or neither.

In: a question, its settled parameters and the reader. Out: a `Narrowing`, whose settings make the engine keep the scope
(`sql.scopes`); nothing here or in a question's text decides which rows a reader sees.
Refused, with `DeniedError`: a question for a higher role, one about a signal that the scope leaves out, one that reads
what is not divided among readers, and a parameter that asks for a cluster, namespace or composition outside the scope:
the engine would answer that with no rows, and no rows is another answer than no.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from identity.reader import Reader, Scope
from query import errors
from query.parameters import Given
from sql import scopes
from sql.catalogue import Question
from store.port import Setting

_ASKS_FOR = {
    "cluster": "clusters",
    "namespace": "namespaces",
    "composition": "compositions",
    "composition_id": "compositions",
}
"""Parameters that mean the same in every question, and the part of a scope that they must lie in."""

_NOT_YOURS = "Use a token whose scope has it, or ask an admin for one."


@dataclass(frozen=True, slots=True)
class Narrowing:
    """How a statement is narrowed; false where a reader sees everything but the house's own rows."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    """For the engine."""
    shown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For people: the parts of the scope that narrow."""

    def __bool__(self) -> bool:
        return bool(self.shown)


def narrowing(question: Question, given: Given, reader: Reader) -> Narrowing:
    """Say how the question is narrowed for this reader. Raises `DeniedError`."""
    check(question, reader)
    for name, part in _ASKS_FOR.items():
        _check_parameter(name, str(given.values.get(name, "")), getattr(reader.scope, part))
    asked = scopes.asked_for(given.values, synthetic=question.synthetic)
    return of_statement(question.name, question.statement(given.values), reader.scope, asked=asked)


def of_statement(name: str, sql: str, scope: Scope, *, asked: frozenset[str] = frozenset()) -> Narrowing:
    """The same for a statement of the house itself, which has no parameters to check.

    `asked`: of `sql.scopes.OF_THE_HOUSE`, whose rows are seen too.
    """
    try:
        return Narrowing(scopes.settings(scope, name, sql, asked=asked), shown(scope))
    except scopes.UndividedError as problem:
        raise _undivided(name, problem) from problem
    except scopes.ScopeTooLongError as problem:
        raise errors.DeniedError(
            f"The scope names too much: {problem}", mend="Ask an admin for a scope with fewer and shorter names."
        ) from problem


def check(question: Question, reader: Reader) -> None:
    """Raise `DeniedError` if no parameter could make this question one for this reader."""
    if reader.role < question.role:
        raise errors.DeniedError(
            f"Question `{question.name}` needs the role {question.role.name.lower()}, "
            f"and yours is {reader.role.name.lower()}",
            mend="Use a token with that role, or ask an admin for one.",
            field="role",
        )
    if not reader.scope.everything:
        _check_scope(question, reader.scope)


def _check_scope(question: Question, scope: Scope) -> None:
    try:
        read = scopes.reads(question.name, question.sql)
    except scopes.UndividedError as problem:
        raise _undivided(question.name, problem) from problem
    # Of the tables, which cannot be mistaken; the header says whose times tell how fresh the answer is.
    needed = scopes.signals(read) or {str(signal) for signal in question.signals}
    check_signals(f"Question `{question.name}`", needed, scope)


def check_signals(what: str, needed: Iterable[str], scope: Scope) -> None:
    """Raise `DeniedError` if `what` reads signals that the scope leaves out."""
    if scope.signals and (missing := sorted(set(needed) - set(scope.signals))):
        raise errors.DeniedError(
            f"{what} reads {', '.join(missing)}; your scope has {', '.join(scope.signals)} only",
            mend=_NOT_YOURS,
            field="scope.signals",
        )


def check_fits(scope: Scope, questions: Iterable[Question]) -> None:
    """Raise `sql.scopes.ScopeTooLongError` if the scope names more than one of these questions can be asked with."""
    for question in questions:
        try:
            scopes.settings(scope, question.name, question.sql)
        except scopes.UndividedError:
            continue  # that one is denied to every scope, long or short


def shown(scope: Scope) -> dict[str, Sequence[str]]:
    """The parts of a scope that narrow, by name."""
    parts = {"clusters": scope.clusters, "namespaces": scope.namespaces}
    parts |= {"compositions": scope.compositions, "signals": scope.signals}
    return {name: values for name, values in parts.items() if values}


def check_value(name: str, value: str, scope: Scope) -> None:
    """Raise `DeniedError` if parameter `name` asks for a cluster, namespace or composition outside of the scope."""
    if part := _ASKS_FOR.get(name):
        _check_parameter(name, value, getattr(scope, part))


def _check_parameter(name: str, value: str, allowed: Sequence[str]) -> None:
    if not value or not allowed or value in allowed:
        return
    if name == "cluster" and any(map(_is_uid, allowed)):
        return  # the scope does not say how that cluster is called; the engine knows
    raise errors.DeniedError(
        f"`{name}` {value[:80]!r} is outside of your scope, which has {_some(allowed)}", field=name, mend=_NOT_YOURS
    )


def _some(values: Sequence[str], most: int = 10) -> str:
    told = ", ".join(f"`{value[:80]}`" for value in values[:most])
    return told if len(values) <= most else f"{told} and {len(values) - most} more"


def _is_uid(text: str) -> bool:
    """Whether it is the uid of a Kubernetes object, as a cluster's is that of its namespace kube-system."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _undivided(name: str, problem: scopes.UndividedError) -> errors.DeniedError:
    return errors.DeniedError(
        f"`{name}` is not for readers with a scope: {problem}",
        field="scope",
        mend="Use a token without scope, or ask a question that is divided.",
    )
