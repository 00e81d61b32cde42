"""One beat: send by both doors, look everywhere until all is found or time is up, judge.

In: the `Ways` into a house and the items. Out: `Finding`s, one for each cluster, signal and leg. What went wrong before
a leg is not blamed on it: a leg is looked at only for what the legs before it let through, and `skipped` for the rest.
It ends in time whatever the house does: every wait has an end, and a door that hangs is left alone for this beat.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from canary import messages
from canary.doors import Door
from canary.finding import KEPT, MCP, REST, STORED, STREAM, Finding, LookError, Past, Records, StoredRow
from canary.items import KINDS, Identity, Item, items
from canary.judging import Seen, State, Verdict, judge
from canary.listening import Streams
from canary.looking import Mcp, Place, Rest, Stored, seen_rows
from canary.messages import SIGNAL_OF
from canary.questions import WINDOWS, kinds_in_turn
from canary.sending import NotAcceptedError, Sender, send
from canary.settings import CanarySettings

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
"""Seconds between two looks."""
STREAMS_OPEN_WITHIN = 5.0
_MARGIN = 10**9


@dataclass(frozen=True, slots=True)
class Ways:
    """How to get into one house; None where there is no such way."""

    senders: Mapping[str, Callable[[], Sender]]
    """By door of `items.DOORS`, what opens it for a beat."""
    rest: Door | None
    mcp: Door | None
    records: Records | None


@dataclass(slots=True)
class _Leg:
    """What is known of one leg until now."""

    place: Place
    expected: dict[Identity, Item]
    seen: list[Seen] = field(default_factory=list)
    found: dict[Identity, float] = field(default_factory=dict)
    """Seconds after the beginning."""
    problem: str = ""

    def missing(self) -> set[Identity]:
        """What was not seen yet."""
        return self.expected.keys() - self.found.keys()


class Beat:
    """One beat. `run` once."""

    def __init__(
        self,
        ways: Ways,
        settings: CanarySettings,
        past: Sequence[Past],
        stop: threading.Event,
        whole: Collection[str] = WINDOWS,
    ) -> None:
        """`past`: for each cluster the run, the number and the moment of this beat.

        `whole`: the windows that are looked at for every kind, not only for those whose turn it is.
        """
        self._whole = whole
        self._ways = ways
        self._settings = settings
        self._stop = stop
        self._sent = past[0].sent
        self._number = past[0].number
        self._clusters = [one.cluster for one in past]
        self._items = [item for one in past for item in items(one.run, one.number, one.sent, one.cluster)]
        self._accepted: dict[tuple[str, str, str], Verdict] = {}
        """By cluster, door and signal."""
        self._took: dict[tuple[str, str, str], float] = {}
        self.stored: Sequence[StoredRow] | None = None
        """What ClickHouse held at the last look, from the beat before on; None where it could not be asked."""
        self._began = 0.0

    def run(self, before: int) -> list[Finding]:
        """Do it; `before` is when the beat before was sent."""
        with ExitStack() as closing:
            streams = self._open_streams(closing)
            self._began = time.monotonic()
            self._send_all()
            legs = self._legs(before, streams)
            self._look(legs)
            for leg in legs:
                if isinstance(leg.place, Stored) and not leg.problem:
                    self.stored = leg.place.rows
            return [*self._of_accepting(), *self._of_looking(legs, streams)]

    def _open_streams(self, closing: ExitStack) -> Streams | None:
        if self._ways.rest is None:
            return None
        wait = min(STREAMS_OPEN_WITHIN, self._settings.timeout_s)
        life = self._settings.give_up_s + self._settings.timeout_s
        streams = Streams(self._ways.rest, wait, life, self._kinds_at(STREAM))
        closing.callback(streams.close)
        return streams

    def _deadline(self) -> float:
        return self._began + self._settings.give_up_s

    def _seconds(self) -> float:
        """What one more request may take."""
        return max(0.5, min(self._settings.timeout_s, self._deadline() - time.monotonic()))

    def _send_all(self) -> None:
        for door, opened in self._ways.senders.items():
            sender = opened()
            try:
                self._send_by(door, sender)
            finally:
                sender.close()

    def _send_by(self, door: str, sender: Sender) -> None:
        dead = ""
        for cluster in self._clusters:
            mine = [item for item in self._items if item.cluster == cluster and item.door == door]
            for signal, request in messages.requests(mine).items():
                at = (cluster, door, signal)
                if dead:
                    self._accepted[at] = Verdict(State.FAILED, dead)
                    continue
                began = time.monotonic()
                try:
                    send(sender, signal, request, began + self._seconds(), self._stop)
                except NotAcceptedError as problem:
                    self._accepted[at] = Verdict(State.FAILED, str(problem))
                    if problem.again_after is not None:
                        dead = str(problem)  # it would be waited for as long again
                else:
                    self._accepted[at] = Verdict(State.OK)
                    self._took[at] = time.monotonic() - began

    def _let_in(self, item: Item) -> bool:
        return self._accepted[item.cluster, item.door, SIGNAL_OF[item.kind]].state is State.OK

    def _legs(self, before: int, streams: Streams | None) -> list[_Leg]:
        """The legs behind the doors, with what each should show."""
        ways = self._ways
        places: list[tuple[Place, Iterable[str]]] = []
        if ways.records is not None:
            places.append((Stored(ways.records, before), KINDS))
        if ways.rest is not None:
            places.append((Rest(ways.rest), self._kinds_at(REST)))
        if streams is not None:
            places.append((streams, streams.kinds))
        if ways.mcp is not None:
            places.append((Mcp(ways.mcp), self._kinds_at(MCP)))
        return [
            _Leg(place, {item.identity: item for item in self._items if item.kind in kinds and self._let_in(item)})
            for place, kinds in places
        ]

    def _kinds_at(self, window: str) -> Collection[str]:
        return KINDS if window in self._whole else kinds_in_turn(window, self._number)

    def _look(self, legs: Sequence[_Leg]) -> None:
        """Look until nothing is missing, or time is up."""
        pause = FIRST_PAUSE
        while True:
            for leg in legs:
                if leg.missing():
                    self._look_once(leg, legs)
            left = self._deadline() - time.monotonic()
            if left <= 0 or not any(leg.missing() for leg in legs) or self._stop.wait(min(pause, left)):
                break
            pause = min(1.6 * pause, LONGEST_PAUSE)
        for leg in legs:
            if leg.place.leg == STREAM and not leg.missing():
                self._look_at(leg, KINDS)  # what came twice came while others were looked at

    def _look_once(self, leg: _Leg, legs: Sequence[_Leg]) -> None:
        stored = next((one for one in legs if one.place.leg == STORED and not one.problem), None)
        missing = leg.missing()
        if stored is not None and leg is not stored:
            # What is not stored cannot be anywhere else; a look for it would be for nothing.
            missing -= stored.missing()
        if not missing and leg.place.leg != STREAM:
            return
        self._look_at(leg, [kind for kind in KINDS if any(one.kind == kind for one in missing)])

    def _look_at(self, leg: _Leg, kinds: Sequence[str]) -> None:
        try:
            seen = leg.place.look(list(leg.expected.values()), kinds, self._seconds())
        except LookError as problem:
            leg.problem = str(problem)
            return
        leg.problem = ""
        if leg.place.leg in {STORED, STREAM}:
            leg.seen = seen  # it shows all that is there
        else:
            leg.seen += [one for one in seen if one.identity.kind in kinds]
        now = time.monotonic() - self._began
        for one in leg.seen:
            if one.identity in leg.expected:
                leg.found.setdefault(one.identity, now)

    def _of_accepting(self) -> list[Finding]:
        findings = []
        for item in self._items:
            at = (item.cluster, item.door, SIGNAL_OF[item.kind])
            verdict, took = self._accepted[at], self._took.get(at, 0.0)
            state = State.LATE if verdict.state is State.OK and took > self._settings.late_s else verdict.state
            findings.append(
                Finding(item.cluster, item.kind, f"accept-{item.door}", state, 1000 * took, verdict.problem)
            )
        return findings

    def _of_looking(self, legs: Sequence[_Leg], streams: Streams | None) -> list[Finding]:
        findings: list[Finding] = []
        stored: Mapping[Identity, Verdict] = {}
        for leg in legs:
            verdicts = dict(judge(leg.expected.values(), leg.seen))
            for identity, verdict in verdicts.items():
                verdicts[identity] = self._excused(leg, identity, verdict, stored, streams)
            if leg.place.leg == STORED:
                stored = verdicts
            findings += self._found(leg, verdicts)
        return findings

    def _excused(
        self,
        leg: _Leg,
        identity: Identity,
        verdict: Verdict,
        stored: Mapping[Identity, Verdict],
        streams: Streams | None,
    ) -> Verdict:
        """What is not the leg's fault, and what could not be known."""
        if verdict.state is State.LOST:
            if identity in stored and stored[identity].state is State.LOST:
                return Verdict(State.SKIPPED, "it is not stored")
            if leg.problem:
                return Verdict(State.FAILED, leg.problem)
            if leg.place.leg == STREAM and streams is not None and (gap := streams.gap(identity.kind)):
                return Verdict(State.SKIPPED, f"the stream said that it left rows out: {gap}")
        if verdict.state is State.OK and leg.found[identity] > self._settings.late_s:
            return Verdict(State.LATE, f"it came after {leg.found[identity]:.1f} s")
        return verdict

    def _found(self, leg: _Leg, verdicts: Mapping[Identity, Verdict]) -> list[Finding]:
        findings = []
        for identity, verdict in verdicts.items():
            item, when = leg.expected[identity], self._when(leg, identity)
            problem = f"{verdict.problem} (sent by {item.door})" if verdict.problem else ""
            findings.append(Finding(item.cluster, item.kind, leg.place.leg, verdict.state, 1000 * when, problem))
        return findings

    def _when(self, leg: _Leg, identity: Identity) -> float:
        """Seconds from sending until it was there: ClickHouse's own word, where its clock agrees with ours."""
        seen = leg.found.get(identity, 0.0)
        said = [one.place for one in leg.seen if one.identity == identity] if leg.place.leg == STORED else []
        took = (min(said) - self._sent) / 1e9 if said else 0.0
        return took if 0 < took <= seen else seen


def kept(past: Past, rows: Sequence[StoredRow]) -> list[Finding]:
    """Judge a beat of before by what ClickHouse holds: whether it is still there, once, and as it was."""
    wanted = items(past.run, past.number, past.sent, past.cluster)
    # In which order it came was judged in its time.
    verdicts = judge(wanted, [one for one in seen_rows(rows) if one.identity.number == past.number])
    age = (time.time_ns() - past.sent) / 1e9
    findings = []
    for item in wanted:
        verdict = verdicts[item.identity]
        problem = f"beat {past.run}-{past.number}, {age:.0f} s old: {verdict.problem}" if verdict.problem else ""
        findings.append(Finding(past.cluster, item.kind, KEPT, verdict.state, problem=problem))
    return findings


def look_back(records: Records, past: Past) -> list[Finding]:
    """Look for a beat of before in ClickHouse."""
    try:
        return kept(past, records.rows(past.sent - _MARGIN, past.sent + _MARGIN))
    except LookError as failure:
        return [Finding(past.cluster, kind, KEPT, State.FAILED, problem=str(failure)) for kind in KINDS]
