"""Runs the whole set: one house, all incidents sent through its front door, each investigated twice.

In: which incidents, a seed of all names and chances, where to tell progress. Out: a score for each. The house is
`otelhouse up` on the embedded engine, a process of its own that ends with the run; all clusters are in it at once, so
that each incident lies among the others' telemetry.
"""

import asyncio
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench import house_process
from bench.agents import conversation, policy, raw_agent, scoring, sending
from bench.agents.diagnosis import is_right
from bench.agents.incident import Incident
from bench.agents.scoring import Score


@dataclass(frozen=True, slots=True)
class House:
    """A house that holds the telemetry of the incidents."""

    mcp: str
    """Address of its window for agents."""


@contextmanager
def house(incidents: Sequence[Incident], seed: int, say: Callable[[str], object]) -> Iterator[House]:
    """Start one, send it everything, end it after."""
    with (
        tempfile.TemporaryDirectory(prefix="otelhouse-agents-") as folder,
        house_process.running("up", {"OTELHOUSE_STORE_PATH": folder, "OTELHOUSE_MCP_PORT": str(port := _free())}) as up,
    ):
        begun = time.monotonic()
        size = sending.send(up.http, incidents, time.time_ns(), seed)
        say(f"sent {size / 2**20:.1f} MiB (gzip) of {len(incidents)} clusters in {time.monotonic() - begun:.0f} s")
        yield House(f"http://127.0.0.1:{port}/mcp")


def run(incidents: Sequence[Incident], seed: int, say: Callable[[str], object]) -> list[Score]:
    """Investigate each."""
    with house(incidents, seed, say) as up:
        return asyncio.run(_investigate(up, incidents, say))


async def _investigate(up: House, incidents: Sequence[Incident], say: Callable[[str], object]) -> list[Score]:
    scores = []
    for incident in incidents:
        scores.append(score := await investigated(up, incident))
        say(f"{incident.name}: {'right' if score.right else 'WRONG'}, {score.diagnosis}; {score.tools.tokens} tokens")
    return scores


async def investigated(up: House, incident: Incident) -> Score:
    """One incident, by the tools and by raw SQL, each with a client of its own."""
    async with conversation.begun(up.mcp) as tools:
        found = await policy.investigate(tools, incident.page)
        by_tools = scoring.cost(tools.spent, tools.offered.tokens)
    async with conversation.begun(up.mcp, "sql") as raw:
        texts = await raw_agent.investigate(raw, incident.page)
        by_sql = scoring.cost(raw.spent, raw.offered.tokens)
    return Score(
        incident.name, incident.title, incident.is_control, is_right(found, incident), scoring.in_words(found),
        by_tools, by_sql, scoring.has_read(texts, incident),
    )  # fmt: skip


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
