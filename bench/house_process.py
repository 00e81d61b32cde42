"""A house in a process of its own, started as a user starts it, on free ports.

In: the subcommand and its settings as ``OTELHOUSE_*`` variables. Out: where it listens and its process id, once it is
ready. It is told to stop at the end, and waited for.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RunningHouse:
    """Where it is."""

    pid: int
    grpc: str
    """``host:port`` of OTLP/gRPC."""
    rest: str
    """``http://host:port``"""
    http: str = ""
    """``host:port`` of OTLP/HTTP."""
    mcp: str = ""
    """``http://host:port`` of MCP, without its path."""

    def figures(self) -> str:
        """What ``/metrics`` says, as Prometheus's text."""
        with urllib.request.urlopen(f"{self.rest}/metrics", timeout=30) as answer:
            told: bytes = answer.read()
        return told.decode()


@contextmanager
def running(command: str, settings: Mapping[str, str]) -> Iterator[RunningHouse]:
    """Start ``otelhouse <command>``, give it once ``/readyz`` says so, end it after."""
    grpc, http, rest, mcp = _free_ports(4)
    ports = {"INGEST_GRPC_PORT": grpc, "INGEST_HTTP_PORT": http, "QUERY_PORT": rest, "MCP_PORT": mcp}
    environment = {f"OTELHOUSE_{name}": str(port) for name, port in ports.items()}
    environment["OTELHOUSE_CANARY_ENABLED"] = "false"
    process = subprocess.Popen(
        [sys.executable, "-m", "otelhouse", command],
        env={**os.environ, **environment, "OTELHOUSE_LOG_LEVEL": "warning", **settings},
        stdout=subprocess.DEVNULL,
    )
    listening = (f"127.0.0.1:{grpc}", f"http://127.0.0.1:{rest}", f"127.0.0.1:{http}", f"http://127.0.0.1:{mcp}")
    house = RunningHouse(process.pid, *listening)
    try:
        _wait_until_ready(house, process)
        yield house
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _wait_until_ready(house: RunningHouse, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the house ended with {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(f"{house.rest}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)  # it tells nobody when it is ready; asking is the only way
    raise RuntimeError(f"the house was not ready within {START_SECONDS:.0f} s")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
