"""What `bench.stream_benchmark` found, written for machines (JSON) and for people (a page).

In: its `Outcome`. Out: text. It measures nothing, and says of each bar whether it was missed.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench import report
from bench.stream_benchmark import ASKED_RATE, TOO_LATE_MS, Fanout, Outcome, Soon

SOON_MS = (150, 500)
"""p50 and p99 that are to be reached."""


def as_json(outcome: Outcome) -> str:
    """Give one object: the machine, and all that was measured."""
    return json.dumps({"machine": report.machine(), **dataclasses.asdict(outcome)}, indent=2) + "\n"


def read(told: Mapping[str, Any]) -> Outcome:
    """Read back what `as_json` wrote."""
    return Outcome(
        told["rate"],
        told["seconds"],
        _read_soon(told["soon"]),
        _read_soon(told["browser"]) if told["browser"] else None,
        tuple(Fanout(**one) for one in told["many"]),
        tuple((viewers, quiet, busy) for viewers, quiet, busy in told["asked"]),
        told["memory_bytes"],
        told["load"],
    )


def _read_soon(told: Mapping[str, Any]) -> Soon:
    return Soon(told["events"], (told["sent"][0], told["sent"][1]), (told["stored"][0], told["stored"][1]))


def as_markdown(outcome: Outcome, machine: Mapping[str, str | int]) -> str:
    """Write the page."""
    lines = [
        *_machine_lines(outcome, machine),
        *_soon_lines(outcome.soon, outcome.browser),
        *_many_lines(outcome.many),
        *_cost_lines(outcome),
    ]
    return "\n".join(lines) + "\n"


def _machine_lines(outcome: Outcome, machine: Mapping[str, str | int]) -> list[str]:
    place = f"{machine['cpu']}, {machine['cores']} cores, which clients and sender share with it"
    load = f"Load of the machine before the run: {outcome.load:.1f}."
    return [f"One process of the house on the embedded engine; {place}.", load, ""]


def _soon_lines(soon: Soon, browser: Soon | None) -> list[str]:
    return [
        f"| {soon.events} events, one after the other, one client | p50, p99 | bar |",
        "|---|---|---|",
        f"| from stored (the sender has its OK) to the client | {_in_bar(soon)} | {_two(SOON_MS)} |",
        f"| from stored to a listener of a page in headless Chromium | {_in_bar(browser)} | {_two(SOON_MS)} |",
        f"| from sent over OTLP to the client | {_two(soon.sent)} | |",
        "",
    ]


def _in_bar(soon: Soon | None) -> str:
    if soon is None:
        return "not measured: no Chromium"
    return _two(soon.stored) + _missed(any(took > bar for took, bar in zip(soon.stored, SOON_MS, strict=True)))


def _many_lines(many: Sequence[Fanout]) -> list[str]:
    head = "clients | events a second | deliveries a second | clients with every event, once | p50, p99, sent to seen"
    return [
        f"| {head} | CPU a delivery |",
        "|---|---|---|---|---|---|",
        *(_fanout_line(one) for one in many),
        "",
        f"Bar: every client has every event, p99 {TOO_LATE_MS:,} ms.",
        "",
    ]


def in_bar(one: Fanout) -> bool:
    """Whether every client had every event, in time."""
    return one.p99_ms <= TOO_LATE_MS and one.complete >= one.viewers


def _speed(many: Sequence[Fanout]) -> str:
    reached = [one for one in many if in_bar(one)]
    if not reached:
        return "No load was within the bar."
    most = max(reached, key=lambda one: one.deliveries)
    return (
        f"{1e6 / max(most.cpu_us, 0.1):,.0f} deliveries a second a core: a second by the CPU that the house took for a "
        f"delivery at the highest load within the bar ({most.viewers:,} clients, {most.rate:.1f} events a second)."
    )


def _fanout_line(one: Fanout) -> str:
    took = _two((one.p50_ms, one.p99_ms)) + _missed(not in_bar(one))
    numbers = f"{one.viewers:,} | {one.rate:.1f} | {one.deliveries:,.0f} | {one.complete:,}"
    return f"| {numbers} | {took} | {one.cpu_us:.1f} us |"


def _cost_lines(outcome: Outcome) -> list[str]:
    memory = f"Memory of the house at the peak: {outcome.memory_bytes / 2**20:.0f} MiB."
    return [
        f"{_speed(outcome.many)} {memory}",
        "",
        f"| clients | questions to ClickHouse a second | while {ASKED_RATE:g} events a second come |",
        "|---|---|---|",
        *(f"| {viewers} | {quiet:.1f} | {busy:.1f} |" for viewers, quiet, busy in outcome.asked),
        "",
        f"`{command(outcome)}` measures it again.",
    ]


def command(outcome: Outcome) -> str:
    """What measures this."""
    viewers, rate, seconds = outcome.many[0].viewers, outcome.rate, outcome.seconds
    return f"otelhouse bench streams --viewers {viewers} --rate {rate:g} --seconds {seconds:g}"


def _two(milliseconds: Sequence[float]) -> str:
    return ", ".join(f"{took:,.0f} ms" for took in milliseconds)


def _missed(missed: bool) -> str:  # noqa: FBT001 - there is nothing else to say
    return ", missed" if missed else ""
