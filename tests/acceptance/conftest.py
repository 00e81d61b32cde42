"""One running house a module, and the tools that real senders in other languages need.

    database   the ClickHouse database behind `house`: once a server's, once none, since what the embedded engine holds
               only its house can open. `running_house.ON_SERVER` asks for the first alone
    house      a `running_house.House` on it
    over_http, over_grpc   a connection to `house` for any bytes; `sender` is either
    rows       what a table holds of a service, read from ClickHouse past the house (with ON_SERVER only)

A test marked `node` or `go` is skipped where those are missing, and counted at the end of the run; with
OTELHOUSE_TESTS_NO_SKIP=1 it fails instead.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from raw_senders import GrpcSender, HttpSender
from running_house import House

from store.opening import open_store
from store.port import Cell, Select
from store.settings import StoreSettings

Rows = Callable[[str, str], list[dict[str, Cell]]]

TOOLS = {"node": ("node", "npm"), "go": ("go",)}
"""What each mark needs on the PATH."""

_databases = itertools.count(1)
_skipped: dict[str, int] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a tool that is missing, or fail it where skipping is forbidden."""
    for mark, tools in TOOLS.items():
        if item.get_closest_marker(mark) is None:
            continue
        missing = [tool for tool in tools if shutil.which(tool) is None]
        if not missing:
            continue
        why = f"{' and '.join(missing)} not installed"
        if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
            pytest.fail(why, pytrace=False)
        _skipped[why] = _skipped.get(why, 0) + 1
        pytest.skip(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what did not run."""
    for why, count in _skipped.items():
        terminalreporter.section("NOT TESTED WITH A REAL SENDER", sep="!", red=True, bold=True)
        terminalreporter.line(f"{count} tests were skipped: {why}.")


@pytest.fixture(scope="module", params=[pytest.param("server", marks=pytest.mark.server), "embedded"])
def database(request: pytest.FixtureRequest) -> Iterator[StoreSettings | None]:
    if request.param == "embedded":
        yield None
        return
    settings = StoreSettings(url=request.getfixturevalue("clickhouse_server").url)
    name = f"acceptance_{os.getpid()}_{next(_databases)}"
    outside = open_store(settings)
    outside.select(Select(f"CREATE DATABASE {name}"))
    yield settings.model_copy(update={"database": name})
    outside.select(Select(f"DROP DATABASE {name} SYNC"))
    outside.close()


@pytest.fixture(scope="module")
def house(database: StoreSettings | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = ("--clickhouse", database.url, f"--set=store.database={database.database}") if database else ()
    house = House(tmp_path_factory.mktemp("house"), *place)
    try:
        yield house.up()
    finally:
        house.end()


@pytest.fixture(scope="module")
def rows(database: StoreSettings | None) -> Iterator[Rows]:
    """Every column that the reference exporter's tables have, in the order of the table."""
    assert database is not None, "mark the test with ON_SERVER"
    store = open_store(database)

    def rows(table: str, service: str) -> list[dict[str, Cell]]:
        # But for the house's own columns, of which a sender knows nothing; not every table has all of them.
        columns = "* EXCEPT (IngestedAt, EndedBeforeStart)"
        sql = f"SELECT {columns} FROM {table} WHERE ServiceName = {{service:String}}"  # noqa: S608 - names of our own
        answer = store.select(Select(sql, {"service": service}))
        names = [column.name for column in answer.columns]
        return [dict(zip(names, row, strict=True)) for row in answer.rows]

    yield rows
    store.close()


@pytest.fixture
def over_http(house: House) -> Iterator[HttpSender]:
    sender = HttpSender(house)
    yield sender
    sender.close()


@pytest.fixture
def over_grpc(house: House) -> Iterator[GrpcSender]:
    sender = GrpcSender(house)
    yield sender
    sender.close()


@pytest.fixture(params=["http", "grpc"])
def sender(request: pytest.FixtureRequest) -> HttpSender | GrpcSender:
    return request.getfixturevalue(f"over_{request.param}")
