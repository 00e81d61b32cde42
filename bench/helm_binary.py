"""A real Helm for the tests of the chart, on a machine that has none.

In: the Go module `bench/helm`, which pins Helm's version and every module that it is made of. Out: the program, built
once (3 minutes on two cores; a binary of 50 MB) and kept under $XDG_CACHE_HOME/otelhouse-tests, and `run`, which
calls it with a home of its own, so that nothing of the user's Helm is read or changed. Raises `UnavailableError` where
there is no Go, or the build fails.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench import built_once
from bench.unavailable import UnavailableError

MODULE = Path(__file__).parent / "helm"
PROGRAM = "helm"
PACKAGE = "helm.sh/helm/v4/cmd/helm"
BUILD = ("go", "build", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
MEND = "install Go 1.26 or newer; it builds Helm from the Go module proxy"
RUN_SECONDS = 120.0


def obstacle() -> str:
    """Say why no Helm can be had here; empty if one can."""
    return "" if _path().exists() or shutil.which("go") else "Go is not installed"


@functools.cache
def build() -> Path:
    """Give the program, built at the first call; safe in several processes at once. Raises `UnavailableError`."""
    return built_once.ensure(_name(), PROGRAM, _compile)


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
    return built_once.path(_name(), PROGRAM)


def _name() -> str:
    parts = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum")] + [word.encode() for word in BUILD]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    return f"helm-{digest}"


def _compile(folder: Path) -> None:
    if why := obstacle():
        raise UnavailableError(f"{why}: {MEND}")
    built_once.compile_go("Helm", [*BUILD, "-o", str(folder / PROGRAM), PACKAGE], MODULE, {})
