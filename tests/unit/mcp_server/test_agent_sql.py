"""What becomes of an agent's statement around ClickHouse: how it is stopped, what is told of failures."""

import asyncio
import threading

import pytest

from identity.reader import Reader, Role, Scope
from mcp_server import agent_sql
from mcp_server.agent_sql import AgentSql, UnavailableError
from mcp_server.settings import AgentSqlSettings
from query import errors, stopping
from sql import agent_user, scopes
from store import errors as store_errors
from store.port import Answer, Column

PATIENCE = 20.0
STATEMENT = "SELECT Body FROM otel_logs"
TREE = """SelectWithUnionQuery (children 1)
 ExpressionList (children 1)
  SelectQuery (children 2)
   ExpressionList (children 1)
    Identifier Body
   TablesInSelectQuery (children 1)
    TablesInSelectQueryElement (children 1)
     TableExpression (children 1)
      TableIdentifier otel_logs"""


class ReaderStore:
    """Answers as a server would whose user is `grants`; the statement itself waits until it is let go."""

    def __init__(self):
        self.grants = ["GRANT SELECT ON default.otel_logs TO agent"]
        self.statement = STATEMENT
        self.bound = None
        self.looks = 0
        self.error = None
        self.uncancellable = None
        self.cancelled = []
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def select(self, select):
        if select.sql == agent_user.statement("rights"):
            self.looks += 1
            return answer(*[(grant,) for grant in self.grants])
        if select.sql == agent_user.statement("profile"):
            return answer(("1", "30", "1000"))
        if select.sql == agent_user.statement("single_statement"):
            return answer((self.statement,))
        if select.sql.startswith("EXPLAIN AST"):
            return answer(*[(line,) for line in TREE.split("\n")])
        self.bound = select.settings["max_result_rows"]
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        if self.error:
            raise self.error
        return answer(("x",))

    def cancel(self, query_id):
        if self.uncancellable:
            raise self.uncancellable
        self.cancelled.append(query_id)
        self.may_end.set()

    def close(self):
        pass


class HouseStore:
    """The house's own user, who has not been granted to stop what others began."""

    def __init__(self):
        self.uncancellable = store_errors.MisconfiguredError("attempts to kill query created by agent", code=497)

    def select(self, select):
        return answer((0, 0))

    def cancel(self, query_id):
        raise self.uncancellable


def answer(*rows):
    return Answer((Column("a", "String"),), list(rows), 0.0, 0, 0, "")


@pytest.fixture
def door():
    return ReaderStore()


@pytest.fixture
def opened(door):
    made = []

    def opened(**settings):
        told = AgentSqlSettings(username="agent", password="x", role="viewer", **settings)
        made.append(AgentSql(opened.house, door, "default", told, clock=lambda: clock[0]))
        return made[-1]

    clock = [0.0]
    opened.clock = clock
    opened.house = HouseStore()
    yield opened
    door.may_end.set()
    for one in made:
        one.close()


def reader(**scope):
    return Reader("agent", Role.VIEWER, Scope(**scope))


async def begin(sql, door):
    asking = asyncio.create_task(sql.ask(STATEMENT, reader(), 10))
    assert await asyncio.to_thread(door.begun.wait, PATIENCE)
    return asking


@pytest.mark.parametrize(
    ("members", "bound"), [(1, 11), (3, 33), (10_000, agent_user.rows_of_answers(1000))], ids=["one", "few", "many"]
)
def test_no_statement_asks_for_more_rows_than_its_user_s_profile_lets_through(opened, door, members, bound):
    door.statement = " UNION ALL ".join([STATEMENT] * members)

    asyncio.run(opened(rows=1000).ask(STATEMENT, reader(), 10))

    assert door.bound == bound


def test_a_statement_that_the_house_may_not_stop_is_stopped_by_the_user_who_runs_it(opened, door):
    door.may_end.clear()

    async def go_away():
        asking = await begin(opened(), door)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(go_away())

    assert len(door.cancelled) == 1


def test_a_late_statement_that_cannot_be_stopped_is_told_and_keeps_its_place(opened, door, monkeypatch, caplog):
    monkeypatch.setattr(agent_sql, "_GRACE", -0.5)
    monkeypatch.setattr(agent_sql, "WAIT_S", 0.05)
    door.may_end.clear()
    door.uncancellable = store_errors.MisconfiguredError("attempts to kill query created by agent", code=497)

    async def late():
        sql = opened(at_once=1, seconds=1)
        with pytest.raises(errors.LimitExceededError, match="could not be stopped"):
            await sql.ask(STATEMENT, reader(), 10)
        with pytest.raises(errors.BusyError):
            await sql.ask(STATEMENT, reader(), 10)
        door.may_end.set()
        monkeypatch.setattr(agent_sql, "_GRACE", PATIENCE)
        monkeypatch.setattr(agent_sql, "WAIT_S", PATIENCE)
        return await sql.ask(STATEMENT, reader(), 10)

    assert asyncio.run(late()).answer.rows == [("x",)]
    assert "could not be stopped" in caplog.text
    assert "GRANT KILL QUERY" in caplog.text


def test_a_late_statement_at_a_server_that_is_gone_is_told_so(opened, door, monkeypatch):
    monkeypatch.setattr(agent_sql, "_GRACE", -0.5)
    door.may_end.clear()
    opened.house.uncancellable = store_errors.NotReachableError("gone")

    with pytest.raises(errors.NotReachableError):
        asyncio.run(opened(seconds=1).ask(STATEMENT, reader(), 10))


def test_a_signal_outside_of_the_scope_is_denied_before_anything_is_read(opened, door):
    with pytest.raises(errors.DeniedError, match="reads logs; your scope has traces only"):
        asyncio.run(opened().ask(STATEMENT, reader(signals=("traces",)), 10))

    assert not door.begun.is_set()


def test_what_the_engine_closes_to_a_scope_is_denied_and_not_failed(opened, door):
    door.error = store_errors.PermanentError(f"Code: 395. {scopes.DENIED}: while executing")

    with pytest.raises(errors.DeniedError):
        asyncio.run(opened().ask(STATEMENT, reader(clusters=("east",)), 10))


def test_words_in_a_row_do_not_make_an_error_a_denial_for_who_sees_everything(opened, door):
    door.error = store_errors.PermanentError(f"Cannot parse '{scopes.DENIED}' as Int64")

    with pytest.raises(errors.BadParameterError) as failed:
        asyncio.run(opened().ask(STATEMENT, reader(), 10))

    assert scopes.DENIED in failed.value.quoted
    assert scopes.DENIED not in failed.value.own


def test_a_user_who_is_granted_more_is_noticed_within_minutes(opened, door):
    async def ask_again():
        sql = opened()
        await sql.ask(STATEMENT, reader(), 10)
        door.grants.append("GRANT INSERT ON *.* TO agent")
        await sql.ask(STATEMENT, reader(), 10)
        opened.clock[0] += agent_sql.LOOK_AGAIN_S
        with pytest.raises(UnavailableError, match="GRANT INSERT"):
            await sql.ask(STATEMENT, reader(), 10)
        door.grants.pop()
        await sql.ask(STATEMENT, reader(), 10)

    asyncio.run(ask_again())

    assert door.looks == 3
    assert agent_sql.LOOK_AGAIN_S <= 600


def test_a_call_waits_long_enough_for_its_statement_to_be_stopped():
    from mcp_server.calling import GIVE_UP_S  # noqa: PLC0415 - beside the one it is held against

    assert stopping.BOUND_S < GIVE_UP_S
