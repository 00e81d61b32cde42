"""What a process has cost: CPU seconds and peak memory, read from the kernel's own accounting.

In: a process id. Out: `Cost`. Linux only (``/proc``); elsewhere it raises `NotImplementedError`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used since it was started."""

    cpu_seconds: float
    peak_bytes: int
    resident_bytes: int


def cost_of(pid: int) -> Cost:
    """Read the cost of one process so far (proc(5): stat fields 14 and 15; status VmHWM, VmRSS)."""
    folder = Path("/proc") / str(pid)
    if not folder.parent.exists():
        raise NotImplementedError("CPU time of another process is read from /proc, which only Linux has")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return Cost(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        peak_bytes=int(status["VmHWM"].split()[0]) * 1024,
        resident_bytes=int(status["VmRSS"].split()[0]) * 1024,
    )
