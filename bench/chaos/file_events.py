"""Waits until a file gets its name in a folder, and tells at once: within some 0.1 ms, by inotify(7).

In: a folder. Out: nothing, once a file was renamed into it after the watch began. Raises `TimeoutError`. Linux only.
"""

import ctypes
import os
import select
from pathlib import Path
from types import TracebackType
from typing import Self

_MOVED_TO = 0x80  # sys/inotify.h, IN_MOVED_TO
_BUFFER = 64 * 1024


class Arrivals:
    """A watch on one folder."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._handle = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._handle < 0 or libc.inotify_add_watch(self._handle, os.fsencode(folder), _MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")

    def wait(self, within: float) -> None:
        """Return at the next arrival from now on."""
        self._forget()
        ready, _, _ = select.select([self._handle], [], [], within)
        if not ready:
            raise TimeoutError(f"no file arrived within {within:g} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def _forget(self) -> None:
        """Let go of what came before."""
        try:
            while os.read(self._handle, _BUFFER):
                pass
        except BlockingIOError:
            return
