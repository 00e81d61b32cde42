"""The canary: one beat after the other, each judged, recorded, counted, and told outside.

In: the ways into a house, settings, a book and figures. Out: `Beaten`s. `Heart` lets it beat on a thread of its own, at
a steady pace and never two at once: a beat that takes longer than the period leaves out the next ones. Nothing that
happens to a beat ends the heart, and nothing here holds up the house.
"""

import logging
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from canary import beating, dead_man
from canary.beating import Beat, Ways
from canary.book import Book
from canary.dead_man import PingError
from canary.figures import Figures
from canary.finding import EXCUSED, STREAM, Beaten, Finding, LookError, Past
from canary.judging import State
from canary.merging import worst
from canary.settings import CanarySettings

_log = logging.getLogger(__name__)

HOUR = 3_600 * 10**9
MOST_GAPS = 3
"""Beats in a row that a stream may be excused; in the last of them it is broken."""
_NEAR = 3
"""Periods for which the last beat of another process counts as the one before."""
_OLD_ENOUGH = 60 * 10**9
"""Nanoseconds; younger beats are looked at as the one before."""


class Canary:
    """Beats when it is told to."""

    def __init__(
        self,
        ways: Ways,
        settings: CanarySettings,
        clusters: tuple[str, ...],
        book: Book,
        figures: Figures | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """`clusters`: names, an empty one for telemetry that names none. `stop` ends a beat under way."""
        self.stop = stop or threading.Event()
        self._ways = ways
        self._settings = settings
        self._book = book
        self._figures = figures
        self._runs = {cluster: secrets.token_hex(4) for cluster in clusters}
        # As if it had beaten since 1970: numbers rise over restarts.
        self._number = int(time.time() / settings.period_s)
        self._gaps: Counter[tuple[str, str]] = Counter()
        """By cluster and signal, the beats in a row for which the stream was excused."""
        self._before: Sequence[Past] | None = None
        """The last beat, with what of it is stored; None before the first."""

    def beat(self) -> Beaten:
        """Do one beat. Takes `give_up_s` and some seconds more at most."""
        self._number += 1
        sent = time.time_ns()
        if self._before is None:
            self._before = self._of_another(sent)
        past = [Past(cluster, run, self._number, sent) for cluster, run in self._runs.items()]
        beat = Beat(self._ways, self._settings, past, self._before, self.stop)
        findings = [self._of_gaps(one) for one in beat.run()]
        if beat.rows is not None:
            findings += [finding for one in self._before for finding in beating.kept(one, beat.rows)]
            if self._number % self._settings.spot_every == 0:
                findings = worst([*findings, *self._look_back(sent)])
        self._before = beat.stored
        beaten = Beaten(sent, dict(self._runs), self._number, findings)
        if not self.stop.is_set():
            self._tell(beaten)
        return beaten

    def _of_gaps(self, one: Finding) -> Finding:
        """A stream may leave rows out now and then, and say so; one that always does tells nobody anything."""
        if one.leg != STREAM:
            return one
        at = (one.cluster, one.signal)
        if one.state is not State.SKIPPED or EXCUSED not in one.problem:
            self._gaps[at] = 0
            return one
        self._gaps[at] += 1
        if self._gaps[at] < MOST_GAPS:
            return one
        return replace(one, state=State.FAILED, problem=f"for {self._gaps[at]} beats {one.problem}")

    def _of_another(self, sent: int) -> list[Past]:
        """Of each cluster the last beat that a process before this one wrote down; none that is too old to be near."""
        latest: dict[str, Past] = {}
        for one in self._remembered(sent - int(_NEAR * self._settings.period_s * 1e9), sent, every=1):
            if one.cluster in self._runs:
                latest.setdefault(one.cluster, one)
        return list(latest.values())

    def _look_back(self, sent: int) -> list[Finding]:
        """Whether one beat of the last hours is still there."""
        records, hours = self._ways.records, self._settings.spot_hours
        if records is None or not hours:
            return []
        old = self._remembered(sent - int(hours * HOUR), sent - _OLD_ENOUGH, self._settings.spot_every)
        chosen = random.sample(list(old), min(1, len(old)))
        return [finding for one in chosen for finding in beating.look_back(records, one)]

    def _remembered(self, since: int, until: int, every: int) -> Sequence[Past]:
        """Beats of before; none where ClickHouse cannot be asked."""
        if self._ways.records is None:
            return ()
        try:
            return self._ways.records.past(since, until, every)
        except LookError as problem:
            _log.warning("beats of before cannot be read: %s", problem)
            self._count("record")
            return ()

    def _tell(self, beaten: Beaten) -> None:
        self._book.record(beaten.sent, beaten.runs, beaten.findings)
        if self._figures is not None:
            self._figures.beat(beaten)
        for one in beaten.broken[:1]:
            said = f"{one.signal} {one.state.value}: {one.problem}"
            _log.warning("the canary's way is broken at %s (%s); %d findings", one.leg, said, len(beaten.broken))
        if self._ways.records is not None:
            try:
                self._ways.records.write(beaten)
            except LookError as problem:
                _log.warning("what the canary found cannot be written down: %s", problem)
                self._count("record")
        if self._settings.dead_man_url.get_secret_value():
            try:
                dead_man.ping(self._settings.dead_man_url, well=beaten.well)
            except PingError as problem:
                _log.warning("%s", problem)
                self._count("ping")

    def _count(self, what: str) -> None:
        if self._figures is not None:
            self._figures.problem(what)


class Heart:
    """Lets a canary beat, from `start` to `stop`."""

    def __init__(
        self,
        canary: Canary,
        period: float,
        figures: Figures | None = None,
        heard: Callable[[Beaten], None] = lambda _: None,
    ) -> None:
        """`period`: seconds from one beginning to the next; `heard` is told of every beat."""
        self._heard = heard
        self._canary = canary
        self._period = period
        self._figures = figures
        self._thread = threading.Thread(target=self.run, name="canary", daemon=True)

    def start(self) -> None:
        """Begin on a thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End, also in the middle of a beat; who hangs in a request is left behind after `seconds`. Safe twice."""
        self._canary.stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def run(self, beats: int | None = None) -> None:
        """Beat until it is stopped, or so many times."""
        stop = self._canary.stop
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._heard(self._canary.beat())
            except Exception:  # noqa: BLE001  a beat ends here; the next must come, and silence is told by itself
                _log.exception("a beat of the canary broke")
                if self._figures is not None:
                    self._figures.problem("beat")
            if beats is not None:
                beats -= 1
                if beats <= 0:
                    break
            stop.wait(max(0.0, self._period - (time.monotonic() - began)))
