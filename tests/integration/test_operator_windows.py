"""The operators' REST routes: who may use them, what they do to a real spool and to real dead letters."""

import asyncio
import os
import threading
import time

import pytest
from asgi_client import Client
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from prometheus_client import CollectorRegistry

import ready_tables
from identity.errors import UnauthenticatedError
from identity.reader import Reader, Role, Scope
from ingest import dead_letters
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.offences import Offence, Origin
from ingest.pipeline import Pipeline, PipelineLimits
from ingest.spool import names
from ingest.spool.entry import Part, SpoolLimits
from ingest.spool.folder import Spool
from otelhouse import dead_letter_window, spool_window
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.rest import build_app
from query.settings import QuerySettings
from sql import own_rows, time_bounds
from sql.catalogue import Catalogue
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.errors import NotReachableError
from store.opening import open_store
from store.port import Select
from store.settings import StoreSettings

SPOOL, RETRY, COUNT = spool_window.ROOT, f"{dead_letter_window.ROOT}/retry", f"{dead_letter_window.ROOT}/count"
ROUTES = [("GET", SPOOL), ("POST", f"{SPOOL}/drain"), ("POST", f"{SPOOL}/verify"), ("POST", RETRY), ("POST", COUNT)]
RETENTION = RetentionSettings()
BOUNDS = time_bounds.bounds(RETENTION)
ROOMY = SpoolLimits(max_bytes=2**30, max_age_s=3600.0, keep_free_bytes=0)
DAY = 86_400 * 10**9
READERS = {
    "viewer": (Role.VIEWER, Scope()),
    "operator": (Role.OPERATOR, Scope()),
    "admin": (Role.ADMIN, Scope()),
    "part": (Role.ADMIN, Scope(clusters=("east",))),
}


class Gate:
    """The token is the reader's name."""

    async def admit(self, credential, peer):
        if credential not in READERS:
            raise UnauthenticatedError("no valid token")
        return Reader(credential, *READERS[credential], peer)


class Window:
    """REST with the operators' routes, asked in this process."""

    def __init__(self, store, spool):
        self.deeds = []
        self.desk = Desk(store, Catalogue(()), QuerySettings())
        self.app = build_app(self.desk, {}, CollectorRegistry(), doorkeeping=Doorkeeping(Gate()))
        self.client = Client(self.app, "operator")
        self.pipeline = self.run(self._pipeline(store, spool))
        self.app.include_router(spool_window.router(self.pipeline))
        self.app.include_router(dead_letter_window.router(store, BOUNDS, self.deeds.append))

    async def _pipeline(self, store, spool):
        limits = PipelineLimits(10**8, BatchLimits(10**6, 10**5, 0.01), 1)
        return Pipeline(store, Counters(CollectorRegistry()), limits, BOUNDS, spool)

    def run(self, work):
        return self.client._loop.run_until_complete(work)

    def asked(self, method, path, token):
        client = Client(self.app, token, self.client._loop)
        return client.get(path) if method == "GET" else client.post(path, {"all": True})

    def close(self):
        self.run(self.pipeline.close())
        self.desk.close()
        self.client.close()


@pytest.fixture(scope="module")
def database(engine_folder):
    settings = StoreSettings(path=engine_folder, database=f"operators_{os.getpid()}")
    outside = open_store(StoreSettings(path=engine_folder))
    outside.select(Select(f"CREATE DATABASE {settings.database}"))
    store = open_store(settings)
    ready_tables.make(store, SchemaSettings(retention=RETENTION, fsync_inserts=False))
    yield store
    store.close()
    outside.select(Select(f"DROP DATABASE {settings.database} SYNC"))
    outside.close()


@pytest.fixture
def tables(database):
    """Tables with nothing in them, not even the tokens of earlier inserts."""
    for table in ("otel_dead_letters", "otel_logs"):
        database.select(Select(f"TRUNCATE TABLE {table}"))
    return database


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", ROOMY)


@pytest.fixture
def window(tables, spool):
    window = Window(tables, spool)
    yield window
    window.close()


# who may


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("stranger", 401), ("viewer", 403), ("part", 403), ("operator", 200), ("admin", 200)],
)
def test_operators_who_see_everything_may_and_nobody_else(window, method, path, token, status):
    said = window.asked(method, path, token)

    assert said.status == status, said.text
    if status == 403:
        assert said.json["error"]["code"] == "denied"


# the spool


def test_what_waits_is_told_by_kind_with_why(window, spool):
    spool.append("logs", "a", [Part((b"x" * 100,), 10)])
    spool.append("logs", "b", [Part((b"x" * 100,), 5)])
    spool.append("otel_audit", "c", [Part((b"{}",), 1)])
    window.pipeline.hold_back("no tables yet")

    told = window.client.get(SPOOL).json

    assert (told["entries"], told["items"], told["full"]) == (3, 16, "")
    assert {kind: of["items"] for kind, of in told["kinds"].items()} == {"logs": 15, "otel_audit": 1}
    assert told["waiting_because"] == dict.fromkeys(["logs", "traces", "metrics"], "no tables yet")
    assert told["now"] - 60 < told["oldest"] <= told["now"]


def test_a_large_spool_is_read_in_several_looks_and_no_file_is_passed_over(window, spool, monkeypatch):
    monkeypatch.setattr(spool_window, "CHECK_SECONDS", 0.0)
    entries = [spool.append("logs", f"t{number}", [Part((b"x" * 100,), 10)]) for number in range(5)]
    (spool.folder / names.name_of(entries[3])).write_bytes(b"broken")
    looks, after = [], 0
    while after is not None:
        looks.append(window.client.post(f"{SPOOL}/verify?after={after}", {}).json)
        after = looks[-1]["after"]

    assert [look["checked"] for look in looks] == [1] * 5
    (damage,) = [damage for look in looks for damage in look["damaged"]]
    assert (damage["token"], damage["items_lost"], damage["requests_lost"]) == ("t3", 10, 1)
    assert window.client.post(f"{SPOOL}/verify", {}).json["checked"] == 1


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "%C2%B2", "9" * 17])
def test_where_to_go_on_must_be_a_number(window, after):
    said = window.client.post(f"{SPOOL}/verify?after={after}", {})

    assert (said.status, said.json["error"]["field"]) == (400, "after")


def test_a_house_without_a_spool_says_so(tables):
    window = Window(tables, None)

    said = [window.asked(method, path, "operator") for method, path in ROUTES[:3]]

    assert [(one.status, one.json["error"]["code"]) for one in said] == [(404, "no_spool")] * 3
    window.close()


# dead letters


def item(text, age=0):
    resource = ResourceLogs()
    record = resource.scope_logs.add().log_records.add(time_unix_nano=time.time_ns() - age)
    record.body.string_value = text
    return resource.SerializeToString()


def bury(store, *ages):
    """A letter for each; what is older than the retention will be refused once more."""
    now = time.time_ns()
    offences = [
        Offence(
            Signal.LOGS, "a rule that is gone", Origin("shop", "", "", now - 10**9 + place), 1, (item(str(place), age),)
        )
        for place, age in enumerate(ages)
    ]
    letters = dead_letters.letters(Signal.LOGS, "batch", [("10.0.0.7", offences)], 0)
    store.insert(own_rows.insert_for(own_rows.DEAD_LETTERS, dead_letters.rows(letters), "letters"))
    return letters


def states(store):
    return store.select(Select("SELECT State, Attempt FROM otel_dead_letters FINAL ORDER BY ReceivedAt, Id")).rows


OLD = 400 * DAY


def test_in_several_calls_each_letter_gets_one_turn(window, tables):
    bury(tables, OLD, 0, OLD, 0, 0)
    said, after = [], ""
    while not said or after:
        said.append(window.client.post(RETRY, {"all": True, "limit": 2, "after": after}).json)
        after = said[-1]["after"]

    assert [(one["stored"], one["refused"], one["more"]) for one in said] == [(1, 1, True), (1, 1, True), (1, 0, False)]
    assert states(tables) == [("open", 1), ("stored", 1), ("open", 1), ("stored", 1), ("stored", 1)]
    assert [list(one["reasons"].values()) for one in said] == [[1], [1], []]
    assert tables.select(Select("SELECT Body FROM otel_logs ORDER BY Body")).rows == [("1",), ("3",), ("4",)]


def test_the_open_letters_that_are_meant_are_counted(window, tables):
    letters = bury(tables, 0, 0, OLD)

    assert window.client.post(COUNT, {"all": True}).json == {"letters": 3}
    assert window.client.post(COUNT, {"ids": [letters[0].id, letters[2].id]}).json == {"letters": 2}
    assert window.client.post(COUNT, {"service": "other"}).json == {"letters": 0}
    assert window.client.post(COUNT, {"text": "that is gone", "signal": "logs"}).json == {"letters": 3}
    window.client.post(RETRY, {"all": True})
    assert window.client.post(COUNT, {"all": True}).json == {"letters": 1}


def test_who_sent_which_letters_again_is_in_the_trail_with_what_came_of_it(window, tables):
    letters = bury(tables, 0, OLD)

    window.client.post(RETRY, {"ids": [letter.id for letter in letters]})

    (deed,) = window.deeds
    assert (deed.action, deed.actor, deed.peer, deed.outcome) == ("dead_letter.retried", "operator", "127.0.0.1", "ok")
    assert (deed.details["stored"], deed.details["refused"]) == ("1", "1")
    assert letters[0].id in deed.details["ids"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"limit": 5}, "ids"),
        ({"all": False}, "ids"),
        ({"ids": ["x"]}, "ids.0"),
        ({"ids": ["a" * 32] * 1001}, "ids"),
        ({"all": True, "limit": 0}, "limit"),
        ({"all": True, "limit": 1001}, "limit"),
        ({"all": True, "limit": "5"}, "limit"),
        ({"all": 1}, "all"),
        ({"signal": "events"}, "signal"),
        ({"all": True, "after": "1.2.x"}, "after"),
        ({"all": True, "everything": True}, "everything"),
        ([], "body"),
        (b"{", "body"),
    ],
)
@pytest.mark.parametrize("path", [RETRY, COUNT])
def test_what_is_not_asked_for_like_that_is_refused_and_nothing_is_sent(window, tables, path, body, field):
    bury(tables, 0)

    said = window.client.post(path, body)

    assert (said.status, said.json["error"]["field"]) == (400, field), said.text
    assert states(tables) == [("open", 0)]
    assert window.deeds == []


def test_a_body_of_many_kilobytes_is_refused(window):
    said = window.client.post(RETRY, b'{"text": "' + b"x" * 70_000 + b'"}')

    assert (said.status, said.json["error"]["code"]) == (413, "too_large")


class Troubled:
    """The store, but for inserts, which do what a test says."""

    def __init__(self, store, insert):
        self._store = store
        self.insert = insert

    def __getattr__(self, name):
        return getattr(self._store, name)


def test_a_store_that_is_gone_is_told_as_a_failure_and_in_the_trail(tables):
    bury(tables, 0)

    def gone(_insert):
        raise NotReachableError("gone")

    window = Window(Troubled(tables, gone), None)
    said = window.client.post(RETRY, {"all": True})

    assert (said.status, said.json["error"]["code"]) == (503, "not_reachable")
    (deed,) = window.deeds
    assert (deed.outcome, "gone" in deed.details["why"]) == ("failed", True)
    assert states(tables) == [("open", 0)]
    window.close()


def test_while_letters_are_sent_nobody_else_sends_any(tables):
    bury(tables, 0)
    begun, go_on = threading.Event(), threading.Event()

    def slow(insert):
        begun.set()
        assert go_on.wait(30)
        return tables.insert(insert)

    window = Window(Troubled(tables, slow), None)

    async def both():
        first = asyncio.ensure_future(window.client._ask("POST", RETRY, b'{"all": true}', {}))
        assert await asyncio.to_thread(begun.wait, 30)
        second = await window.client._ask("POST", RETRY, b'{"all": true}', {})
        go_on.set()
        return await first, second

    first, second = window.run(both())

    assert (first.status, first.json["stored"]) == (200, 1)
    assert (second.status, second.json["error"]["code"]) == (503, "busy")
    window.close()
