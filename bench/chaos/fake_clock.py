"""A wall clock that can be set, for one process and its children, by libfaketime (Debian's package `libfaketime`).

In: a folder of one's own. Out: the variables that put a process under the clock, and a way to set it at any moment.
The monotonic clock goes on as it does, as it does when an administrator sets a machine's clock.
Where the library is not installed, the package is fetched with apt and unpacked into the cache; nothing is installed.
Raises `UnavailableError` where that does not work.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.unavailable import UnavailableError

_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_NAME = "faketime/libfaketimeMT.so.1"
MEND = "install libfaketime (Debian, Ubuntu: apt-get install libfaketime)"


class FakeClock:
    """One clock."""

    def __init__(self, folder: Path) -> None:
        self._library = _library()
        self._file = folder / "clock"
        self.set(0)

    @property
    def variables(self) -> dict[str, str]:
        """What the process's environment needs."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",  # look at the file each time
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def set(self, seconds: int) -> None:
        """Put the clock so many seconds ahead of the machine's; negative for behind."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)


def _library() -> Path:
    for place in map(Path, _PLACES):
        for found in (*place.glob(_NAME), *place.glob(f"*/{_NAME}")):
            return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otelhouse-tests" / "libfaketime"
    if not (found_there := list(cache.glob(f"usr/lib/*/{_NAME}"))):
        _fetch(cache)
        found_there = list(cache.glob(f"usr/lib/*/{_NAME}"))
    if not found_there:
        raise UnavailableError(f"the package libfaketime has no {_NAME}: {MEND}")
    return found_there[0]


def _fetch(cache: Path) -> None:
    if sys.platform != "linux":
        raise UnavailableError(f"clocks are set on Linux only; {MEND}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _download("libfaketime", Path(folder))
            (package,) = Path(folder).glob("*.deb")
            _do("dpkg-deb", "-x", str(package), str(cache), folder=folder)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise UnavailableError(f"libfaketime is not installed and cannot be fetched ({error}): {MEND}") from error


def _download(package: str, folder: Path) -> None:
    """Fetch a package with lists of its own: a fresh machine has none, and this one's are not ours to renew."""
    apt = ["apt-get", "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
    for needed in ("lists/partial", "cache/archives/partial"):
        (folder / needed).mkdir(parents=True)
    _do(*apt, "update", folder=str(folder))
    _do(*apt, "download", package, folder=str(folder))


def _do(*command: str, folder: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
