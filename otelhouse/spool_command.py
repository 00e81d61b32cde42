"""`otelhouse spool`: what waits on disk for ClickHouse; empties it now; reads all of it.

In: a running house, asked over REST; where none answers and none is named, the folder itself. Out: tables for people,
JSON for programs, on standard output; remarks on standard error. Exit codes as in `otelhouse.asking`: damage that was
found and a drain that did not end in time are failures (1), neither a house nor a folder is 3.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from ingest.spool import checking
from ingest.spool.folder import SpoolReader
from otelhouse import asking, own_log, spool_at_rest, spool_draining, spool_report
from otelhouse.asking import TABLE, NoHouse, RunningHouse, format_option, url_option
from otelhouse.configuration import Configuration
from otelhouse.house_access import access_options
from otelhouse.house_client import Refusal
from otelhouse.invocation import Failure, Misuse, clickhouse_option, configured, data_option
from otelhouse.progress import Progress
from otelhouse.settings import Settings
from otelhouse.spool_at_rest import NoSpoolHereError, SpoolAtRestError
from otelhouse.spool_draining import Course, Status

ROOT = "/api/v1/ingest/spool"
POLL = 0.5
"""Seconds between two looks at a house that drains."""
LOOK_SECONDS = 5.0
"""Seconds that one look reads in the folder before it says how far it is."""
DRAIN_SECONDS = 600.0
THREAD_GRACE = 0.5
"""Seconds that threads of a drain that failed have to end."""
GRACE = 5.0
"""Seconds that a drain whose time is up has to let go of everything."""
_DAMAGE = ("entry", "kind", "requests_lost", "items_lost", "bytes_lost", "what")

_say = partial(click.echo, err=True)


@click.group()
def spool() -> None:
    """Look at what waits on disk for ClickHouse, empty it, check it."""


@spool.command()
@format_option("json")
@url_option
@data_option
@access_options
@configured
def status(configuration: Configuration, *, form: str, url: str | None) -> None:
    """Say what waits, by kind, and why."""
    place = _place(configuration, url)
    told = place.status()
    if form == TABLE:
        _tell_status(told)
    else:
        _print_json(told | {"read_from": place.name})


@spool.command()
@format_option("json")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=DRAIN_SECONDS,
    show_default=True,
    help="Seconds to wait.",
)
@url_option
@clickhouse_option
@data_option
@access_options
@configured
def drain(configuration: Configuration, *, form: str, seconds: float, url: str | None) -> None:
    """Bring to ClickHouse what waits, and return once it is there.

    A running house drains by itself; it is told to try now. Where no house runs, this command drains the folder.
    """
    place = _place(configuration, url)
    course = Course(_say)
    if isinstance(place, _Folder):
        _drain_here(configuration.settings, course, seconds)
    else:
        _drain_there(place.house, course, seconds)
    if form == TABLE:
        _say("the spool is empty" if not course.last["entries"] else "all that waited is in ClickHouse")
    else:
        _print_json(course.last)


@spool.command()
@format_option("json")
@url_option
@data_option
@access_options
@configured
def verify(configuration: Configuration, *, form: str, url: str | None) -> None:
    """Read every file, and say what is damaged. What is damaged is lost; all else is stored."""
    place = _place(configuration, url)
    total = int(place.status()["entries"])
    read, damaged = 0, list[Mapping[str, Any]]()
    after: int | None = 0
    while after is not None:
        found = place.check(after)
        read, after = read + found["checked"], found["after"]
        damaged += found["damaged"]
        if after is not None:
            _say(f"{read:,} of {max(total, read):,} batches read ...")
    _tell_damage(form, read, damaged, place.name)


@dataclass(frozen=True, slots=True)
class _House:
    """The spool of a running house."""

    house: RunningHouse

    @property
    def name(self) -> str:
        return self.house.url

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = self.house.request("GET", ROOT, waiting_for="the house")
        return told

    def check(self, after: int) -> dict[str, Any]:
        path = f"{ROOT}/verify?after={after}"
        told: dict[str, Any] = self.house.request("POST", path, {}, waiting_for="the spool to be read")
        return told


@dataclass(frozen=True, slots=True)
class _Folder:
    """A spool that nobody can be asked about."""

    spool: SpoolReader

    @property
    def name(self) -> str:
        return str(self.spool.folder)

    def status(self) -> dict[str, Any]:
        return spool_report.of_status(self.spool.status(), {})

    def check(self, after: int) -> dict[str, Any]:
        return spool_report.of_check(checking.check(self.spool, after, LOOK_SECONDS))


def _place(configuration: Configuration, url: str | None) -> _House | _Folder:
    """Where the spool is: in the house that answers; or in the folder, where none does, or only one without a spool.

    A house that was named is meant, whatever the folder holds.
    """
    house = _House(asking.house_of(configuration, url))
    try:
        house.status()
    except (NoHouse, Misuse) as no:
        if url is not None or (isinstance(no, Misuse) and not _has_none(no)):
            raise
        return _folder(configuration.settings, no)
    return house


def _has_none(refusal: Misuse) -> bool:
    cause = refusal.__cause__
    return isinstance(cause, Refusal) and cause.code == spool_report.NO_SPOOL


def _folder(settings: Settings, no: NoHouse | Misuse) -> _Folder:
    try:
        reader = spool_at_rest.reader(settings)
    except NoSpoolHereError as error:
        message = f"{no.message}\nThe folder cannot be looked into either: {error}."
        raise type(no)(message) from error
    except SpoolAtRestError as error:
        raise Failure(str(error)) from error
    _say(f"{no.message.splitlines()[0]}\nThis is what is in {reader.folder}:")
    return _Folder(reader)


def _drain_there(house: RunningHouse, course: Course, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    told = house.request("POST", f"{ROOT}/drain", {}, waiting_for="the house")
    while not course.done(told):
        if time.monotonic() + POLL > deadline:
            raise Failure(course.unfinished(seconds))
        time.sleep(POLL)
        told = house.request("GET", ROOT, waiting_for="the house")


def _drain_here(settings: Settings, course: Course, seconds: float) -> None:
    own_log.set_up(settings.log)
    before = set(threading.enumerate())
    # A ClickHouse that hangs holds threads that Python would wait for; what they insert is told by its token.
    watchdog = threading.Timer(seconds + GRACE, lambda: _end_at_once(Failure(course.unfinished(seconds))))
    watchdog.daemon = True
    watchdog.start()
    try:
        asyncio.run(spool_at_rest.drain(settings, course, Progress(_say), seconds))
    except (SpoolAtRestError, TimeoutError) as error:
        failure = Failure(course.unfinished(seconds) if isinstance(error, TimeoutError) else str(error))
        if _left(before):
            _end_at_once(failure)
        raise failure from error
    finally:
        watchdog.cancel()


def _left(before: Container[threading.Thread]) -> bool:
    """Whether threads that were not there before are still at work after a moment."""
    new = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    deadline = time.monotonic() + THREAD_GRACE
    for thread in new:
        thread.join(max(0.0, deadline - time.monotonic()))
    return any(thread.is_alive() for thread in new)


def _end_at_once(failure: Failure) -> None:
    failure.show()
    sys.stderr.flush()
    os._exit(failure.exit_code)


def _tell_status(told: Status) -> None:
    kinds = told["kinds"]
    if kinds:
        columns = [_column("kind", "String"), *(_column(name, "UInt64") for name in ("batches", "items", "bytes"))]
        rows = [
            {"kind": kind, "batches": of["entries"], "items": of["items"], "bytes": of["bytes"]}
            for kind, of in kinds.items()
        ]
        asking.write_table({"columns": columns, "rows": rows}, wide=True)
    _say(_summary(told))
    for remark in (spool_draining.reasons(told), f"full: {told['full']}" if told["full"] else ""):
        if remark:
            _say(remark)
    if told["damaged_files"]:
        _say(f"{told['damaged_files']:,} files are in the folder `damaged`, for people to look at and to delete")


def _summary(told: Status) -> str:
    if not told["entries"]:
        return "the spool is empty"
    oldest = ""
    if told["oldest"] is not None:
        since = datetime.fromtimestamp(told["oldest"], UTC)
        oldest = f"; the oldest since {since:%Y-%m-%dT%H:%M:%SZ}, {_span(told['now'] - told['oldest'])}"
    return f"{spool_draining.left(told)}, {_bytes(told['bytes'])} of {_bytes(told['limit_bytes'])}{oldest}"


def _tell_damage(form: str, read: int, damaged: Sequence[Mapping[str, Any]], name: str) -> None:
    if form != TABLE:
        _print_json({"checked": read, "damaged": damaged, "read_from": name})
    elif damaged:
        numbers = ("entry", "requests_lost", "items_lost", "bytes_lost")
        columns = [_column(one, "UInt64" if one in numbers else "String") for one in _DAMAGE]
        asking.write_table({"columns": columns, "rows": damaged}, wide=True)
    if damaged:
        items = sum(one["items_lost"] for one in damaged)
        raise Failure(f"{len(damaged):,} files are damaged or not the spool's; {items:,} items are lost")
    _say(f"{read:,} batches read, all of them whole")


def _print_json(told: object) -> None:
    click.echo(json.dumps(told, ensure_ascii=False))


def _column(name: str, kind: str) -> Mapping[str, object]:
    return {"name": name, "type": kind, "wide": False}


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
