"""Where a fault plays out: a house, a ClickHouse of its own (or the embedded engine), and a count of what is stored.

In: the house's settings, and which of the two. Out: loads on the house, balances of what they sent. Everything that
was started ends with the ground.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.chaos import census, ledger, load
from bench.chaos.house import DRAIN_SECONDS, House
from bench.chaos.ledger import Balance, Note
from bench.chaos.load import Load, Senders
from bench.clickhouse_meter import Meter
from bench.clickhouse_server import ClickHouseServer
from store.settings import StoreSettings

DATABASE = "chaos"
_STEP = 5.0
"""Seconds between two looks whether ClickHouse is still there."""
ALWAYS = {"OTELHOUSE_INGEST_SPOOL_MODE": "always"}
"""An OK means that the spool holds the request."""
ONCE = {**ALWAYS, "OTELHOUSE_INGEST_RESEND_WINDOW_S": "300"}
"""Exactly once, even where a sender repeats what it had no answer to."""


@dataclass(slots=True)
class Ground:
    """One house and its ClickHouse."""

    house: House
    clickhouse: ClickHouseServer | None
    database: str = DATABASE
    crashes: list[str] = field(default_factory=list)
    """Last words of a ClickHouse that ended by itself: the crash of a server, not a fault that was made here."""
    _runs: int = field(default=0)
    _databases: int = field(default=0)

    @property
    def meter(self) -> Meter:
        """ClickHouse from outside."""
        if self.clickhouse is None:
            raise RuntimeError("the embedded engine cannot be asked beside its house")
        return Meter(f"http://{self.clickhouse.host}:{self.clickhouse.http_port}", self.database)

    @property
    def server(self) -> ClickHouseServer:
        """The server, where there is one."""
        if self.clickhouse is None:
            raise RuntimeError("this ground has no ClickHouse server")
        return self.clickhouse

    def load(self, seed: int, **more: object) -> Load:
        """A load on this house, under a name of its own."""
        self._runs += 1
        return Load(
            run=f"chaos-{self._runs}", grpc=self.house.grpc, http=self.house.http, seed=seed, **more  # type: ignore[arg-type]  # fields of `Load`
        )  # fmt: skip

    @contextlib.contextmanager
    def under(self, load_: Load) -> Iterator[Senders]:
        """Run a load."""
        with load.running(load_) as senders:
            yield senders

    def settle(self, run: str, notes: Sequence[Note]) -> Balance:
        """Wait until the spool is empty, then count. The embedded engine's house is stopped for that.

        A server that crashed is started again, as a supervisor would, and its crash is told.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        while not self._drained():
            if time.monotonic() > deadline:
                self.house.wait_drained(0)
        if self.clickhouse is None:
            code = self.house.stop()
            if code:
                raise RuntimeError(f"the house ended with {code}; {self.house.last_words()}")
        return ledger.balance(notes, self.count(run))

    def _drained(self) -> bool:
        if self.clickhouse is not None and not self.clickhouse.alive:
            self.crashes.append(self.clickhouse.last_words)
            self.clickhouse.restart()
        try:
            self.house.wait_drained(_STEP)
        except RuntimeError:
            return False
        return True

    def count(self, run: str) -> census.Counts:
        """How often ClickHouse holds each request of a run, now."""
        if self.clickhouse is None:
            return census.take(StoreSettings(path=self.house.data), run)
        return census.take(StoreSettings(url=self.clickhouse.url, database=self.database), run)

    def fresh_database(self) -> None:
        """Let the next start of the house find an empty database, and drop the last one."""
        self.meter.say(f"DROP DATABASE {self.database} SYNC")
        self._databases += 1
        self.database = f"{DATABASE}_{self._databases}"
        Meter(self.meter.url, "default").say(f"CREATE DATABASE {self.database}")
        self.house.settings["OTELHOUSE_STORE_DATABASE"] = self.database


@contextlib.contextmanager
def laid(
    settings: Mapping[str, str] | None = None,
    *,
    embedded: bool = False,
    role: str = "",
    prefix: Sequence[str] = (),
    server: ClickHouseServer | None = None,
    http_port: int = 0,
) -> Iterator[Ground]:
    """Start ClickHouse and give a house that is not started yet.

    `server`: one that runs already, instead. `http_port`: where the house finds its HTTP, if not at itself (a proxy).
    """
    if embedded:
        with _housed(House(settings or {}, role=role or "ingest", prefix=prefix)) as house:
            yield Ground(house, None)
        return
    with contextlib.nullcontext(server) if server else ClickHouseServer() as running:
        Meter(f"http://{running.host}:{running.http_port}", "default").say(f"CREATE DATABASE {DATABASE}")
        url = f"clickhouse://{running.host}:{running.tcp_port}/?http_port={http_port or running.http_port}"
        own = {"OTELHOUSE_STORE_URL": url, "OTELHOUSE_STORE_DATABASE": DATABASE, **(settings or {})}
        with _housed(House(own, role=role or "ingest", prefix=prefix)) as house:
            yield Ground(house, running)


@contextlib.contextmanager
def _housed(house: House) -> Iterator[House]:
    try:
        with house:
            yield house
    finally:
        shutil.rmtree(house.folder, ignore_errors=True)
