"""The ClickHouse engine in this process: one folder, one engine, shared by every store that asks for it.

In: a folder and the share of the machine that the engine may take. Out: connections to it.
It refuses a folder that another process holds, a second folder while one is open (chdb knows one a process), the same
folder with other settings, and a path with characters that chdb's connection text cannot carry; all with
`MisconfiguredError`, naming the folder.
"""

import os
import threading
from pathlib import Path

import chdb
from chdb.state.sqlitelike import Connection

from store import access, engine_lock, errors
from store.access import Readable
from store.settings import EngineSettings

_FORBIDDEN_IN_PATH = frozenset("?&%#")


class Engine:
    """One open folder. `release` once for each `acquire`."""

    def __init__(self, folder: Path, settings: EngineSettings, readable: Readable | None) -> None:
        self.folder = folder
        self.settings = settings
        self.readable = readable
        """What statements that are not ours may read, as it was at the engine's start."""
        self.holders = 0
        self._lock_file = engine_lock.hold(folder)
        try:
            users = access.write(folder, readable)
            # As long as one connection is open the engine lives; all others come and go.
            self._anchor = _connect(f"{folder}?config-file={users}&{_arguments(settings)}")
        except (RuntimeError, OSError, errors.MisconfiguredError) as error:
            os.close(self._lock_file)
            raise errors.MisconfiguredError(f"the engine did not start on {folder}: {error}") from error

    def connect(self) -> Connection:
        """Open a connection for one statement; the caller closes it."""
        return _connect(str(self.folder))

    def close(self) -> None:
        """End the engine and let go of the folder. Nothing may run on it."""
        self._anchor.close()
        os.close(self._lock_file)


_guard = threading.Lock()
_open: list[Engine] = []
"""The process's engine, if there is one."""


def acquire(path: Path, settings: EngineSettings, readable: Readable | None = None) -> Engine:
    """Open the folder, or share it with whom has it open in this process.

    `readable` counts for who opens it: the engine learns at its start what statements that are not ours may read.
    """
    folder = path.expanduser().absolute()
    if bad := _FORBIDDEN_IN_PATH & set(str(folder)):
        raise errors.MisconfiguredError(f"the folder {folder} has a {min(bad)!r} in its path: choose another")
    with _guard:
        engine = _open[0] if _open else None
        if engine is None:
            engine = Engine(folder, settings, readable)
            _open.append(engine)
        elif engine.folder != folder:
            raise errors.MisconfiguredError(
                f"this process holds the engine's folder {engine.folder} and cannot open {folder} beside it: "
                "close the first, or use a process for each"
            )
        elif engine.settings != settings:
            raise errors.MisconfiguredError(f"the engine on {folder} is open with other settings: give it the same")
        engine.holders += 1
        return engine


def release(engine: Engine) -> None:
    """Give the engine back; with the last holder it ends."""
    with _guard:
        engine.holders -= 1
        if not engine.holders:
            _open.remove(engine)
            engine.close()


def _connect(where: str) -> Connection:
    connection: Connection = chdb.connect(where)  # type: ignore[no-untyped-call]  # chdb's annotations end here
    return connection


def _arguments(settings: EngineSettings) -> str:
    """Write the engine's start-up arguments.

    Sizes of caches default to 5 GiB each, and the memory bound to nine tenths of the machine.
    """
    cache = settings.cache_bytes
    arguments = {
        "max_server_memory_usage": settings.memory_bytes,
        "merges_mutations_memory_usage_soft_limit": settings.memory_bytes // 2,
        "mark_cache_size": cache // 2,
        "primary_index_cache_size": cache // 4,
        "index_mark_cache_size": cache // 8,
        "index_uncompressed_cache_size": cache // 8,
        "uncompressed_cache_size": 0,
        "background_pool_size": settings.merge_threads,
    }
    return "&".join(f"{name}={value}" for name, value in arguments.items())
