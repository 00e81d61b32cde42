"""`otelhouse bench embedded`: what `otelhouse up` on the embedded engine needs while it is filled.

In: how many log records to send. Out: the process's memory, and how long questions took meanwhile. The house and the
load are processes of their own; each figure is taken from outside the house.
"""

import json
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field

from bench import house_process, processes, sender, workloads

QUESTIONS = ("recent_logs", "services", "slow_traces")
_PAUSE = 0.25


@dataclass(slots=True)
class Asked:
    """Answer times of one question, in seconds."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        """The longest answer."""
        return max(self.seconds, default=0.0)

    @property
    def median(self) -> float:
        """The middle answer."""
        return sorted(self.seconds)[len(self.seconds) // 2] if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen."""

    records: int
    seconds: float
    peak_bytes: int
    resident_bytes: int
    asked: tuple[Asked, ...]


def run(records: int) -> Outcome:
    """Fill an empty house with `records` flat logs over gRPC and ask it questions all the while."""
    workload = workloads.flat_logs()
    with (
        tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder,
        house_process.running("up", {"OTELHOUSE_STORE_PATH": folder}) as house,
    ):
        done = threading.Event()
        asked = tuple(Asked(name) for name in QUESTIONS)
        asker = threading.Thread(target=_ask, args=(house.rest, asked, done))
        asker.start()
        try:
            count = records // workload.items_per_request
            sent = sender.send(house.grpc, workload, count=count, at_once=8, compression="none")
        finally:
            done.set()
            asker.join()
        if sent.refused:
            raise RuntimeError(f"{sent.refused} requests were refused; the first: {sent.first_refusal}")
        cost = processes.cost_of(house.pid)
        stored = sent.acknowledged * workload.items_per_request
        return Outcome(stored, sent.seconds, cost.peak_bytes, cost.resident_bytes, asked)


def as_text(outcome: Outcome) -> str:
    """Write the outcome for people."""
    lines = [
        (
            f"{outcome.records:,} log records in {outcome.seconds:.0f} s "
            f"({outcome.records / outcome.seconds:,.0f} a second, load and questions on the same machine)"
        ),
        (
            f"memory of the house: {outcome.peak_bytes / 2**20:.0f} MiB at its peak, "
            f"{outcome.resident_bytes / 2**20:.0f} MiB at the end"
        ),
    ]
    lines += [
        f"{asked.name}: asked {len(asked.seconds)} times meanwhile, "
        f"median {asked.median * 1000:.0f} ms, slowest {asked.slowest * 1000:.0f} ms"
        for asked in outcome.asked
    ]
    return "\n".join(lines)


def _ask(rest: str, asked: tuple[Asked, ...], done: threading.Event) -> None:
    while not done.wait(_PAUSE):
        for question in asked:
            started = time.monotonic()
            with urllib.request.urlopen(f"{rest}/api/v1/questions/{question.name}", timeout=60) as answer:
                json.load(answer)
            question.seconds.append(time.monotonic() - started)
