"""A real browser: headless Chromium, driven over its DevTools protocol.

In: nothing, or a page's address. Out: the browser as a process of its own, and pages that JavaScript can be run in.
Where Chromium is not installed, Debian's package and what it needs are fetched with apt and unpacked into the cache;
nothing is installed. Raises `UnavailableError` where that does not work.
https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from bench.unavailable import UnavailableError

MEND = "install it (Debian: apt-get install chromium), or set CHROMIUM to its path"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_DEBIAN = Path("usr/lib/chromium/chromium")
START_SECONDS = 60.0
_PATIENCE = 60.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers; it sees nothing but pages of our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where Chromium is, and the variables that it needs."""

    program: Path
    variables: dict[str, str] = field(default_factory=dict)


def find() -> Installation:
    """Find Chromium, or fetch it. Raises `UnavailableError`."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else _NAMES:
        if found := shutil.which(name):
            return Installation(Path(found))
    if named:
        raise UnavailableError(f"CHROMIUM names {named}, which is no program: {MEND}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otelhouse-tests" / "chromium"
    if not (cache / _DEBIAN).exists():
        _fetch(cache)
    libraries = {
        str(library.parent) for top in ("usr/lib", "lib") for library in (cache / top).glob("*-linux-gnu*/**/*.so*")
    }
    return Installation(cache / _DEBIAN, {"LD_LIBRARY_PATH": ":".join(sorted(libraries))})


def _fetch(cache: Path) -> None:
    """Unpack the package and those of its dependencies that this machine lacks."""
    if sys.platform != "linux" or shutil.which("apt-get") is None:
        raise UnavailableError(f"Chromium is not installed, and there is no apt to fetch it: {MEND}")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        try:
            _download(Path(folder))
            unpacked = Path(folder) / "unpacked"
            for package in (Path(folder) / "cache/archives").glob("*.deb"):
                _do("dpkg-deb", "-x", str(package), str(unpacked))
            if not (unpacked / _DEBIAN).exists():
                raise UnavailableError(f"the package chromium has no {_DEBIAN}: {MEND}")
            with contextlib.suppress(OSError):  # another run was faster
                unpacked.rename(cache)
        except (OSError, subprocess.CalledProcessError) as error:
            raise UnavailableError(f"Chromium is not installed and cannot be fetched ({error}): {MEND}") from error


def _download(folder: Path) -> None:
    """Fetch with lists of its own: a fresh machine has none, and this one's are not ours to renew."""
    for needed in ("lists/partial", "cache/archives/partial"):
        (folder / needed).mkdir(parents=True)
    places = {"Dir::State::Lists": folder / "lists", "Dir::Cache": folder / "cache", "Debug::NoLocking": "1"}
    apt = ["apt-get", *(word for name, value in places.items() for word in ("-o", f"{name}={value}"))]
    _do(*apt, "update")
    _do(*apt, "install", "--download-only", "--no-install-recommends", "--yes", "chromium")


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class Page:
    """One tab."""

    def __init__(self, channel: ClientConnection) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)

    async def run(self, script: str) -> Any:  # noqa: ANN401  whatever JavaScript gives
        """Evaluate JavaScript, wait for its promise if it is one, give its value. Raises RuntimeError if it throws."""
        wanted = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = await self.call("Runtime.evaluate", wanted)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page's script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def call(self, method: str, parameters: dict[str, object] | None = None) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        number = next(self._numbers)
        await self._channel.send(json.dumps({"id": number, "method": method, "params": parameters or {}}))
        async with asyncio.timeout(_PATIENCE):
            while True:
                message: dict[str, Any] = json.loads(await self._channel.recv())
                if message.get("id") == number:
                    break
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result


@contextlib.asynccontextmanager
async def opened(address: str, installation: Installation) -> AsyncIterator[Page]:
    """Start the browser, open `address`, end it after."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            str(installation.program),
            *_FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            env={**os.environ, **installation.variables},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            port = await _port(process)
            target = await asyncio.to_thread(_target, port)
            async with connect(target, max_size=2**24) as channel:
                page = Page(channel)
                await page.call("Page.enable")
                await page.call("Page.navigate", {"url": address})
                yield page
        finally:
            process.kill()
            await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    """The port of its DevTools, which it writes on standard error."""
    if process.stderr is None:
        raise RuntimeError("the browser was started without a pipe")
    said = b""
    async with asyncio.timeout(START_SECONDS):
        while line := await process.stderr.readline():
            said += line
            if b"DevTools listening on" in line:
                return int(line.rsplit(b":", 1)[1].split(b"/")[0])
    raise UnavailableError(f"Chromium does not start here: {said[-500:].decode(errors='replace')}; {MEND}")


def _target(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=_PATIENCE) as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
