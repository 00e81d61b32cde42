"""A house that is killed, stopped and started again on the same ports and folders.

In: its settings. Out: where it listens, its process id, its log, how its spool stands.
It is ready once its OTLP doors answer: with a spool it takes requests while ClickHouse is away.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.chaos import tether

START_SECONDS = 60.0
STOP_SECONDS = 60.0
DRAIN_SECONDS = 120.0
_STEP = 0.02


@dataclass(frozen=True, slots=True)
class SpoolStanding:
    """How the spool stands (`GET /api/v1/ingest/spool`)."""

    entries: int
    items: int
    bytes: int
    damaged: int
    """Files that were set aside."""


class House:
    """One house, from its first start to its last end."""

    def __init__(self, settings: Mapping[str, str], *, role: str = "ingest", prefix: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="otelhouse-chaos-"))
        self.log_file = self.folder / "log"
        self.settings = dict(settings)
        self.environment: dict[str, str] = {}
        """More variables for the process, such as LD_PRELOAD."""
        self._role, self._prefix = role, prefix
        self._ports = _free_ports(3)
        self._process: subprocess.Popen[str] | None = None

    @property
    def grpc(self) -> str:
        """``host:port`` of OTLP/gRPC."""
        return f"127.0.0.1:{self._ports[0]}"

    @property
    def http(self) -> str:
        """``http://host:port`` of OTLP/HTTP."""
        return f"http://127.0.0.1:{self._ports[1]}"

    @property
    def rest(self) -> str:
        """``http://host:port`` of REST."""
        return f"http://127.0.0.1:{self._ports[2]}"

    @property
    def data(self) -> Path:
        """Folder of the embedded engine, where there is one."""
        return self.folder / "data"

    @property
    def spool_folder(self) -> Path:
        """Where the spool is, unless the settings say otherwise."""
        return Path(self.settings.get("OTELHOUSE_INGEST_SPOOL_PATH", self.folder / "spool"))

    @property
    def pid(self) -> int:
        """Of the running process; with a prefix, the prefix's."""
        if self._process is None:
            raise RuntimeError("the house is not running")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> Self:
        """Start the process; with `wait`, return once the doors answer."""
        command = [sys.executable, "-m", "otelhouse", self._role]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTELHOUSE_", "OTEL_"))}
        environment = kept | self._settings() | self.environment
        self._process = tether.start(command, self.log_file, environment, prefix=self._prefix)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, within: float = START_SECONDS) -> None:
        """Return once both OTLP doors answer. Raises `RuntimeError`."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not self.alive:
                raise RuntimeError(f"the house ended before it was ready; {self.last_words()}")
            if self._doors_answer():
                return
            time.sleep(_STEP)  # it tells nobody when it is ready; asking is the only way
        raise RuntimeError(f"the house was not ready within {within:g} s; {self.last_words()}")

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def stop(self) -> int:
        """End it as an operator does; gives the exit code."""
        if self._process is None:
            return 0
        if self.alive:
            self.signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        finally:
            self.kill()
        return code

    def spool(self) -> SpoolStanding | None:
        """How the spool stands, None where the house has none. Raises `OSError` where REST does not answer."""
        try:
            with urllib.request.urlopen(f"{self.rest}/api/v1/ingest/spool", timeout=10) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise
        return SpoolStanding(told["entries"], told["items"], told["bytes"], told["damaged_files"])

    def wait_drained(self, within: float = DRAIN_SECONDS) -> None:
        """Return once the spool is empty. Raises `RuntimeError`."""
        deadline = time.monotonic() + within
        standing: SpoolStanding | OSError | None = None
        while time.monotonic() < deadline:
            try:
                standing = self.spool()
            except OSError as error:
                standing = error
            if standing is None or (isinstance(standing, SpoolStanding) and not standing.entries):
                return
            time.sleep(_STEP * 5)  # the drain tells nobody that it has ended
        raise RuntimeError(f"the spool was not drained within {within:g} s: {standing}; {self.last_words()}")

    def log(self) -> str:
        """All that the house has said so far, over all its lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def last_words(self) -> str:
        """The end of the log, for messages."""
        return f"last words of the house: {self.log()[-1500:]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _settings(self) -> dict[str, str]:
        names = ("INGEST_GRPC_PORT", "INGEST_HTTP_PORT", "QUERY_PORT")
        own = {f"OTELHOUSE_{name}": str(port) for name, port in zip(names, self._ports, strict=True)}
        own["OTELHOUSE_MCP_PORT"] = "0"
        own["OTELHOUSE_CANARY_ENABLED"] = "false"
        own["OTELHOUSE_STORE_PATH"] = str(self.data)
        own["OTELHOUSE_INGEST_SPOOL_PATH"] = str(self.spool_folder)
        return own | self.settings

    def _doors_answer(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[1], timeout=5)
        try:
            connection.request("GET", "/v1/logs")
            connection.getresponse().read()
            socket.create_connection(("127.0.0.1", self._ports[0]), timeout=5).close()
        except OSError:
            return False
        except http.client.HTTPException:
            return False
        finally:
            connection.close()
        return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
