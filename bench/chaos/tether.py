"""Run a program that dies with whoever started it, however that one ended.

Run as ``python tether.py COMMAND...``: it becomes the command. Linux only, as all of this package; a process that is
stopped (SIGSTOP) dies as well.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tethered(command: Sequence[str]) -> list[str]:
    """Give the command that runs `command` at the other end of a tether."""
    return [sys.executable, "-S", __file__, str(os.getpid()), *command]


def start(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    prefix: Sequence[str] = (),
    pipes: bool = False,
) -> subprocess.Popen[str]:
    """Start `command`, its words in `log`; with `pipes`, standard input and output are the caller's.

    `prefix` is a program that runs the command as its child, such as strace: both hang on the tether.
    """
    whole = [*prefix, sys.executable, "-S", __file__, "0", *command] if prefix else list(command)
    with log.open("ab") as errors:
        stream: int | IO[bytes] = subprocess.PIPE if pipes else errors
        return subprocess.Popen(
            tethered(whole),
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=stream,
            stderr=errors,
            env=None if environment is None else dict(environment),
            text=True,
        )


def _become(parent: int, command: Sequence[str]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:  # it died before prctl could take note
        sys.exit(1)
    os.execvp(command[0], list(command))  # noqa: S606 - a command of this package's own


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
