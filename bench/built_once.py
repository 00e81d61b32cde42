"""What tests need beside Python, built or fetched once for a user and kept in a cache folder.

In: a name that changes with the sources, what shall be there, and how it is made. Out: its path under
$XDG_CACHE_HOME/otelhouse-tests. Several processes may ask at once: one makes it, the others wait. What breaks half way
leaves nothing behind. Raises what the making raises, `compile_go` `UnavailableError`.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.unavailable import UnavailableError

GO_SECONDS = 1800


def path(name: str, wanted: str) -> Path:
    """Where `wanted` of the folder `name` is or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "otelhouse-tests" / name / wanted


def ensure(name: str, wanted: str, make: Callable[[Path], None]) -> Path:
    """Give the file or folder `wanted` of the folder `name`. Where it is not there, `make` fills an empty folder."""
    target = path(name, wanted)
    if target.exists():
        return target
    folder = path(name, "")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                fresh = Path(scratch, name)
                fresh.mkdir()
                make(fresh)
                shutil.rmtree(folder, ignore_errors=True)  # whatever is there lacks what is wanted
                fresh.rename(folder)
    return target


def compile_go(what: str, command: Sequence[str], module: Path, variables: Mapping[str, str]) -> None:
    """Run `command` in a Go module, without C. Raises `UnavailableError`, which says `what` was to be built."""
    polite = ["nice", "-n", "10"] if shutil.which("nice") else []  # tests may run beside it
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", **variables}
    try:
        done = subprocess.run(
            [*polite, *command],
            cwd=module,
            env=environ,
            capture_output=True,
            text=True,
            timeout=GO_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"building {what} took more than {GO_SECONDS} s") from error
    if done.returncode:
        raise UnavailableError(f"building {what} failed: {done.stderr.strip()[-1000:]}")
