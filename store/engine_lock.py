"""The lock on the embedded engine's folder: one process holds it at a time.

In: the folder. Out: an open file that holds the lock until it is closed; or whether somebody holds it. Refused, with
`MisconfiguredError`: a folder that another process holds, or that cannot be used. It loads nothing of the engine.
"""

import fcntl
import os
from pathlib import Path

from store import errors

LOCK_FILE = "otelhouse.lock"
"""Ours, beside ClickHouse's own `status`: chdb says only that it could not start."""


def hold(folder: Path) -> int:
    """Take the lock; gives the descriptor that holds it. The folder is made if missing, for its owner alone.

    ClickHouse writes its files for everybody to read, so the folder is what keeps other users of the machine out.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise errors.MisconfiguredError(f"the engine's folder {folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock_file)
        raise errors.MisconfiguredError(
            f"the engine's folder {folder} is in use by another process: ask that one over REST, or stop it first"
        ) from error
    return lock_file


def is_held(path: Path) -> bool:
    """Whether a process holds the folder at this moment."""
    try:
        lock_file = os.open(path.expanduser() / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # never opened, or not ours to open: who tries finds out
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock_file)
    return False
