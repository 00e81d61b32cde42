"""What the canary of a cluster costs: a job of some beats beside a house on a ClickHouse server.

In: where the server is, its CPU time, and how many beats a job has. Out: a `JobOutcome`: CPU of the job's process,
start and beats apart; CPU of the house for its doors and windows, and of ClickHouse, without what they take anyway. The
house is `otelhouse up` without a canary of its own, so all that is asked of it is the job's.

Start and beats are told apart by jobs of one beat and jobs of more: what a beat more costs is a beat's, the rest is the
start's. Beats are `PERIOD` seconds apart, not a minute, so that it ends soon; waiting costs nothing.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench import house_process, processes
from bench.canary_benchmark import MINUTE, PERIOD, ServerCpu
from bench.house_process import RunningHouse

BEATS = 10
"""Of a job, as the chart runs it."""
SINGLES = 3
"""Jobs of one beat that are measured."""
IDLE_SECONDS = 60.0
_SETTLE_SECONDS = 15.0
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Taken:
    """CPU seconds of one job, without what is taken anyway."""

    process: float
    house: float
    server: float

    def less(self, other: "Taken") -> "Taken":
        """What this one took more; never less than nothing."""
        return Taken(
            max(0.0, self.process - other.process),
            max(0.0, self.house - other.house),
            max(0.0, self.server - other.server),
        )


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What was seen."""

    beats: int
    """Of a job."""
    single: Taken
    """Of a job of one beat, the middle one."""
    whole: Taken
    """Of a job of all its beats."""
    peak_bytes: int
    """Memory of the job's process."""
    load: float
    """Of the machine, in the last minute."""

    @property
    def beat(self) -> Taken:
        """What one beat more costs."""
        more, beats = self.whole.less(self.single), max(1, self.beats - 1)
        return Taken(more.process / beats, more.house / beats, more.server / beats)

    @property
    def start(self) -> float:
        """CPU seconds of the job's process before its first beat and after its last."""
        return max(0.0, self.single.process - self.beat.process)

    @property
    def cores(self) -> Taken:
        """The part of a core that each takes, where jobs follow one another with a beat a minute."""
        minutes = MINUTE * self.beats
        return Taken(self.whole.process / minutes, self.whole.house / minutes, self.whole.server / minutes)

    @property
    def core(self) -> float:
        """The part of a core that all of it is."""
        return self.cores.process + self.cores.house + self.cores.server


def run(settings: Mapping[str, str], server_cpu: ServerCpu, beats: int = BEATS) -> JobOutcome:
    """Measure; `settings` say where the server is."""
    with (
        tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder,
        house_process.running("up", {"OTELHOUSE_STORE_PATH": folder, **settings}) as house,
    ):
        meter = _Meter(house, settings, server_cpu)
        meter.job(1)  # what is made at the first is made once
        meter.learn_idle()
        singles = [meter.job(1) for _ in range(SINGLES)]
        whole = meter.job(beats)
        middle = Taken(*(statistics.median(column) for column in zip(*map(_numbers, singles), strict=True)))
    return JobOutcome(beats, middle, whole, meter.peak_bytes, os.getloadavg()[0])


class _Meter:
    """Runs jobs against one house."""

    def __init__(self, house: RunningHouse, settings: Mapping[str, str], server_cpu: ServerCpu) -> None:
        self._house, self._settings, self._server_cpu = house, settings, server_cpu
        self._idle = (0.0, 0.0)
        """CPU seconds in a second, of house and server, that nobody asks anything."""
        self.peak_bytes = 0

    def learn_idle(self) -> None:
        """See what is taken anyway."""
        time.sleep(_SETTLE_SECONDS)
        house, server, began = *self._cpu(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        took = time.monotonic() - began
        after = self._cpu()
        self._idle = ((after[0] - house) / took, (after[1] - server) / took)

    def job(self, beats: int) -> Taken:
        """Run one job, and wait until house and server have done what they do because of it."""
        house, server, began = *self._cpu(), time.monotonic()
        process = self._run(beats)
        time.sleep(PERIOD / 3)  # a viewer's stream ends, rows are merged: nobody tells when that is done
        after, took = self._cpu(), time.monotonic() - began
        return Taken(
            process,
            max(0.0, after[0] - house - self._idle[0] * took),
            max(0.0, after[1] - server - self._idle[1] * took),
        )

    def _cpu(self) -> tuple[float, float]:
        return processes.cost_of(self._house.pid).cpu_seconds, self._server_cpu()

    def _run(self, beats: int) -> float:
        """CPU seconds of a job's process."""
        house = self._house
        where = {
            "GRPC": f"http://{house.grpc}",
            "HTTP": f"http://{house.http}",
            "REST": house.rest,
            "MCP": f"{house.mcp}/mcp",
        }
        ways = {f"OTELHOUSE_CANARY_{name}_URL": url for name, url in where.items()}
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "otelhouse", "canary", "--beats", str(beats)],
                env={**os.environ, **self._settings, **ways, "OTELHOUSE_CANARY_PERIOD_S": str(PERIOD)},
                stdout=said,
                stderr=said,
            )
            # The kernel's account of this one child, its threads and its memory.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise RuntimeError(f"a job of {beats} beats ended with {process.returncode}: {said.read().decode()}")
        self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * 1024)
        return usage.ru_utime + usage.ru_stime


def _numbers(taken: Taken) -> tuple[float, float, float]:
    return taken.process, taken.house, taken.server
