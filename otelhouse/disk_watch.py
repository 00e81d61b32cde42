"""Before ClickHouse's disk is full: an alarm, then an orderly stop.

In: the room on ClickHouse's disks, looked at now and then. Out: figures, a problem for `/readyz`, and below
`store.keep_free_bytes` no telemetry goes to ClickHouse: it waits in the spool, and when that may take no more, senders
are asked to come again. Questions and retention go on, so that room can come back. A ClickHouse that tells nothing of
its disks is not held back; that is logged once.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge

from otelhouse.holding import Hand
from query.readiness import NotReadyError
from sql import catalogue
from store.errors import NotReachableError, StoreError
from store.port import Limits, Select, Store
from store.settings import StoreSettings

_log = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two looks. At 200 MB/s, some 2 GB are written meanwhile; a batch under way is not called back."""
CHECK = "disk"
"""The check's name in `/readyz`."""
_LOOK = Limits(seconds=5.0, rows=100)


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk of ClickHouse; in bytes."""

    name: str
    path: str
    free: int
    total: int

    def __str__(self) -> str:
        return f"disk {self.name} ({self.path}) has {self.free / 1e9:.1f} of {self.total / 1e9:.1f} GB free"


def read(store: Store) -> list[Disk]:
    """Look at the disks. Raises `StoreError`."""
    answer = store.select(Select(catalogue.probe("disks"), limits=_LOOK))
    return [Disk(str(name), str(path), int(str(free)), int(str(total))) for name, path, free, total in answer.rows]


def alarm(disks: list[Disk], settings: StoreSettings) -> str:
    """The disks that have less room than is good, and what to do; empty where there is none."""
    low = [disk for disk in disks if _is_low(disk, settings)]
    if not low:
        return ""
    return f"{'; '.join(map(str, low))}: make room, or keep rows for fewer days (sql.retention)"


def _is_low(disk: Disk, settings: StoreSettings) -> bool:
    return disk.free < max(settings.keep_free_bytes, settings.low_free_ratio * disk.total)


class DiskWatch:
    """Looks at the disks until it is closed. Made and used on one event loop."""

    def __init__(self, store: Store, settings: StoreSettings, registry: CollectorRegistry) -> None:
        self._store = store
        self._settings = settings
        self._alarm = ""
        self._stopped = ""
        self._mute = False
        self._task: asyncio.Task[None] | None = None
        prefix = "otelhouse_clickhouse_disk_"
        self._free = Gauge(f"{prefix}free_bytes", "Bytes free on a disk of ClickHouse", ("disk",), registry=registry)
        self._total = Gauge(f"{prefix}total_bytes", "Bytes of a disk of ClickHouse", ("disk",), registry=registry)

    def start(self, hand: Hand | None) -> None:
        """Begin to look; `hand` holds back what goes to ClickHouse, None where this process sends nothing."""
        self._task = asyncio.create_task(self._watch(hand), name="disk-watch")

    async def close(self) -> None:
        """Look no more. Safe twice, and without a start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def check(self) -> None:
        """For `/readyz`. Raises `NotReadyError` while there is less room than is good."""
        if problem := self._alarm:
            raise NotReadyError(problem)

    async def _watch(self, hand: Hand | None) -> None:
        while True:
            try:
                disks = await asyncio.to_thread(read, self._store)
            except StoreError as error:
                self._not_told(error)
            except Exception:  # noqa: BLE001 - the task ends here, and nobody waits for it: it must go on looking
                _log.exception("looking at the disks broke; looking again")
            else:
                self._mute = False
                self._note(disks, hand)
            await asyncio.sleep(LOOK_EVERY)

    def _not_told(self, error: StoreError) -> None:
        if self._mute or isinstance(error, NotReachableError):  # that is told by all who need it
            return
        self._mute = True
        _log.warning("the room on ClickHouse's disks is not watched: %s; grant SELECT ON system.disks", error)

    def _note(self, disks: list[Disk], hand: Hand | None) -> None:
        for disk in disks:
            self._free.labels(disk.name).set(disk.free)
            self._total.labels(disk.name).set(disk.total)
        before, self._alarm = self._alarm, alarm(disks, self._settings)
        if self._alarm and not before:
            _log.warning("%s", self._alarm)
        elif before and not self._alarm:
            _log.info("ClickHouse's disks have room again")
        if hand is not None:
            self._hold(disks, hand)

    def _hold(self, disks: list[Disk], hand: Hand) -> None:
        least = self._settings.keep_free_bytes
        # Let go only with a tenth more, so that it does not go on and off with every merge.
        full = [disk for disk in disks if disk.free < least * (1.1 if self._stopped else 1.0)]
        stopped = f"fewer than {least} bytes free (store.keep_free_bytes): {full[0]}" if full else ""
        if bool(stopped) == bool(self._stopped):
            return
        self._stopped = stopped
        if stopped:
            _log.error("nothing more goes to ClickHouse: %s", stopped)
            hand.hold_back(stopped)
        else:
            _log.info("there is room again, and ClickHouse gets what comes")
            hand.let_go()
