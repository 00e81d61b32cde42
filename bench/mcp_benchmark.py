"""`otelhouse bench mcp`: how long agents wait for a tool over many stored rows.

In: a store that `bench.question_benchmark.fill` filled, and how often to ask. Out: by tool the seconds of each call,
from the request on a socket of this machine to the whole answer, one after the other, and the tokens of its text as
`mcp_server.tokens` counts them. What is asked for differs from one call to the next, so that no cache answers. It
refuses a tool that answers with an error.
"""

import asyncio
import http.client
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from bench.question_benchmark import Fleet
from mcp_server import tokens
from mcp_server.agent_sql import AgentSql
from mcp_server.settings import PATH, McpSettings
from mcp_server.window import Behind, Window
from otelhouse.rest_server import RestServer
from query.desk import Desk
from query.readiness import Readiness
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from store.port import Store

Arguments = Mapping[str, object]


@dataclass(slots=True)
class Timed:
    """What was seen of one tool."""

    tool: str
    asked: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of all cores, of ClickHouse and of this process together: what load beside does not change."""
    tokens: list[int] = field(default_factory=list)

    @property
    def p95(self) -> float:
        """Seconds that 95 of 100 calls stay within; the slowest where there are few."""
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[-1] if len(self.seconds) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One way of calling one tool."""

    tool: str
    asked: str
    arguments: Callable[[random.Random], Arguments]


def _pod(dice: random.Random) -> dict[str, str]:
    service = int(dice.random() ** 3 * 200)
    return {"namespace": f"namespace-{service % 40}", "pod_name": f"service-{service}"}


def _service(dice: random.Random) -> str:
    return f"service-{int(dice.random() ** 3 * 200)}"


CASES: tuple[Case, ...] = (
    Case("find_problems", "everything, an hour", lambda d: {"since": f"{d.randrange(55, 65)}m"}),
    Case("find_problems", "one namespace, an hour", lambda d: {"namespace": _pod(d)["namespace"]}),
    Case("get_pod_errors", "a workload, half an hour", lambda d: {**_pod(d), "minutes": 30}),
    Case("get_pod_timeline", "a workload, an hour", lambda d: {**_pod(d), "minutes": 60}),
    Case("check_pod_health", "a workload, an hour", _pod),
    Case("get_warning_summary", "everything, half an hour", lambda d: {"minutes": d.randrange(25, 35)}),
    Case("search_logs", "a text in a service, an hour", lambda d: {"service": _service(d), "text": "out of range"}),
    Case("search_logs", "errors of a service, an hour", lambda d: {"service": _service(d), "min_severity": "error"}),
    Case("log_patterns", "a service, an hour", lambda d: {"service": _service(d)}),
    Case("service_overview", "a service, an hour", lambda d: {"service": _service(d)}),
    Case("find_traces", "failed, of a service, an hour", lambda d: {"service": _service(d), "status": "error"}),
    Case("what_changed", "a namespace, half an hour", lambda d: {"namespace": _pod(d)["namespace"], "since": "30m"}),
    Case("verify_resolved", "a workload, 10 minutes ago", lambda d: {**_pod(d), "changed_at": "10m"}),
    Case("freshness", "everything, an hour", lambda d: {"since": f"{d.randrange(55, 65)}m"}),
    Case("list_tables", "", lambda _: {}),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and with which clock."""

    askings: int
    cpu_seconds: Callable[[], float]
    """Of ClickHouse, since its start."""
    say: Callable[[str], object]


def measure(store: Store, fleet: Fleet, plan: Plan) -> list[Timed]:
    """Call every tool as often as planned, in turns, and once before that counts for nothing."""
    return asyncio.run(_measure(store, fleet, plan))


async def _measure(store: Store, fleet: Fleet, plan: Plan) -> list[Timed]:
    desk = Desk(store, load_catalogue(), QuerySettings(), now=lambda: fleet.end)
    settings = McpSettings()
    sql = AgentSql(store, None, "default", settings.sql)
    window = Window(
        Behind(desk, sql, "default", settings, CollectorRegistry(), "bench", now=lambda: fleet.end), Readiness({}, 1.0)
    )
    await window.start()
    server = RestServer(window, "127.0.0.1", 0)
    try:
        port = await server.start()
        return await asyncio.to_thread(_call_all, port, fleet.plan.seed, plan)
    finally:
        await server.stop(1.0)
        await window.stop()
        await asyncio.to_thread(sql.close)
        await asyncio.to_thread(desk.close)


def _call_all(port: int, seed: int, plan: Plan) -> list[Timed]:
    dice = random.Random(seed)
    timed = [Timed(case.tool, case.asked) for case in CASES]
    for turn in range(plan.askings + 1):
        for case, one in zip(CASES, timed, strict=True):
            before = plan.cpu_seconds() + time.process_time()
            seconds, size = _call(port, case.tool, case.arguments(dice))
            if turn:
                one.seconds.append(seconds)
                one.cpu.append(plan.cpu_seconds() + time.process_time() - before)
                one.tokens.append(size)
        plan.say(f"called {turn} of {plan.askings} times")
    return timed


def _call(port: int, tool: str, arguments: Arguments) -> tuple[float, int]:
    """Seconds, and tokens of the text."""
    params = {"name": tool, "arguments": arguments}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", PATH, body, {"content-type": "application/json"})
    answer = json.loads(connection.getresponse().read())["result"]
    seconds = time.monotonic() - began
    connection.close()
    text = answer["content"][0]["text"]
    if answer["isError"]:
        raise RuntimeError(text)
    return seconds, tokens.estimate(text)
