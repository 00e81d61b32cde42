"""A real Helm for the tests of the chart, on a machine that has none.

In: the Go module `bench/helm`, which pins Helm's version and every module that it is made of. Out: the program, built
once (3 minutes on two cores; a binary of 50 MB) and kept under $XDG_CACHE_HOME/otelhouse-tests, and `run`, which
calls it with a home of its own, so that nothing of the user's Helm is read or changed. Raises `UnavailableError` where
there is no Go, or the build fails.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.unavailable import UnavailableError

MODULE = Path(__file__).parent / "helm"
PACKAGE = "helm.sh/helm/v4/cmd/helm"
BUILD = ("go", "build", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
MEND = "install Go 1.26 or newer; it builds Helm from the Go module proxy"
BUILD_SECONDS = 1800
RUN_SECONDS = 120.0


def obstacle() -> str:
    """Say why no Helm can be had here; empty if one can."""
    return "" if _path().exists() or shutil.which("go") else "Go is not installed"


@functools.cache
def build() -> Path:
    """Give the program, built at the first call; safe in several processes at once. Raises `UnavailableError`."""
    program = _path()
    if program.exists():
        return program
    if why := obstacle():
        raise UnavailableError(f"{why}: {MEND}")
    program.parent.mkdir(parents=True, exist_ok=True)
    with (program.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=program.parent) as folder:
                _compile(Path(folder) / program.name)
                (Path(folder) / program.name).replace(program)
    return program


def run(*arguments: str | Path, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Call Helm; the caller looks at the exit code. Without `kubeconfig` there is no cluster."""
    with tempfile.TemporaryDirectory(prefix="otelhouse-helm-") as home:
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": home,
            "KUBECONFIG": str(kubeconfig or Path(home, "none")),
        }
        command = [str(build()), *(str(one) for one in arguments)]
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=RUN_SECONDS, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip


def _path() -> Path:
    parts = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum")] + [word.encode() for word in BUILD]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "otelhouse-tests" / f"helm-{digest}" / "helm"


def _compile(target: Path) -> None:
    polite = ["nice", "-n", "10"] if shutil.which("nice") else []  # tests may run beside it
    command = [*polite, *BUILD, "-o", str(target), PACKAGE]
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    try:
        done = subprocess.run(
            command, cwd=MODULE, env=environ, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"building Helm took more than {BUILD_SECONDS} s") from error
    if done.returncode:
        raise UnavailableError(f"building Helm failed: {done.stderr.strip()[-1000:]}")
