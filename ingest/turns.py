"""Who may be read now, of the requests whose size is known only when they are there.

In: a number of turns. Out: a context to be inside of while reading. The next turn goes to the next sender in rotation
and not to the next request in line, and no sender has more than its share (`ingest.shares`) of the turns: however many
requests one sender has waiting, another waits for one of them at most.

Who has been reading for `patience` seconds while somebody waits for that very turn is cut off, the oldest first: a
sender that stalls, or sends over a slow line, shall not hold up the rest.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.shares import DEFAULT_SHARE, Shares, Verdict


class Turns:
    """So many turns at once. Belongs to one event loop."""

    def __init__(self, places: int, patience: float, share: float = DEFAULT_SHARE) -> None:
        """`share` is the part of the turns that one sender may have while others are active."""
        self._patience = patience
        self._shares = Shares(places, share)
        self._reading: dict[asyncio.Timeout, tuple[float, str]] = {}
        """The time limits of those who read, oldest first: when they began, and whose they are."""
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By sender, in rotation."""
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, limit: asyncio.Timeout, sender_key: str = "") -> AsyncIterator[None]:
        """Wait for a turn and have it. The caller is within `limit`, which may be moved up."""
        await self._enter(sender_key)
        try:
            self._reading[limit] = (asyncio.get_running_loop().time(), sender_key)
            self._arm()
            yield
        finally:
            self._reading.pop(limit, None)
            self._leave(sender_key)

    async def _enter(self, key: str) -> None:
        if key not in self._waiting and self._shares.verdict(key, 1) is Verdict.FITS:
            self._shares.add(key, 1)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(turn)
        self._arm()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._give_up(key, turn)
            else:  # the turn came in the moment in which the request was given up
                self._leave(key)
            raise

    def _give_up(self, key: str, turn: "asyncio.Future[None]") -> None:
        line = self._waiting.get(key)
        if line is not None and turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[key]

    def _leave(self, key: str) -> None:
        self._shares.add(key, -1)
        self._hand_on()
        self._arm()

    def _hand_on(self) -> None:
        """Give what is free to those next in rotation that may have it."""
        for key in tuple(self._waiting):
            if self._shares.used >= self._shares.limit:
                return
            self._serve(key)

    def _serve(self, key: str) -> None:
        line = self._waiting[key]
        # One that was cancelled takes itself out when its task runs next, so it may still stand here.
        while line and line[0].done():
            line.popleft()
        if line and self._shares.verdict(key, 1) is Verdict.FITS:
            self._shares.add(key, 1)
            line.popleft().set_result(None)
            self._waiting.move_to_end(key)
        if not line:
            del self._waiting[key]

    def _arm(self) -> None:
        if self._timer is None and (oldest := self._first_to_be_cut_off()) is not None:
            begun = self._reading[oldest][0]
            self._timer = asyncio.get_running_loop().call_at(begun + self._patience, self._hurry)

    def _hurry(self) -> None:
        self._timer = None
        oldest, now = self._first_to_be_cut_off(), asyncio.get_running_loop().time()
        if oldest is not None and now >= self._reading[oldest][0] + self._patience:
            del self._reading[oldest]
            if not oldest.expired():
                oldest.reschedule(now)
            return  # whoever leaves looks after the others that wait
        self._arm()

    def _first_to_be_cut_off(self) -> asyncio.Timeout | None:
        """Find the oldest whose turn somebody waits for: while turns are free, those who wait want their own alone."""
        if not self._waiting:
            return None
        all_taken = self._shares.used >= self._shares.limit
        return next((limit for limit, (_, key) in self._reading.items() if all_taken or key in self._waiting), None)
