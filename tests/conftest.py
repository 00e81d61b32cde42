"""Fixtures that every test may ask for.

    store              a `store.port.Store` on a fresh, empty database, once over each door: the test runs twice
    embedded_store     the same, over the embedded engine alone
    server_store       the same, over a real ClickHouse server alone
    store_settings     the `StoreSettings` of `store` (to open a second door on the same database)
    clickhouse_server  a real server for the whole run; `.host .http_port .tcp_port .url .pid`. Do not stop or kill it
    start_clickhouse   a function that starts one more server, of the test's own: `start_clickhouse(config="")`. It may
                       be killed and restarted (`.kill() .restart()`), and is stopped after the test
    engine_folder      the folder of the run's embedded engine
    embedded_settings, server_settings   the `StoreSettings` of a fresh database over one door
    start_kube_apiserver  a function that starts a kube-apiserver with etcd, of the test's own:
                       `start_kube_apiserver(flags=(), tokens={"token": "user"})`; it is stopped after the test

Tables for a test that is not about migrating come from `ready_tables.make`, beside this file, in a fifth of the time.

All that touches a server carries the mark `server`, given here and nowhere else. `CLICKHOUSE_URL` makes the tests use
that server; `start_clickhouse` still starts its own. Where no server can be had these tests are skipped and counted
at the end of the run; with OTELHOUSE_TESTS_NO_SKIP=1 each of them fails instead.

What starts a kube-apiserver carries the mark `kubernetes`, with the same rules; it is built before the first test runs.

The embedded engine is one a process: the whole run shares one folder, and a test that needs a folder of its own has to
run in a process of its own.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import kube_apiserver
from bench.clickhouse_server import MEND, ClickHouseServer, ExternalServer, obstacle
from bench.kube_apiserver import KubeApiserver
from bench.unavailable import UnavailableError
from store.opening import open_store
from store.port import Select, Store
from store.settings import StoreSettings

_SERVER_FIXTURES = frozenset({"clickhouse_server", "server_settings", "server_store", "start_clickhouse"})
_databases = itertools.count(1)
_skipped = 0
_skipped_kubernetes: list[str] = []
_no_kubernetes = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m 'not server'` means what it says."""
    for item in items:
        if _SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build kube-apiserver now, if it is needed and was never built: it takes longer than a test may."""
    if session.config.option.collectonly or not any(item.get_closest_marker("kubernetes") for item in session.items):
        return
    global _no_kubernetes  # noqa: PLW0603 - pytest's hooks share no other place
    teller = session.config.pluginmanager.get_plugin("terminalreporter")
    if teller is not None and not kube_apiserver.built():
        teller.write_line("building kube-apiserver, once; this takes some minutes")
    try:
        kube_apiserver.build()
    except UnavailableError as error:
        _no_kubernetes = str(error)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a server where none can be had, or fail it where skipping is forbidden."""
    if _no_kubernetes and item.get_closest_marker("kubernetes") is not None:
        if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
            pytest.fail(f"no kube-apiserver: {_no_kubernetes}", pytrace=False)
        _skipped_kubernetes.append(item.nodeid)
        pytest.skip(f"no kube-apiserver: {_no_kubernetes}")
    if item.get_closest_marker("server") is None:
        return
    own = "start_clickhouse" in getattr(item, "fixturenames", ())
    if not (why := obstacle()) or ("CLICKHOUSE_URL" in os.environ and not own):
        return
    if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
        pytest.fail(f"no ClickHouse server: {why}; {MEND}", pytrace=False)
    global _skipped  # noqa: PLW0603 - pytest's hooks share no other place
    _skipped += 1
    pytest.skip(f"no ClickHouse server: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what did not run."""
    if _skipped:
        terminalreporter.section("NOT TESTED AGAINST A CLICKHOUSE SERVER", sep="!", red=True, bold=True)
        terminalreporter.line(f"{_skipped} tests were skipped: {obstacle()}. To run them, {MEND}.")
    if _skipped_kubernetes:
        terminalreporter.section("NOT TESTED AGAINST A KUBE-APISERVER", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(_skipped_kubernetes)} tests were skipped: {_no_kubernetes}.")


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[ClickHouseServer | ExternalServer]:
    if url := os.environ.get("CLICKHOUSE_URL"):
        yield ExternalServer(url)
        return
    with ClickHouseServer() as server:
        yield server


@pytest.fixture
def start_clickhouse() -> Iterator[Callable[..., ClickHouseServer]]:
    with ExitStack() as running:
        yield lambda config="": running.enter_context(ClickHouseServer(config))


@pytest.fixture
def start_kube_apiserver() -> Iterator[Callable[..., KubeApiserver]]:
    with ExitStack() as running:
        yield lambda flags=(), tokens=None: running.enter_context(KubeApiserver(flags, tokens))


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def store_settings(door: str, request: pytest.FixtureRequest) -> StoreSettings:
    return request.getfixturevalue(f"{door}_settings")


@pytest.fixture
def store(store_settings: StoreSettings) -> Iterator[Store]:
    yield from _opened(store_settings)


@pytest.fixture
def embedded_store(embedded_settings: StoreSettings) -> Iterator[Store]:
    yield from _opened(embedded_settings)


@pytest.fixture
def server_store(server_settings: StoreSettings) -> Iterator[Store]:
    yield from _opened(server_settings)


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run's folder, held open so that no test pays for the engine's start."""
    folder = tmp_path_factory.mktemp("engine")
    holder = open_store(StoreSettings(path=folder))
    yield folder
    holder.close()


@pytest.fixture
def embedded_settings(engine_folder: Path) -> Iterator[StoreSettings]:
    yield from _with_database(StoreSettings(path=engine_folder))


@pytest.fixture
def server_settings(clickhouse_server: ClickHouseServer | ExternalServer) -> Iterator[StoreSettings]:
    yield from _with_database(StoreSettings(url=clickhouse_server.url))


def _opened(settings: StoreSettings) -> Iterator[Store]:
    store = open_store(settings)
    yield store
    store.close()


def _with_database(settings: StoreSettings) -> Iterator[StoreSettings]:
    """Make an empty database for one test, and drop it after."""
    name = f"test_{os.getpid()}_{next(_databases)}"
    for door in _opened(settings):
        door.select(Select(f"CREATE DATABASE {name}"))
        yield settings.model_copy(update={"database": name})
        door.select(Select(f"DROP DATABASE {name} SYNC"))
