"""One beat: send by both doors, look everywhere until all is found or time is up, judge.

In: the `Ways` into a house and the items. Out: `Finding`s, one for each cluster, signal and leg, which name the door of
what they found. What went wrong before a leg is not blamed on it: a leg is looked at only for what the legs before it
let through, and `skipped` for the rest.
It ends in time whatever the house does: every wait has an end, and a door that hangs is left alone for this beat.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from canary.doors import Door
from canary.finding import EXCUSED, KEPT, STORED, STREAM, Finding, LookError, Past, Records, StoredRow
from canary.items import KINDS, Identity, Item
from canary.judging import State, Verdict, judge
from canary.listening import Streams
from canary.looking import Mcp, Place, Rest, Stored
from canary.merging import merged
from canary.messages import SIGNAL_OF
from canary.questions import seen_rows
from canary.searching import Leg, Search
from canary.sending import Sender
from canary.sendoff import Sendoff
from canary.settings import CanarySettings

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
    one_release: bool = False
    """Whether the house is of the canary's own release, and so knows its question."""


class Beat:
    """One beat. `run` once."""

    def __init__(
        self,
        ways: Ways,
        settings: CanarySettings,
        past: Sequence[Past],
        before: Sequence[Past],
        stop: threading.Event,
    ) -> None:
        """`past`: for each cluster the run, the number and the moment of this beat; `before`: the last one.

        That should still be there, and nothing of it should come behind this one.
        """
        self._ways = ways
        self._settings = settings
        self._stop = stop
        self._sent = past[0].sent
        self._past, self._before = past, before
        self._items = [item for one in past for item in one.items]
        self._sendoff = Sendoff(ways.senders, self._items)
        self._lasting: set[tuple[str, str, str]] = set()
        """Run, door and kind of what should be stored from now on: acknowledged, and not lost already."""
        self.rows: Sequence[StoredRow] | None = None
        """What ClickHouse held at the last look, from the beats before on; None where it could not be asked."""
        self.stored: Sequence[Past] = ()
        """This beat, with what of it is stored."""
        self._began = 0.0

    def run(self) -> list[Finding]:
        """Do it."""
        with ExitStack() as closing:
            streams = self._open_streams(closing)
            self._began = time.monotonic()
            self._sendoff.run(self._seconds, self._stop)
            legs = self._legs(streams)
            kept = [item for one in self._before for item in one.items]
            search = Search(legs, kept, self._stop)
            search.run(self._began, self._deadline(), self._settings.timeout_s)
            self.rows = search.rows
            findings = [*self._of_accepting(), *self._of_looking(legs, streams)]
            self.stored = [self._stored_of(one) for one in self._past]
            return findings

    def _stored_of(self, past: Past) -> Past:
        """A beat with what should be there of it from now on."""
        return replace(past, stored=frozenset((door, kind) for run, door, kind in self._lasting if run == past.run))

    def _open_streams(self, closing: ExitStack) -> Streams | None:
        if self._ways.rest is None:
            return None
        wait = min(STREAMS_OPEN_WITHIN, self._settings.timeout_s)
        life = wait + self._settings.give_up_s + 3 * self._settings.timeout_s  # as long as a beat may take, and more
        streams = Streams(self._ways.rest, wait, life)
        closing.callback(streams.close)
        return streams

    def _deadline(self) -> float:
        return self._began + self._settings.give_up_s

    def _seconds(self) -> float:
        """What one more request may take."""
        return max(0.5, min(self._settings.timeout_s, self._deadline() - time.monotonic()))

    def _let_in(self, item: Item) -> bool:
        return self._sendoff.accepted[item.cluster, item.door, SIGNAL_OF[item.kind]].state is State.OK

    def _legs(self, streams: Streams | None) -> list[Leg]:
        """The legs behind the doors, with what each should show."""
        ways, since = self._ways, min(one.sent for one in (*self._before, *self._past))
        places: list[tuple[Place | None, Collection[str]]] = [
            (Stored(ways.records, since, self._sent) if ways.records is not None else None, KINDS),
            (Rest(ways.rest, since, self._sent) if ways.rest is not None else None, KINDS),
            (streams, Streams.kinds),
            (Mcp(ways.mcp, self._sent, self._sent) if ways.mcp is not None else None, KINDS),
        ]
        return [
            Leg(place, {item.identity: item for item in self._items if item.kind in kinds and self._let_in(item)})
            for place, kinds in places
            if place is not None
        ]

    def _of_accepting(self) -> list[Finding]:
        findings = []
        for item in self._items:
            at = (item.cluster, item.door, SIGNAL_OF[item.kind])
            verdict, took = self._sendoff.accepted[at], self._sendoff.took.get(at, 0.0)
            state = State.LATE if verdict.state is State.OK and took > self._settings.late_s else verdict.state
            findings.append(
                Finding(item.cluster, item.kind, f"accept-{item.door}", state, 1000 * took, verdict.problem)
            )
        return findings

    def _of_looking(self, legs: Sequence[Leg], streams: Streams | None) -> list[Finding]:
        findings: list[Finding] = []
        stored: Mapping[Identity, Verdict] = {}
        for leg in legs:
            verdicts = dict(judge(leg.expected.values(), leg.seen))
            for identity, verdict in verdicts.items():
                verdicts[identity] = self._excused(leg, identity, verdict, stored, streams)
            if leg.place.leg == STORED:
                stored = verdicts
                self._lasting = {
                    (identity.run, identity.door, identity.kind)
                    for identity, verdict in verdicts.items()
                    if verdict.state not in {State.LOST, State.FAILED}
                }
            findings += self._found(leg, verdicts)
        return findings

    def _excused(
        self,
        leg: Leg,
        identity: Identity,
        verdict: Verdict,
        stored: Mapping[Identity, Verdict],
        streams: Streams | None,
    ) -> Verdict:
        """What is not the leg's fault, and what could not be known."""
        if verdict.state is not State.OK and identity in stored and stored[identity].state is verdict.state:
            return Verdict(State.SKIPPED, "it is not stored" if verdict.state is State.LOST else "it is stored so")
        if verdict.state is State.LOST:
            if leg.problem:
                excused = leg.not_known and not self._ways.one_release
                return Verdict(State.SKIPPED if excused else State.FAILED, leg.problem)
            if leg.place.leg == STREAM and streams is not None:
                return _of_stream(streams, identity.kind, verdict)
        if verdict.state is State.OK and leg.found[identity] > self._settings.late_s:
            return Verdict(State.LATE, f"it came after {leg.found[identity]:.1f} s")
        return verdict

    def _found(self, leg: Leg, verdicts: Mapping[Identity, Verdict]) -> list[Finding]:
        findings = []
        for identity, verdict in verdicts.items():
            item, when = leg.expected[identity], 1000 * self._when(leg, identity)
            one = Finding(item.cluster, item.kind, leg.place.leg, verdict.state, when, verdict.problem)
            findings.append((item.door, one))
        return merged(findings)

    def _when(self, leg: Leg, identity: Identity) -> float:
        """Seconds from sending until it was there: ClickHouse's own word, where its clock agrees with ours."""
        seen = leg.found.get(identity, 0.0)
        said = [one.place for one in leg.seen if one.identity == identity] if leg.place.leg == STORED else []
        took = (min(said) - self._sent) / 1e9 if said else 0.0
        return took if 0 < took <= seen else seen


def _of_stream(streams: Streams, kind: str, lost: Verdict) -> Verdict:
    """What to say of an item that a stream did not tell."""
    if excuse := streams.excuse(kind):
        return Verdict(State.SKIPPED, f"{EXCUSED}: {excuse}")
    if problem := streams.problem(kind):
        return Verdict(State.FAILED, problem)
    return lost


def kept(past: Past, rows: Sequence[StoredRow]) -> list[Finding]:
    """Judge what was stored of a beat of before by what ClickHouse holds: still there, once, and as it was."""
    wanted = past.items
    # In which order it came was judged in its time.
    verdicts = judge(wanted, [one for one in seen_rows(rows) if one.identity.number == past.number])
    age = (time.time_ns() - past.sent) / 1e9
    findings = []
    for item in wanted:
        verdict = verdicts[item.identity]
        problem = f"beat {past.run}-{past.number}, {age:.0f} s old: {verdict.problem}" if verdict.problem else ""
        findings.append((item.door, Finding(past.cluster, item.kind, KEPT, verdict.state, problem=problem)))
    return merged(findings)


def look_back(records: Records, past: Past) -> list[Finding]:
    """Look for a beat of before in ClickHouse."""
    try:
        return kept(past, records.rows(past.sent - _MARGIN, past.sent + _MARGIN))
    except LookError as failure:
        kinds = dict.fromkeys(item.kind for item in past.items)
        return [Finding(past.cluster, kind, KEPT, State.FAILED, problem=str(failure)) for kind in kinds]
