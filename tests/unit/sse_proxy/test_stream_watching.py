"""What a client sees: its filters, its scope, and what is refused."""

import pytest

from identity.reader import Reader, Role, Scope
from query import errors
from sse_proxy.feeds import EVENTS, LOGS, SPANS
from sse_proxy.watching import watch

ANNA = Reader("anna", Role.VIEWER)


def values(feed, **cells):
    empty = {"about_object": False, "level": 0, "duration_ms": 0.0}
    return tuple(cells.get(column, empty.get(column, "")) for column in feed.columns)


def sees(feed, row, scope=Scope(), **filters):  # noqa: B008 - immutable
    written = {name: value if isinstance(value, list) else [value] for name, value in filters.items()}
    return watch(feed, written, Reader("anna", Role.VIEWER, scope)).match()(values(feed, **row))


@pytest.mark.parametrize(
    ("feed", "row", "filters", "seen"),
    [
        (EVENTS, {}, {}, True),
        (EVENTS, {"kind": "Pod"}, {"kind": "Pod"}, True),
        (EVENTS, {"kind": "Pod"}, {"kind": "pod"}, False),
        (EVENTS, {"kind": "Pod"}, {"kind": ["Job", "Pod"]}, True),
        (EVENTS, {"kind": "Pod", "name": "a"}, {"kind": "Pod", "name": "b"}, False),
        (EVENTS, {"cluster_uid": "u"}, {"cluster": "u"}, True),
        (EVENTS, {"composition_id": "c"}, {"composition_id": "c"}, True),
        (EVENTS, {"uid": "c"}, {"composition_id": "c"}, True),
        (EVENTS, {"kind": "Pod"}, {"kind": ""}, True),
        (LOGS, {"uid": "c", "composition_id": "d"}, {"composition_id": "c"}, False),
        (LOGS, {"text": "payment failed"}, {"text": "MENT F"}, True),
        (LOGS, {"text": "payment failed"}, {"text": "order"}, False),
        (LOGS, {"level": 17}, {"min_severity": "warn"}, True),
        (LOGS, {"level": 9}, {"min_severity": "WARN"}, False),
        (LOGS, {"level": 0}, {"min_severity": "trace"}, False),
        (SPANS, {"duration_ms": 12.5}, {"min_duration_ms": "12.5"}, True),
        (SPANS, {"duration_ms": 12.4}, {"min_duration_ms": "12.5"}, False),
    ],
)
def test_filters(feed, row, filters, seen):
    assert sees(feed, row, **filters) is seen


@pytest.mark.parametrize(
    ("feed", "row", "scope", "seen"),
    [
        (EVENTS, {"cluster": "east"}, Scope(clusters=("east", "west")), True),
        (EVENTS, {"cluster_uid": "east"}, Scope(clusters=("east",)), True),
        (EVENTS, {"cluster": ""}, Scope(clusters=("",)), False),
        (EVENTS, {"namespace": "a", "cluster": "b"}, Scope(clusters=("b",), namespaces=("b",)), False),
        (EVENTS, {"composition_id": "c"}, Scope(compositions=("c",)), True),
        (EVENTS, {"uid": "c"}, Scope(compositions=("c",)), False),
        (LOGS, {"namespace": "a"}, Scope(namespaces=("a",)), True),
        (LOGS, {"namespace": "a", "about_object": True, "object_namespace": "b"}, Scope(namespaces=("a",)), False),
        (LOGS, {"namespace": "a", "about_object": True, "object_namespace": "b"}, Scope(namespaces=("a", "b")), True),
        (SPANS, {"namespace": "a"}, Scope(signals=("traces",)), True),
    ],
)
def test_scopes(feed, row, scope, seen):
    assert sees(feed, row, scope) is seen


@pytest.mark.parametrize(
    ("feed", "scope", "filters", "field"),
    [
        (LOGS, Scope(signals=("events",)), {}, "scope.signals"),
        (SPANS, Scope(signals=("logs", "events")), {}, "scope.signals"),
        (EVENTS, Scope(namespaces=("a",)), {"namespace": "b"}, "namespace"),
        (EVENTS, Scope(namespaces=("a",)), {"namespace": ["a", "b"]}, "namespace"),
        (EVENTS, Scope(compositions=("a",)), {"composition_id": "b"}, "composition_id"),
        (EVENTS, Scope(clusters=("a",)), {"cluster": "b"}, "cluster"),
    ],
)
def test_what_lies_outside_of_the_scope_is_denied(feed, scope, filters, field):
    with pytest.raises(errors.DeniedError) as refused:
        sees(feed, {}, scope, **filters)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("feed", "filters", "error"),
    [
        (EVENTS, {"servce": "x"}, errors.UnknownParameterError),
        (EVENTS, {"service": "x"}, errors.UnknownParameterError),
        (LOGS, {"min_severity": "loud"}, errors.BadParameterError),
        (SPANS, {"min_duration_ms": "long"}, errors.BadParameterError),
        (SPANS, {"min_duration_ms": "nan"}, errors.BadParameterError),
        (SPANS, {"min_duration_ms": "-1"}, errors.BadParameterError),
        (LOGS, {"text": "x" * 513}, errors.BadParameterError),
        (LOGS, {"service": [str(number) for number in range(51)]}, errors.BadParameterError),
    ],
)
def test_filters_that_make_no_sense_are_refused(feed, filters, error):
    with pytest.raises(error):
        sees(feed, {}, **filters)


def test_clients_who_see_the_same_share_it():
    one = watch(EVENTS, {"kind": ["Pod", "Job"], "name": [""]}, ANNA)
    other = watch(EVENTS, {"kind": ["Job", "Pod", "Pod"]}, Reader("otto", Role.ADMIN))
    assert one == other
    assert hash(one) == hash(other)
    assert one != watch(EVENTS, {"kind": ["Job", "Pod"]}, Reader("otto", Role.ADMIN, Scope(clusters=("a",))))
