"""Random and mutated bytes into every OTLP route, over both transports.

Every answer is held against what is right for that body (`bench.chaos.fuzz_cases`). A house that is busy may say so, if
it asks to come again. Beside that some connections send what is no HTTP and no HTTP/2. The process must be the same one
in the end, hold no more memory than after the first quarter, and store a good request exactly once.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from google.rpc import code_pb2

from bench import processes
from bench.chaos import fuzz_cases, fuzz_clients, ground
from bench.chaos.fault import Plan, Verdict
from bench.chaos.fuzz_cases import Case
from bench.chaos.fuzz_clients import Answer, GrpcDoor, HttpDoor
from bench.chaos.ground import Ground

WORKERS = 96
"""Requests under way at once, half of them on each transport."""
GARBAGE_EVERY = 200
GROWTH = 0.10
SPARE_BYTES = 16 * 2**20
"""Growth that is no leak: what a heap of Python and C keeps between requests."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
BUSY_HTTP, BUSY_GRPC = 503, code_pb2.UNAVAILABLE
MOST_BUSY = 0.05


@dataclass(slots=True)
class _Tally:
    """What came back."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    busy: int = 0
    busy_words: str = ""
    done: int = 0

    def take(self, case: Case, answer: Answer) -> None:
        """Hold one answer against what is right."""
        self.done += 1
        self.answers[case.transport, answer.status] += 1
        if answer.status in case.allowed:
            return
        if answer.status == (BUSY_HTTP if case.transport == "http" else BUSY_GRPC) and answer.retry:
            self.busy += 1
            self.busy_words = answer.words
            return
        self.wrong.append(
            f"{case.kind} as {case.signal} over {case.transport} was answered {answer.status} ({answer.words[:160]}) "
            f"and not {sorted(case.allowed)}; the body: {case.body[:400].hex()}"
        )


def run(plan: Plan) -> Verdict:
    """A round is one body."""
    with ground.laid() as here:
        here.house.start()
        pid = here.house.pid
        tally = _Tally()
        memory = asyncio.run(_fuzz(here, plan, tally))
        broken = [f"wrong answer: {one}" for one in tally.wrong[:5]]
        broken += [f"{len(tally.wrong)} wrong answers in all"] if tally.wrong else []
        if tally.busy > MOST_BUSY * plan.rounds:
            broken.append(f"{tally.busy} requests were asked to come again; the last: {tally.busy_words}")
        if memory[1] > memory[0] * (1 + GROWTH) + SPARE_BYTES:
            broken.append(f"memory grew from {memory[0] / 2**20:.0f} to {memory[1] / 2**20:.0f} MiB")
        broken += _still_works(here, plan, pid)
    seen = (
        f"{tally.done:,} bodies, {len(tally.wrong)} wrong answers, {tally.busy} asked to come again; "
        f"memory {memory[0] / 2**20:.0f} MiB after a quarter, {memory[1] / 2**20:.0f} MiB at the end"
    )
    figures = {f"{transport} {status}": float(count) for (transport, status), count in sorted(tally.answers.items())}
    return Verdict(tally.done, seen, tuple(broken), figures | {"wrong": len(tally.wrong), "busy": tally.busy})


def _still_works(here: Ground, plan: Plan, pid: int) -> list[str]:
    if not here.house.alive or here.house.pid != pid:
        return [f"the house did not survive; {here.house.last_words()}"]
    load = here.load(plan.seed, senders=1, most=1)
    with here.under(load) as senders:
        notes = senders.wait()
    balance = here.settle(load.run, notes)
    return [f"afterwards: {words}" for words in balance.broken(even_interrupted=True)]


async def _fuzz(here: Ground, plan: Plan, tally: _Tally) -> tuple[float, float]:
    """Send everything; gives the memory after the first quarter and at the end, in bytes."""
    numbers = iter(range(plan.rounds))
    http_port, grpc_port = (int(address.rpartition(":")[2]) for address in (here.house.http, here.house.grpc))
    quarter: list[int] = []
    told = time.monotonic()

    async def work(index: int) -> None:
        nonlocal told
        http = HttpDoor(http_port)
        doors: dict[str, HttpDoor | GrpcDoor] = {"http": http, "grpc": channels[index % len(channels)]}
        for number in numbers:
            draw = random.Random(f"{plan.seed} {number}")
            case = fuzz_cases.case(draw)
            tally.take(case, await doors[case.transport].send(case))
            if number % GARBAGE_EVERY == 0:
                await fuzz_clients.garbage(draw.choice((http_port, grpc_port)), _garbage(draw))
            if tally.done >= plan.rounds // 4 and not quarter:
                quarter.append(processes.cost_of(here.house.pid).resident_bytes)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                plan.say(f"{tally.done:,} of {plan.rounds:,} bodies, {len(tally.wrong)} wrong answers")
        await http.close()

    channels = [GrpcDoor(here.house.grpc) for _ in range(4)]
    await asyncio.gather(*(work(index) for index in range(WORKERS)))
    for channel in channels:
        await channel.close()
    return quarter[0], processes.cost_of(here.house.pid).resident_bytes


def _garbage(draw: random.Random) -> bytes:
    """No request of any protocol, or the begin of one."""
    return draw.choice((
        draw.randbytes(draw.randrange(1, 4000)),
        PREFACE + draw.randbytes(200),
        PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + _frames(draw),
        b"POST /v1/logs HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffff\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000,
    ))  # fmt: skip


def _frames(draw: random.Random) -> bytes:
    """HTTP/2 frames of any kind with any contents."""
    out = b""
    for _ in range(draw.randrange(1, 20)):
        payload = draw.randbytes(draw.randrange(0, 60))
        head = len(payload).to_bytes(3, "big") + bytes((draw.randrange(12), draw.randrange(256)))
        out += head + draw.randrange(0, 9).to_bytes(4, "big") + payload
    return out
