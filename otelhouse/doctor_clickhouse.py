"""Doctor's look at ClickHouse as a machine: clock, disks, rights, and its own log tables.

In: an open store and the settings. Out: findings. What this user may not look at is said, and is no failure of its own.
"""

import time
from collections.abc import Callable, Iterator

from otelhouse import disk_watch
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.settings import Settings
from sql import catalogue, rendering
from store.errors import StoreError
from store.port import Limits, Select, Store

Look = Callable[[Store, Settings], Iterator[Diagnosis]]

SKEW_WARNING_S = 1.0
"""Seconds from which clocks that differ are told: `since=5m` and freshness compare them."""
SKEW_FAILED_S = 60.0
_LIMITS = Limits(seconds=10.0, rows=1000)
_RIGHTS = (
    ("SELECT", True),
    ("INSERT", True),
    ("CREATE TABLE", False),
    ("CREATE VIEW", False),
    ("CREATE DICTIONARY", False),
    ("ALTER TABLE", False),
    ("ALTER VIEW", False),
)
"""What the house's user does in its database, and whether it is more than `otelhouse migrate` that needs it."""


def look(store: Store, settings: Settings) -> Iterator[Diagnosis]:
    """All of it."""
    looks: list[tuple[str, Look]] = [("clock", _clock), ("disks", _disks), ("log tables", _log_tables)]
    if not settings.store.embedded:
        looks.insert(0, ("rights", _rights))
    for what, one in looks:
        try:
            yield from one(store, settings)
        except StoreError as error:
            yield warning(f"{what}: {error}", f"let user {settings.store.username} look, or look yourself")


def _clock(store: Store, _settings: Settings) -> Iterator[Diagnosis]:
    before = time.time()
    theirs = float(str(store.select(Select(catalogue.probe("clock"), limits=_LIMITS)).rows[0][0]))
    after = time.time()
    skew = max(before - theirs, theirs - after, 0.0)
    if skew < SKEW_WARNING_S:
        yield ok("ClickHouse's clock and this machine's agree")
        return
    ahead = "behind" if theirs < before else "ahead of"
    what = f"ClickHouse's clock is {skew:.1f} s {ahead} this machine's"
    mend = "let both follow NTP; until then, freshness and `since` are wrong by as much"
    yield failed(what, mend) if skew >= SKEW_FAILED_S else warning(what, mend)


def _disks(store: Store, settings: Settings) -> Iterator[Diagnosis]:
    for disk in disk_watch.read(store):
        mend = "make room, or keep rows for fewer days (sql.retention)"
        if disk.free < settings.store.keep_free_bytes:
            yield failed(f"{disk}, less than store.keep_free_bytes: nothing is inserted", mend)
        elif disk_watch.alarm([disk], settings.store):
            yield warning(str(disk), mend)
        else:
            yield ok(str(disk))


def _rights(store: Store, settings: Settings) -> Iterator[Diagnosis]:
    on = f"{rendering.identifier(settings.store.database)}.*"
    missing = []
    for right, always in _RIGHTS:
        statement = rendering.fill(catalogue.probe("check_grant"), {"right": right, "on": on})
        if not int(str(store.select(Select(statement, limits=_LIMITS)).rows[0][0])):
            missing.append((right, always))
    if not missing:
        yield ok(f"user {settings.store.username} may do all that the house does")
        return
    rights = ", ".join(right for right, _ in missing)
    what = f"user {settings.store.username} lacks {rights} on {settings.store.database}"
    mend = f"GRANT {rights} ON {on} TO {settings.store.username}"
    if any(always for _, always in missing):
        yield failed(what, mend)
    else:
        yield warning(
            f"{what}: it cannot bring the tables up to date", f"{mend}, or run `otelhouse migrate` as another"
        )


def _log_tables(store: Store, _settings: Settings) -> Iterator[Diagnosis]:
    found = store.select(Select(catalogue.probe("log_tables"), limits=_LIMITS)).rows
    if not found:
        yield ok("ClickHouse's own log tables are bounded")
        return
    tables = ", ".join(f"system.{name} ({int(str(size)) / 1e6:.0f} MB)" for name, size in found)
    yield warning(
        f"ClickHouse keeps for ever what it writes about itself: {tables}",
        "give each a <ttl> in the server's configuration, such as event_date + INTERVAL 7 DAY DELETE",
    )
