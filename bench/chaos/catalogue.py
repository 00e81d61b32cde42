"""All faults, in the order of the table."""

from collections.abc import Mapping

from bench.chaos.fault import Fault
from bench.chaos.faults import (
    clickhouse_freeze,
    clickhouse_kill,
    clock_jump,
    disk_full,
    flood,
    front_door_fuzz,
    fsync_proof,
    ingester_kill,
    lost_answer,
    soak,
    spool_damage,
)

_ONCE = "every acknowledged record stored exactly once"

_ROWS = (
    Fault(
        "ingester-kill",
        "SIGKILL of the ingester at a random moment under load, restart (`spool.mode: always`, `resend_window_s: 300`)",
        _ONCE,
        50,
        ingester_kill.exactly_once,
    ),
    Fault(
        "ingester-kill-default",
        "the same with default settings",
        "every acknowledged record stored; twice at most where its sender repeated it without an answer",
        20,
        ingester_kill.by_default,
    ),
    Fault(
        "ingester-kill-embedded",
        "the same with the embedded engine, which dies as well (`spool.mode: always`, `resend_window_s: 300`)",
        _ONCE,
        10,
        ingester_kill.embedded,
    ),
    Fault("clickhouse-kill", "SIGKILL of ClickHouse under load, restart", _ONCE, 20, clickhouse_kill.run),
    Fault(
        "clickhouse-freeze",
        "ClickHouse frozen (SIGSTOP) 60 s under load",
        "senders answered within 10 s; " + _ONCE,
        3,
        clickhouse_freeze.run,
    ),
    Fault(
        "lost-answer",
        "answer lost after commit (a proxy cuts the connection)",
        "no duplicate through the house's own retries",
        50,
        lost_answer.run,
        quick=6,
    ),
    Fault("disk-full", "spool disk full", "refusals, no crash, recovery by itself", 3, disk_full.run, quick=3),
    Fault(
        "spool-damage",
        "spool file truncated or bit-flipped at random",
        "starts, loses only what was hit, reports it",
        100,
        spool_damage.run,
        quick=3,
    ),
    Fault("clock-jump", "clock jumps an hour back and forth", "no stall", 3, clock_jump.run),
    Fault("flood", "flood by one sender beside a polite one", "the polite one's p99 at most doubles", 3, flood.run),
    Fault(
        "fuzz",
        "front door fuzzed: random and mutated bytes into every OTLP route, both transports",
        "no crash, no leak, right status each time",
        200_000,
        front_door_fuzz.run,
        quick=2_000,
    ),
    Fault(
        "soak",
        "soak: 10 minutes at half load with questions running",
        "memory flat within 5 % after the first minute",
        1,
        soak.on_a_server,
    ),
    Fault(
        "fsync",
        "power loss: strace of the house (`spool.mode: always`)",
        "no OK before the fsync of the file and of its folder returned",
        1,
        fsync_proof.run,
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ROWS}
"""Every fault by its name."""
