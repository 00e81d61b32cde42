"""Senders in other languages, installed once and kept in a cache folder of this user.

In: the lock file beside the JavaScript sender, a pinned version of telemetrygen, the sources of a small OpenTelemetry
Collector. Out: folders and programs under $XDG_CACHE_HOME/otelhouse-tests, one for each lock, version or source, so
that a changed one is installed anew.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from running_house import WAIT, environment

JAVASCRIPT = Path(__file__).parent / "javascript"
MCP_CLIENTS = Path(__file__).parent / "mcp_clients"
COLLECTOR = Path(__file__).parent / "go"
KUBERNETES_COLLECTOR = Path(__file__).parent / "go-kubernetes"
PROMQL = Path(__file__).parent / "go-promql"
TELEMETRYGEN = "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen"
TELEMETRYGEN_VERSION = "v0.161.0"
INSTALL_SECONDS = 280
"""Less than a test may take, so that what went wrong is told."""
LONG_INSTALL_SECONDS = 840
"""For the Collector with the receivers of Kubernetes, whose tests say that they may take longer."""


def node_modules() -> Path:
    """The packages of javascript/package-lock.json; the first call fetches them (30 MB)."""
    return _packages(JAVASCRIPT, "javascript")


def mcp_clients() -> Path:
    """The packages of mcp_clients/package-lock.json; the first call fetches them (60 MB)."""
    return _packages(MCP_CLIENTS, "mcp-clients")


def _packages(locked: Path, name: str) -> Path:
    """The packages of a folder's package-lock.json."""
    files = [locked / file for file in ("package.json", "package-lock.json")]

    def install(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", folder=folder)

    return _cached(f"{name}-{_digest(files)}", install) / "node_modules"


def telemetrygen() -> Path:
    """The OpenTelemetry Collector's own load generator; the first call builds it (1 minute on two cores)."""

    def install(folder: Path) -> None:
        _run("go", "install", f"{TELEMETRYGEN}@{TELEMETRYGEN_VERSION}", folder=folder, GOBIN=folder, GOFLAGS="")

    return _cached(f"telemetrygen-{TELEMETRYGEN_VERSION}", install) / "telemetrygen"


def promql() -> Path:
    """A program that says which PromQL Prometheus would not take; the first call builds it (half a minute)."""

    def install(folder: Path) -> None:
        _run("go", "build", "-o", str(folder / "promql"), ".", folder=PROMQL, GOFLAGS="")

    files = [PROMQL / name for name in ("go.mod", "go.sum", "main.go")]
    return _cached(f"promql-{_digest(files)}", install) / "promql"


def collector() -> Path:
    """An OpenTelemetry Collector that takes and gives OTLP; the first call builds it (1 to 2 minutes on two cores)."""

    def install(folder: Path) -> None:
        _run("go", "build", "-o", str(folder / "collector"), ".", folder=COLLECTOR, GOFLAGS="")

    files = [COLLECTOR / name for name in ("go.mod", "go.sum", "main.go")]
    return _cached(f"collector-{_digest(files)}", install) / "collector"


def kubernetes_collector() -> Path:
    """A Collector with what deploy/collector/ names; the first call builds it (3 to 6 minutes on two cores)."""

    def install(folder: Path) -> None:
        arguments = ("build", "-ldflags=-s -w", "-o", str(folder / "collector"), ".")
        _run("go", *arguments, folder=KUBERNETES_COLLECTOR, seconds=LONG_INSTALL_SECONDS, GOFLAGS="")

    files = [KUBERNETES_COLLECTOR / name for name in ("go.mod", "go.sum", "main.go")]
    return _cached(f"kubernetes-collector-{_digest(files)}", install) / "collector"


def run_node(program: Path, *arguments: str, **variables: str) -> str:
    """Run a JavaScript program beside the packages; gives what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        # Node looks for packages beside the program, and nowhere that an environment could name.
        shutil.copy(program, folder)
        (Path(folder) / "node_modules").symlink_to(node_modules())
        return _run("node", program.name, *arguments, folder=Path(folder), seconds=WAIT, **variables)


def run_telemetrygen(*arguments: str, **variables: str) -> str:
    """Run telemetrygen; gives what it prints."""
    return _run(str(telemetrygen()), *arguments, folder=Path.cwd(), seconds=WAIT, **variables)


def _run(*command: str, folder: Path, seconds: float = INSTALL_SECONDS, **variables: object) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(**variables), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _cached(name: str, install: Callable[[Path], None]) -> Path:
    """Give the folder `name`, installed first if need be; safe in several processes at once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otelhouse-tests"
    folder = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{name}.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache) as fresh:
                install(Path(fresh))
                Path(fresh).rename(folder)
                Path(fresh).mkdir()  # for its removal
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
