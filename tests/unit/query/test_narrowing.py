"""What a reader's role and scope mean for a question, before the engine is asked."""

from dataclasses import replace

import pytest
from scripted_store import NOW, ScriptedStore

from identity.reader import Reader, Role, Scope
from query import scopes
from query.desk import Desk
from query.errors import BusyError, DeniedError, FailedError
from query.parameters import settle
from query.settings import QuerySettings
from sql import scopes as table_scopes
from sql.catalogue import Catalogue, load_catalogue, read_question
from store import errors as store_errors
from store.port import Answer, Column

LOGS = load_catalogue()["recent_logs"]
UID = "5b8efff7-98b0-4103-8d26-9b633813fc60"

COUNTED = """\
-- name: counted
-- summary: Counts.
-- description: All of them.
-- doors: rest
-- signals: logs
-- limit rows: 50
-- limit seconds: 5
-- param composition: String
--   default:
--   example: shop-1
--   help: Of this composition.
-- column n: UInt64
--   help: How many.
SELECT count() AS n FROM otel_logs WHERE CompositionId = {composition:String}
"""


def me(role: Role = Role.VIEWER, **scope: tuple[str, ...]) -> Reader:
    return Reader("me", role, Scope(**scope))


def narrowed(reader: Reader, question=LOGS, **written: str) -> scopes.Narrowing:
    return scopes.narrowing(question, settle(question, written, NOW), reader)


def test_nothing_but_the_canary_s_own_rows_is_left_out_for_a_reader_who_may_see_all():
    found = narrowed(me(), cluster="any", namespace="any")

    assert (bool(found), found.shown) == (False, {})
    assert found.settings == table_scopes.without_house()


def test_who_asks_for_rows_of_the_house_by_name_sees_these_and_no_others():
    def left_out(**asked):
        return narrowed(me(), **asked).settings["additional_table_filters"]

    canary, own = "ServiceName = \\'otelhouse-canary\\'", "ServiceName = \\'otelhouse-self\\'"
    by_canary = left_out(namespace="otelhouse-canary")
    assert (canary in left_out(), own in left_out()) == (True, True)
    assert (canary in by_canary, own in by_canary) == (False, True)
    # The namespace that a house is installed in says nothing of its own telemetry.
    assert left_out(namespace="otelhouse") == left_out()


def test_the_engine_gets_the_scope_and_people_are_shown_it():
    found = narrowed(me(clusters=("east", "west"), signals=("logs",)))

    assert "ClusterName IN (\\'east\\', \\'west\\')" in found.settings["additional_table_filters"]
    assert dict(found.shown) == {"clusters": ("east", "west"), "signals": ("logs",)}


@pytest.mark.parametrize(
    ("scope", "written", "denied"),
    [
        ({"clusters": ("east",)}, {"cluster": "east"}, ""),
        ({"clusters": ("east",)}, {"cluster": ""}, ""),
        ({"clusters": ("east",)}, {"namespace": "any"}, ""),
        ({"clusters": ("east",)}, {"cluster": "west"}, "cluster"),
        ({"clusters": ("east",)}, {"cluster": " east"}, "cluster"),
        ({"clusters": ("east",)}, {"cluster": UID}, "cluster"),
        ({"clusters": (UID,)}, {"cluster": "east"}, ""),
        ({"clusters": (UID.upper(),)}, {"cluster": "east"}, ""),
        ({"clusters": ("east", "")}, {"cluster": "west"}, "cluster"),
        ({"namespaces": ("a", "b")}, {"namespace": "b"}, ""),
        ({"namespaces": (UID,)}, {"namespace": "b"}, "namespace"),
        ({"namespaces": ("a",), "clusters": ("east",)}, {"namespace": "a", "cluster": "west"}, "cluster"),
        ({"signals": ("traces", "metrics", "events")}, {}, "scope.signals"),
    ],
)
def test_what_lies_outside_of_the_scope_is_denied_with_its_field(scope, written, denied):
    if not denied:
        assert narrowed(me(**scope), **written)
        return
    with pytest.raises(DeniedError) as refusal:
        narrowed(me(**scope), **written)

    assert (refusal.value.field, refusal.value.status) == (denied, 403)
    assert refusal.value.mend


def test_a_composition_is_held_to_the_scope_like_a_cluster():
    counted = read_question("counted.sql", COUNTED)

    assert narrowed(me(compositions=("shop-1",)), counted, composition="shop-1")
    with pytest.raises(DeniedError, match="shop-2"):
        narrowed(me(compositions=("shop-1",)), counted, composition="shop-2")


def test_a_question_for_a_higher_role_is_denied():
    for_operators = replace(LOGS, role=Role.OPERATOR)

    with pytest.raises(DeniedError, match="needs the role operator, and yours is viewer"):
        narrowed(me(), for_operators)
    assert not narrowed(me(Role.OPERATOR), for_operators)
    assert narrowed(me(Role.ADMIN, clusters=("east",)), for_operators)


def test_an_admin_with_a_scope_is_narrowed_like_everybody():
    with pytest.raises(DeniedError):
        narrowed(me(Role.ADMIN, clusters=("east",)), cluster="west")


# the desk


@pytest.fixture
def store() -> ScriptedStore:
    store = ScriptedStore()
    store.probe = lambda _: Answer((Column("n", "UInt64"),), [(1,)], 0.1, 1000, 2000, "q-1")
    return store


@pytest.fixture
def desk(store):
    desk = Desk(store, Catalogue([read_question("counted.sql", COUNTED)]), QuerySettings(), now=lambda: NOW)
    yield desk
    desk.close()


def test_a_narrowed_answer_does_not_tell_how_much_was_read(desk):
    reply = desk.ask("counted", {}, reader=me(clusters=("east",)))

    assert (reply.rows_read, reply.bytes_read, dict(reply.scope)) == (None, None, {"clusters": ("east",)})
    whole = desk.ask("counted", {})
    assert (whole.rows_read, whole.bytes_read, dict(whole.scope)) == (1000, 2000, {})


def test_every_statement_for_a_reader_of_a_part_carries_the_scope_how_fresh_it_is_included(desk, store):
    asked = []
    answer = store.probe
    store.probe = lambda select: (asked.append(select), answer(select))[1]

    desk.ask("counted", {}, reader=me(clusters=("east",)))
    desk.ask("counted", {}, reader=me(clusters=("east",)))

    assert [
        ("east" in select.settings["additional_table_filters"], select.settings["readonly"]) for select in asked
    ] == [(True, 1)] * 3, "two questions, and once how fresh it is"
    desk.ask("counted", {}, reader=me(clusters=("west",)))
    assert len(asked) == 5, "another scope is another freshness"


@pytest.mark.parametrize(
    ("error", "heard"),
    [
        (store_errors.BadDataError(f"{table_scopes.DENIED}: while executing"), DeniedError),
        (store_errors.MisconfiguredError("Cannot parse 'their secret'", query_id="q-7"), FailedError),
        (store_errors.OverloadedError("their secret"), BusyError),
    ],
)
def test_what_the_engine_says_of_a_narrowed_statement_is_told_without_its_words(desk, store, error, heard, caplog):
    def fail(_: object) -> Answer:
        raise error

    store.probe = fail
    with pytest.raises(heard) as failure:
        desk.ask("counted", {}, reader=me(clusters=("east",)))

    assert "secret" not in f"{failure.value.message} {failure.value.mend}"
    assert str(error) in caplog.text, "the house's own log has them"
