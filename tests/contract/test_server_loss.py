"""What the server door says when its server is not there, goes, comes back, or will not have us."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from store import errors
from store.opening import open_store
from store.port import Insert, Limits, Select, Store
from store.settings import StoreSettings

ROW = Insert("t", "JSONEachRow", [b'{"n": 1}'], token="row-1")
TABLE = "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"
USERS = """
<clickhouse>
  <user_directories><users_xml><path>config.xml</path></users_xml></user_directories>
  <profiles><default/><readonly><readonly>1</readonly></readonly></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile></default>
    <alice><password>p@ss/w:rd</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile></alice>
    <reader><password>r</password><networks><ip>127.0.0.1</ip></networks><profile>readonly</profile></reader>
  </users>
</clickhouse>
"""


@contextlib.contextmanager
def _opened(url: str, **settings: object) -> Iterator[Store]:
    store = open_store(StoreSettings(url=url, connect_timeout_s=2, **settings))
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_server_that_was_never_started_is_not_reachable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with _opened(f"clickhouse://127.0.0.1:{port}/?http_port={port}") as store:
            for attempt in (lambda: store.select(Select("SELECT 1")), lambda: store.insert(ROW)):
                with pytest.raises(errors.NotReachableError, match=rf"127\.0\.0\.1 \(native port {port}"):
                    attempt()


def test_a_host_without_an_address_is_not_reachable():
    with _opened("clickhouse://no-such-host.invalid") as store:
        for attempt in (lambda: store.select(Select("SELECT 1")), lambda: store.insert(ROW)):
            with pytest.raises(errors.NotReachableError):
                attempt()


def test_a_server_that_says_nothing_is_given_up_in_time(silent_port, monkeypatch):
    monkeypatch.setattr("store.native_questions.GRACE_SECONDS", 0.2)
    with _opened(f"clickhouse://127.0.0.1:{silent_port}/?http_port={silent_port}", insert_timeout_s=1) as store:
        with pytest.raises(errors.NotReachableError):
            store.select(Select("SELECT 1", limits=Limits(seconds=0.2)))
        with pytest.raises(errors.NotReachableError):
            store.insert(ROW)


def test_a_server_that_is_killed_is_not_reachable_and_one_that_returns_is(start_clickhouse):
    server = start_clickhouse()
    with _opened(server.url) as store:
        store.select(Select(TABLE))
        store.insert(ROW)
        server.kill()
        for attempt in (lambda: store.select(Select("SELECT 1")), lambda: store.insert(ROW)):
            with pytest.raises(errors.NotReachableError):
                attempt()
        server.restart()
        store.insert(ROW)
        assert store.select(Select("SELECT n FROM t")).rows == [(1,)]


def test_a_server_that_dies_in_the_middle_leaves_the_outcome_open(start_clickhouse):
    server = start_clickhouse()
    with _opened(server.url) as store, ThreadPoolExecutor(2) as threads:
        store.select(Select("CREATE TABLE t (n UInt64) ENGINE = Null"))
        store.select(Select("CREATE TABLE u (n UInt64) ENGINE = Memory"))
        store.select(Select("CREATE MATERIALIZED VIEW v TO u AS SELECT n + sleep(3) AS n FROM t"))
        insert = threads.submit(store.insert, ROW)
        question = threads.submit(store.select, Select("SELECT sleep(3)"))
        _wait_until_running(store, 3)
        server.kill()
        for outcome in (insert, question):
            with pytest.raises(errors.NotReachableError):
                outcome.result(timeout=20)


def _wait_until_running(store: Store, count: int) -> None:
    pause = threading.Event()
    for _ in range(500):
        if store.select(Select("SELECT count() FROM system.processes")).rows == [(count + 1,)]:
            return
        pause.wait(0.02)  # the server tells nobody that a statement has begun; asking is the only way to know
    raise AssertionError("the statements never began")


def test_a_restart_between_two_questions_goes_unnoticed(start_clickhouse):
    server = start_clickhouse()
    with _opened(server.url) as store:
        assert store.select(Select("SELECT 1")).rows == [(1,)]
        server.restart()
        assert store.select(Select("SELECT 2")).rows == [(2,)]


def test_a_password_opens_the_door_and_shows_nowhere(start_clickhouse):
    server = start_clickhouse(USERS)
    place = server.url.removeprefix("clickhouse://")
    settings = StoreSettings(url=f"clickhouse://alice:p%40ss%2Fw%3Ard@{place}")
    assert "p@ss" not in repr(settings) + str(settings.url)
    store = open_store(settings)
    assert store.select(Select("SELECT currentUser()")).rows == [("alice",)]
    store.select(Select(TABLE))
    store.insert(ROW)
    assert "p@ss" not in repr(vars(store))
    store.close()


@pytest.mark.parametrize("how", ["select", "insert"])
@pytest.mark.parametrize("wrong", [{"password": "wr0ng"}, {"database": "missing"}], ids=["password", "database"])
def test_wrong_credentials_are_a_matter_of_settings_and_are_not_repeated(start_clickhouse, how, wrong):
    server = start_clickhouse(USERS)
    settings = {"username": "alice", "password": "p@ss/w:rd"} | wrong
    with _opened(server.url, **settings) as store, pytest.raises(errors.MisconfiguredError) as failure:
        store.select(Select("SELECT 1")) if how == "select" else store.insert(ROW)
    assert "wr0ng" not in str(failure.value)
    assert failure.value.code == (516 if "password" in wrong else 81)


def test_a_user_who_may_set_nothing_is_a_matter_of_settings(start_clickhouse):
    server = start_clickhouse(USERS)
    with _opened(server.url, username="reader", password="r") as store, pytest.raises(errors.MisconfiguredError):
        store.select(Select("SELECT 1"))


def test_the_two_ports_exchanged_are_a_matter_of_settings(start_clickhouse):
    server = start_clickhouse()
    url = f"clickhouse://127.0.0.1:{server.http_port}/?http_port={server.tcp_port}"
    with _opened(url) as store:
        with pytest.raises(errors.MisconfiguredError, match="native protocol"):
            store.select(Select("SELECT 1"))
        with pytest.raises(errors.StoreError):
            store.insert(ROW)


def test_lz4_brings_the_same_rows(server_store, server_settings):
    server_store.select(Select(TABLE))
    with contextlib.closing(open_store(server_settings.model_copy(update={"compression": "lz4"}))) as store:
        store.insert(Insert("t", "JSONEachRow", [b'{"n": %d}\n' % n for n in range(50_000)]))
    assert server_store.select(Select("SELECT count(), sum(n) FROM t")).rows == [(50_000, sum(range(50_000)))]
