"""No request is acknowledged before it is on disk: seen from the kernel's side.

The house runs under strace with the spool in front of every INSERT. For every request, told by the ids in its bytes:
the file that holds it was written and its fsync had returned; then it was renamed; then the fsync of the folder had
returned; and only then began the system call that carries the OK to that request's sender.

Which answer belongs to which request: a connection carries one request after the other, so the n-th OK on it answers
the n-th request on it. Over gRPC an OK is the trailers: a HEADERS frame that ends its stream (RFC 9113 section 6.2).
"""

import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.chaos import ground, syscalls
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Note
from bench.chaos.syscalls import Call
from sql.signals import Signal

SECONDS = 10.0
LONGEST = 16 * 1024
"""Bytes of a buffer in strace's log; the requests are smaller."""
_ID = re.compile(rb"(\d{8})/\d{5}")
_OK = re.compile(rb"HTTP/1\.1 200 ")
_READS = frozenset({"read", "readv", "recvfrom", "recvmsg"})
_WRITES = frozenset({"write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg"})
_FRAME = 9
"""Bytes of an HTTP/2 frame's head."""
_HEADERS, _END_STREAM = 1, 1


@dataclass(slots=True)
class _Stream:
    """One direction of a connection: all its bytes, and which call carried which."""

    data: bytearray = field(default_factory=bytearray)
    calls: list[tuple[int, Call]] = field(default_factory=list)

    def add(self, call: Call) -> None:
        self.calls.append((len(self.data), call))
        self.data += call.data

    def call_at(self, offset: int) -> Call:
        """The call that carried the byte at `offset`."""
        return next(call for begin, call in reversed(self.calls) if begin <= offset)


@dataclass(slots=True)
class Trace:
    """What the log tells of the requests."""

    spool: str
    durable: dict[int, int] = field(default_factory=dict)
    """Request -> place in the log at which it was on disk, folder and all."""
    answered: dict[int, int] = field(default_factory=dict)
    """Request -> place in the log at which its OK began to be sent."""
    syncs: int = 0
    _holds: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Path of a file -> the requests in it."""
    _synced: set[str] = field(default_factory=set)
    _renamed: dict[str, int] = field(default_factory=dict)
    """Files that are whole under their name, and since when; the folder is not synced since."""
    _in: dict[str, _Stream] = field(default_factory=lambda: defaultdict(_Stream))
    _out: dict[str, _Stream] = field(default_factory=lambda: defaultdict(_Stream))

    def follow(self, calls: Iterable[Call]) -> None:
        """Take in all calls, in the order in which they ended."""
        for call in calls:
            if call.name in ("fsync", "fdatasync"):
                self._sync(call)
            elif call.name.startswith("rename"):
                self._rename(call)
            elif call.target.startswith("TCP"):
                (self._in if call.name in _READS else self._out)[call.target].add(call)
            elif call.name in _WRITES and call.target.startswith(self.spool):
                self._holds[call.target].update(int(found[1]) for found in _ID.finditer(call.data))
                self._synced.discard(call.target)
        self._match()

    def _sync(self, call: Call) -> None:
        self.syncs += call.target.startswith(self.spool)
        if call.target != self.spool:
            self._synced.add(call.target)
            return
        for path, renamed in list(self._renamed.items()):
            if renamed < call.begun:
                del self._renamed[path]
                for number in self._holds.pop(path, ()):
                    self.durable.setdefault(number, call.ended)

    def _rename(self, call: Call) -> None:
        if call.source in self._holds and call.source in self._synced:
            self._holds[call.target] = self._holds.pop(call.source)
            self._renamed[call.target] = call.ended

    def _match(self) -> None:
        """The n-th OK of a connection answers its n-th request."""
        for connection, incoming in self._in.items():
            outgoing = self._out.get(connection)
            numbers = list(dict.fromkeys(int(found[1]) for found in _ID.finditer(bytes(incoming.data))))
            if outgoing is None or not numbers:
                continue
            http = bool(_OK.match(bytes(outgoing.data[:16])) or outgoing.data.startswith(b"HTTP/1.1"))
            offsets = _http_answers(outgoing.data) if http else _grpc_answers(outgoing.data)
            for number, offset in zip(numbers, offsets, strict=False):
                self.answered[number] = outgoing.call_at(offset).begun


def _http_answers(data: bytes | bytearray) -> Iterator[int]:
    return (found.start() for found in _OK.finditer(bytes(data)))


def _grpc_answers(data: bytes | bytearray) -> Iterator[int]:
    offset = 0
    while offset + _FRAME <= len(data):
        kind, flags = data[offset + 3], data[offset + 4]
        if kind == _HEADERS and flags & _END_STREAM:
            yield offset
        offset += _FRAME + int.from_bytes(data[offset : offset + 3], "big")


def run(plan: Plan) -> Verdict:
    """One house, one trace; a round is another."""
    broken, proven, syncs = [], 0, 0
    for number in range(plan.rounds):
        trace, notes = _trace(plan, plan.seed + number)
        acknowledged = [note.number for note in notes if note.acknowledged]
        broken += judge(acknowledged, trace)
        proven, syncs = proven + len(acknowledged), syncs + trace.syncs
        plan.say(f"round {number + 1} of {plan.rounds}: {len(acknowledged)} OKs, {trace.syncs} fsyncs in the spool")
    seen = f"{proven:,} OKs, each after the fsync of its file and of the folder ({syncs:,} fsyncs)"
    return Verdict(plan.rounds, seen, tuple(broken), {"acknowledged": proven, "syncs": syncs})


def judge(acknowledged: Iterable[int], trace: Trace) -> list[str]:
    """What does not hold, request by request."""
    broken, any_ = [], False
    for number in acknowledged:
        any_ = True
        durable, answered = trace.durable.get(number), trace.answered.get(number)
        if answered is None:
            broken.append(f"request {number}: its answer was not found in the trace")
        elif durable is None:
            broken.append(f"request {number} was acknowledged and never synced")
        elif answered <= durable:
            broken.append(f"request {number} was acknowledged at line {answered}, synced at line {durable}")
    return broken if any_ else ["nothing was acknowledged, so nothing is shown"]


def _trace(plan: Plan, seed: int) -> tuple[Trace, list[Note]]:
    with contextlib.ExitStack() as stack:
        log = Path(stack.enter_context(TemporaryDirectory(prefix="otelhouse-chaos-strace-"))) / "strace"
        here = stack.enter_context(ground.laid(ground.ALWAYS, prefix=syscalls.prefix(log, LONGEST)))
        here.house.start()
        notes = _send(here, plan, seed)
        here.house.kill()
        trace = Trace(str(here.house.spool_folder))
        with log.open(encoding="ascii", errors="replace") as lines:
            trace.follow(syscalls.read(line.rstrip("\n") for line in lines))
    return trace, notes


def _send(here: Ground, plan: Plan, seed: int) -> list[Note]:
    """One sender for each signal and transport, each with a connection and a range of numbers of its own."""
    notes: list[Note] = []
    with contextlib.ExitStack() as stack:
        crews = []
        for index, (signal, transport) in enumerate((s, t) for s in Signal for t in ("grpc", "http")):
            one = here.load(
                seed, senders=1, items=2, signals=(signal,), transports=(transport,), plain=True,
                first=index * 100_000, pause=0.02, timeout=30.0,
            )  # fmt: skip
            crews.append(stack.enter_context(here.under(one)))
        for crew in crews:
            crew.wait_for(1)
        time.sleep(plan.seconds(SECONDS, 1))
        for crew in crews:
            notes += crew.finish()
    return notes
