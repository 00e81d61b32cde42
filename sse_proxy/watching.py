"""What one client wants to see, and may see: its filters and its scope, compiled to one look at a row.

In: query parameters and a reader. Out: a `Watch`, equal for clients who see the same, and a function that says of a row
whether it is seen. Refused, with a `query.errors.QuestionError`: parameters that do not exist or make no sense, and,
with 403, what lies outside the reader's scope: no rows would be another answer than no.

The engine does not see this: a tap reads for everybody, and each row is looked at here. `sql/scopes/TABLE.sql` says the
same to the engine; a test holds the two to each other, over every scope and every row of a world made for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from identity.reader import Reader, Role, Scope
from query import errors, scopes
from sql import scopes as table_scopes
from sse_proxy.feeds import Feed, Filter, Test

Values = tuple[object, ...]
"""A row's columns, in the order of `Feed.columns`."""
Match = Callable[[Values], bool]

MOST_VALUES = 50
"""Of one filter."""
LONGEST_VALUE = 512
_LEVELS = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


@dataclass(frozen=True, slots=True)
class Watch:
    """What is seen. Two that are equal see the same."""

    feed: Feed
    wanted: tuple[tuple[str, tuple[str, ...]], ...]
    """Filters by name, in the order of names; of several values one is enough."""
    scope: Scope

    def __hash__(self) -> int:
        return hash((self.feed.name, self.wanted, self.scope))

    @property
    def asked(self) -> frozenset[str]:
        """Of `table_scopes.OF_THE_HOUSE`, whose rows are asked for by name; else nobody sees them."""
        known = table_scopes.ASKED_FOR_BY
        return frozenset(value for name, of in self.wanted if name in known for value in of if value in known[name])

    def match(self) -> Match:
        """Compile it."""
        tests = [_test(self.feed, name, values) for name, values in self.wanted]
        asked = self.asked
        if table_scopes.SYNTHETIC not in asked:
            tests.append(_not_synthetic(self.feed))
        if table_scopes.OWN not in asked and "service" in self.feed.columns:
            tests.append(_not_own(self.feed))
        tests += _scope_tests(self.feed, self.scope)
        if not tests:
            return lambda _: True
        if len(tests) == 1:
            return tests[0]
        return lambda row: all(test(row) for test in tests)


def watch(feed: Feed, written: Mapping[str, Sequence[str]], reader: Reader) -> Watch:
    """Settle what a client sees. Raises a `QuestionError`."""
    if reader.role < Role.VIEWER:
        raise errors.DeniedError("Streams need the role viewer", field="role", mend="Ask an admin for a token with it.")
    _check_signal(feed, reader.scope)
    wanted = tuple(sorted((name, _values(feed, name, values)) for name, values in written.items() if any(values)))
    for name, values in wanted:
        for value in values:
            scopes.check_value(name, value, reader.scope)
    return Watch(feed, wanted, reader.scope)


def _check_signal(feed: Feed, scope: Scope) -> None:
    if scope.signals and feed.signal not in scope.signals:
        raise errors.DeniedError(
            f"This stream shows {feed.signal}; your scope has {', '.join(scope.signals)} only",
            field="scope.signals",
            mend="Use a token whose scope has it, or ask an admin for one.",
        )


def _values(feed: Feed, name: str, values: Sequence[str]) -> tuple[str, ...]:
    known = feed.filters.get(name)
    if known is None:
        mend = errors.suggest(name, feed.filters)
        raise errors.UnknownParameterError(f"This stream has no filter {name[:80]!r}", field=name[:80], mend=mend)
    given = tuple(sorted({value for value in values if value}))
    if len(given) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in given):
        raise errors.BadParameterError(
            f"`{name}` has {len(given)} values or one that is too long",
            field=name,
            mend=f"Give at most {MOST_VALUES} values of at most {LONGEST_VALUE} characters.",
        )
    for value in given:
        _check_value(name, value, known)
    return given


def _check_value(name: str, value: str, known: Filter) -> None:
    if known.test is Test.LEVEL and value.lower() not in _LEVELS:
        raise errors.BadParameterError(
            f"`{name}` {value[:80]!r} is no severity", field=name, mend=f"Give one of {', '.join(_LEVELS)}."
        )
    if known.test is Test.AT_LEAST and not _is_number(value):
        raise errors.BadParameterError(f"`{name}` {value[:80]!r} is no number", field=name, mend="Give a number.")


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


def _test(feed: Feed, name: str, values: tuple[str, ...]) -> Match:
    known = feed.filters[name]
    places = [feed.columns.index(column) for column in known.columns]
    first = places[0]
    if known.test is Test.HAS:
        parts = tuple(value.lower() for value in values)
        return lambda row: any(part in str(row[first]) for part in parts)
    if known.test in {Test.AT_LEAST, Test.LEVEL}:
        least = min(_LEVELS[one.lower()] if known.test is Test.LEVEL else float(one) for one in values)
        return lambda row: _number(row[first]) >= least
    return _one_of(places, frozenset(values))


def _number(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _one_of(places: Sequence[int], values: frozenset[str]) -> Match:
    """At least one of the columns is one of `values`."""
    if len(places) == 1:
        first = places[0]
        return lambda row: row[first] in values
    return lambda row: any(row[place] in values for place in places)


def _not_synthetic(feed: Feed) -> Match:
    """Leave out what the canary sent, as `-- synthetic:` in sql/scopes/ says to the engine."""
    place = feed.columns.index("service" if "service" in feed.columns else "namespace")
    return lambda row: row[place] != table_scopes.SYNTHETIC


def _not_own(feed: Feed) -> Match:
    """Leave out what the house told of itself, as `-- own:` in sql/scopes/ says to the engine."""
    place = feed.columns.index("service")
    return lambda row: row[place] != table_scopes.OWN


def _scope_tests(feed: Feed, scope: Scope) -> list[Match]:
    """What sql/scopes/ says to the engine. A value that is empty fits nothing, not rows that do not say where from."""
    at = feed.columns.index
    tests: list[Match] = []
    if scope.clusters:
        tests.append(_one_of((at("cluster"), at("cluster_uid")), _not_empty(scope.clusters)))
    if scope.namespaces:
        tests.append(_one_of((at("namespace"),), _not_empty(scope.namespaces)))
        if "about_object" in feed.columns:
            tests.append(_object_in(at("about_object"), at("object_namespace"), _not_empty(scope.namespaces)))
    if scope.compositions:
        tests.append(_one_of((at("composition_id"),), _not_empty(scope.compositions)))
    return tests


def _object_in(about: int, namespace: int, allowed: frozenset[str]) -> Match:
    """A log record that is an event in flat form is of its object's namespace as well."""
    return lambda row: not row[about] or row[namespace] in allowed


def _not_empty(values: Sequence[str]) -> frozenset[str]:
    return frozenset(value for value in values if value)
