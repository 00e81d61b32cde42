"""Which times an item may have: neither long gone when it arrived, nor days ahead.

In: how long each signal is kept. Out: `TimeBounds`, a rule that ingest applies in Python and that the Null tables check
in SQL (`times_are_near` in ``sql/decode/otlp_*.sql``). Both count from the arrival that is written on every resource
message, not from their own clocks, so they always agree, and a batch that is sent again hours later is judged as it was
the first time.

Why there are bounds: the tables have a partition a day, so one request with random times would open thousands of them
(`max_partitions_per_insert_block` in `sql.otlp`); and what is older than the retention would be deleted at once.
Why these: docs/decisions/0009-time-bounds.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sql.settings import RetentionSettings
from sql.signals import Signal

LONGEST_REACH_DAYS = 900
"""Days that an item may lie back where it is kept for longer or for ever: below the 1000 partitions of one INSERT."""
AHEAD_DAYS = 2
"""Days that an item may lie ahead: time zones mistaken for UTC, and clocks that are a little wrong, are no garbage."""
_DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """The rule of one signal."""

    reach_days: int
    """Days that an item may lie back from its arrival."""
    ahead_days: int = AHEAD_DAYS
    """Days that it may lie ahead of it."""

    @property
    def limited_by_retention(self) -> bool:
        """Whether a longer retention would let older items in."""
        return self.reach_days < LONGEST_REACH_DAYS

    def too_old(self, unix_nano: int, arrival: int) -> bool:
        """Whether the time lies too far back from `arrival`; both in nanoseconds since 1970."""
        return unix_nano < arrival - self.reach_days * _DAY

    def too_new(self, unix_nano: int, arrival: int) -> bool:
        """Whether the time lies too far ahead of `arrival`; both in nanoseconds since 1970."""
        return unix_nano > arrival + self.ahead_days * _DAY


Bounds = Callable[[Signal], TimeBounds]
"""The rule of each signal."""


def bounds(retention: RetentionSettings) -> Bounds:
    """Give the rule of each signal under these settings."""
    rules = {
        Signal.LOGS: TimeBounds(reach_days(retention.logs_days)),
        Signal.TRACES: TimeBounds(reach_days(retention.traces_days)),
        Signal.METRICS: TimeBounds(reach_days(retention.metrics_days)),
    }
    return rules.__getitem__


def reach_days(retention_days: int) -> int:
    """Give the days that an item may lie back, where it is kept for `retention_days`; 0 is for ever."""
    return min(retention_days or LONGEST_REACH_DAYS, LONGEST_REACH_DAYS)
