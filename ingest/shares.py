"""Fair shares of one bounded thing, such as memory or places, among the senders that want it now.

In: who wants how much more. Out: a `Verdict`; nothing is taken by asking. Bounded: senders that hold nothing are
forgotten after `ACTIVE_S` seconds, and the one longest idle where there are more than `MOST_IDLE`.

The rules, for N active senders (they hold something, or asked within `ACTIVE_S`):
- What a sender's only request needs is its own business, as long as it is free: a large request is never refused for
  ever because others are at work.
- Up to the even part, 1/(N+1) of all, a sender may take whatever is free.
- Beyond it a sender leaves the last eighth alone, which is there for whoever comes next, and holds no more than its
  share while others are active.

Belongs to one event loop, or to a lock of its owner.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

DEFAULT_SHARE = 0.5
"""Of the whole, for one sender while others are active."""
ACTIVE_S = 5.0
"""Seconds after its last wish for which a sender that holds nothing counts as active: as long as a sender is asked to
wait at most."""
MOST_IDLE = 4096
"""Senders remembered that hold nothing."""
_HEADROOM = 8
"""One part in so many is left to newcomers."""


class Verdict(Enum):
    """Whether something may be taken."""

    FITS = "fits"
    FULL = "full"
    """It is not free, and not by this sender's fault."""
    OVER_SHARE = "over_share"
    """This sender holds its share."""


class Account:
    """What is known of one sender."""

    __slots__ = ("asked", "held", "refusals", "wanted", "wanted_until")

    def __init__(self) -> None:
        self.held = 0
        self.asked = 0.0
        self.refusals = 0
        """In a row."""
        self.wanted = 0
        """What was refused last."""
        self.wanted_until = 0.0
        """Until when that is likely to be wanted still."""


class Shares:
    """Who holds how much of `limit`. The key ``""`` is the house itself: it has no share, and takes what is free."""

    def __init__(self, limit: int, share: float = DEFAULT_SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        """`share`: of `limit`, above 0 and at most 1."""
        self.limit = limit
        self.used = 0
        self._share = max(1, math.floor(limit * share))
        self._for_newcomers = math.ceil(limit / _HEADROOM) if limit > 2 else 0
        self._clock = clock
        self._house = Account()
        self._holding: dict[str, Account] = {}
        self._idle: OrderedDict[str, Account] = OrderedDict()
        """Those that hold nothing, the longest idle first."""

    @property
    def active(self) -> int:
        """Senders that hold something or asked a moment ago."""
        return len(self._holding) + len(self._idle)

    def held(self, key: str) -> int:
        """What one sender holds."""
        account = self._holding.get(key)
        return account.held if account is not None else 0

    def account(self, key: str) -> Account:
        """Note that a sender wants something, and give what is known of it."""
        if not key:
            return self._house
        now = self._clock()
        account = self._holding.get(key)
        if account is None:
            account = self._idle.pop(key, None) or Account()
            self._idle[key] = account
        account.asked = now
        self._forget(now)
        return account

    def verdict(self, key: str, more: int, own: int = 0) -> Verdict:
        """Tell whether a sender may take `more`, of whose request `own` is part of what it holds."""
        fits = Verdict.FITS if more <= max(0, self.limit - self.used) else Verdict.FULL
        if not key or not more:
            return fits
        held = self.account(key).held
        if held == own or held + more <= self.limit // (self.active + 1):
            return fits
        alone = self.active == 1
        if alone and fits is Verdict.FULL:
            return fits
        over = self.used + more > self.limit - self._for_newcomers or (not alone and held + more > self._share)
        return Verdict.OVER_SHARE if over else Verdict.FITS

    def add(self, key: str, difference: int) -> None:
        """Take, or give back what is negative. Nothing is refused here."""
        self.used += difference
        if not key or not difference:
            return
        account = self._holding.get(key)
        if account is None:
            account = self._idle.pop(key, None) or Account()
            self._holding[key] = account
        account.held += difference
        if not account.held:
            del self._holding[key]
            self._idle[key] = account
            account.asked = self._clock()

    def _forget(self, now: float) -> None:
        idle = self._idle
        while idle:
            oldest = next(iter(idle.values()))
            if now - oldest.asked <= ACTIVE_S and len(idle) <= MOST_IDLE:
                return
            idle.popitem(last=False)
