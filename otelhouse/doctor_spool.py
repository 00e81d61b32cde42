"""Doctor's look at the spool: can what was acknowledged be kept, and does anything wait there that nobody brings on.

In: the settings. Out: findings. Looks into the folder without holding it, so a running house is not disturbed; makes
nothing.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ingest.settings import SpoolMode
from ingest.spool.entry import SpoolStatus
from otelhouse import receiving, spool_at_rest
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.settings import Settings
from otelhouse.spool_at_rest import SpoolAtRestError

OLD_S = 600.0
"""Seconds after which a batch should long be in ClickHouse."""


def check(settings: Settings) -> Iterator[Diagnosis]:
    """Look at the folder, and at what is in it."""
    folder = receiving.spool_folder(settings, Path.cwd())
    try:
        if not folder.exists():
            yield _missing(folder, settings)
            return
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            mend = "make it writable, or set another ingest.spool.path"
            yield failed(f"the spool {folder} cannot be written to", mend)
            return
        status = spool_at_rest.reader(settings).status()
    except (SpoolAtRestError, OSError) as error:
        yield failed(f"the spool {folder} cannot be read: {error}", "see that it is a folder of this user's")
        return
    yield from _waiting(folder, status, settings)
    yield from _room(folder, settings)


def _missing(folder: Path, settings: Settings) -> Diagnosis:
    above = next(parent for parent in folder.parents if parent.exists())
    if settings.ingest.spool.mode is SpoolMode.NEVER or os.access(above, os.W_OK | os.X_OK):
        return ok(f"there is no spool in {folder} yet")
    return failed(f"the spool {folder} cannot be made: {above} is not writable", "set another ingest.spool.path")


def _waiting(folder: Path, status: SpoolStatus, settings: Settings) -> Iterator[Diagnosis]:
    if status.damaged:
        yield warning(f"{status.damaged} damaged files lie in {folder / 'damaged'}", "otelhouse spool verify")
    if not status.entries:
        yield ok(f"nothing waits in {folder}")
        return
    age = time.time() - (status.oldest or time.time())
    waits = f"{status.items} items wait in {folder}, the oldest for {age:.0f} s"
    if status.full:
        yield failed(f"{waits}, and it takes no more: {status.full}", "see why ClickHouse does not take them")
    elif settings.ingest.spool.mode is SpoolMode.NEVER:
        yield failed(f"{waits}, and no house brings them on (ingest.spool.mode: never)", "otelhouse spool drain")
    elif age > OLD_S:
        yield warning(waits, "if a house runs, see why ClickHouse does not take them; otherwise: otelhouse spool drain")
    else:
        yield ok(waits)


def _room(folder: Path, settings: Settings) -> Iterator[Diagnosis]:
    free, least = shutil.disk_usage(folder).free, settings.ingest.spool.keep_free_bytes
    if free < least:
        yield failed(
            f"the disk of {folder} has {free / 1e9:.1f} GB free, less than ingest.spool.keep_free_bytes: the spool "
            "takes nothing",
            "make room",
        )
