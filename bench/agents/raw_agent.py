"""The baseline: the same incidents with nothing but SQL, as a careful engineer would go about it.

In: a conversation with a window that offers the four SQL tools alone, the text of a page. Out: everything that it read.

It knows ClickHouse and OpenTelemetry, and no incident. It looks at the schema once (databases, tables, the four tables
that it needs), counts before it reads (warnings by object, errors and latency by service, each against the hour before,
the newest row of each signal), and then reads samples of what stands out: events and logs of the two objects with most
new warnings, failed or slow spans of the two services that got worst, error logs of these and of the loudest, one
trace, and memory by pod where warnings speak of memory. Each statement is narrowed to the page's cluster and to two
hours, names its columns, cuts long texts and has a LIMIT. It stops there: what an engineer would ask twice after a
mistake is not counted.
"""

import re
from collections.abc import Iterable

from bench.agents import reading
from bench.agents.conversation import Conversation
from bench.agents.reading import Row

TABLES = ("otel_k8s_events", "otel_logs", "otel_traces", "otel_metrics_gauge")
_MOST, _MOST_LOGS = 2, 3
"""Objects, and services, of which samples are read; services of which logs are."""

_NOW, _BEFORE = "> now() - INTERVAL 1 HOUR", "<= now() - INTERVAL 1 HOUR"

_WARNINGS = """SELECT Namespace, Kind, Name, Reason, countIf(EventTime {now}) AS n,
countIf(EventTime {before}) AS n_before, max(EventTime) AS last,
substring(argMax(Message, EventTime), 1, 200) AS message FROM otel_k8s_events
WHERE ClusterName = '{cluster}' AND Type = 'Warning' AND EventTime > now() - INTERVAL 2 HOUR
GROUP BY Namespace, Kind, Name, Reason HAVING n > 0 ORDER BY n DESC LIMIT 30"""

_ERRORS = """SELECT ServiceName, countIf(Timestamp {now}) AS n, countIf(Timestamp {before}) AS n_before FROM otel_logs
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' AND SeverityNumber >= 17
AND Timestamp > now() - INTERVAL 2 HOUR GROUP BY ServiceName ORDER BY n DESC LIMIT 20"""

_REQUESTS = """SELECT ServiceName, countIf(Timestamp {now}) AS n,
countIf(StatusCode = 'Error' AND Timestamp {now}) AS failed,
countIf(StatusCode = 'Error' AND Timestamp {before}) AS failed_before,
round(quantileIf(0.95)(Duration / 1e6, Timestamp {now})) AS p95_ms,
round(quantileIf(0.95)(Duration / 1e6, Timestamp {before})) AS p95_ms_before FROM otel_traces
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' AND SpanKind = 'Server'
AND Timestamp > now() - INTERVAL 2 HOUR GROUP BY ServiceName ORDER BY failed DESC LIMIT 20"""

_NEWEST = """SELECT 'logs' AS signal, max(Timestamp) AS newest FROM otel_logs
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}'
AND LogAttributes['k8s.event.reason'] = '' AND ServiceName != '' UNION ALL SELECT 'traces', max(Timestamp)
FROM otel_traces WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' UNION ALL SELECT 'metrics', max(TimeUnix)
FROM otel_metrics_gauge WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}'"""

_EVENTS_OF = """SELECT EventTime, Type, Reason, Count, substring(Message, 1, 300) AS message FROM otel_k8s_events
WHERE ClusterName = '{cluster}' AND Namespace = '{namespace}' AND startsWith(Name, '{name}')
AND EventTime > now() - INTERVAL 1 HOUR ORDER BY EventTime DESC LIMIT 30"""

_LOGS_OF_POD = """SELECT Timestamp, SeverityText, substring(Body, 1, 300) AS body FROM otel_logs
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' AND ResourceAttributes['k8s.namespace.name'] = '{namespace}'
AND startsWith(ResourceAttributes['k8s.pod.name'], '{name}') AND SeverityNumber >= 13
AND Timestamp > now() - INTERVAL 1 HOUR ORDER BY Timestamp DESC LIMIT 30"""

_SPANS_OF = """SELECT Timestamp, SpanName, SpanKind, round(Duration / 1e6) AS ms, StatusCode,
substring(StatusMessage, 1, 200) AS message, ResourceAttributes['service.version'] AS version, TraceId FROM otel_traces
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' AND ServiceName = '{name}'
AND (StatusCode = 'Error' OR Duration > 1e9) AND Timestamp > now() - INTERVAL 1 HOUR ORDER BY Timestamp DESC LIMIT 20"""

_LOGS_OF = """SELECT Timestamp, ResourceAttributes['service.version'] AS version,
substring(Body, 1, 300) AS body FROM otel_logs
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' AND ServiceName = '{name}' AND SeverityNumber >= 17
AND Timestamp > now() - INTERVAL 1 HOUR ORDER BY Timestamp DESC LIMIT 20"""

_TRACE = """SELECT ServiceName, SpanName, SpanKind, round(Duration / 1e6) AS ms, StatusCode,
substring(StatusMessage, 1, 200) AS message FROM otel_traces WHERE TraceId = '{trace}' ORDER BY Timestamp LIMIT 40"""

_MEMORY = """SELECT ResourceAttributes['k8s.node.name'] AS node, ResourceAttributes['k8s.pod.name'] AS pod,
round(argMin(Value, TimeUnix) / 1e6) AS mb_first, round(argMax(Value, TimeUnix) / 1e6) AS mb_last
FROM otel_metrics_gauge
WHERE ResourceAttributes['k8s.cluster.name'] = '{cluster}' AND MetricName = 'container.memory.working_set'
AND TimeUnix > now() - INTERVAL 1 HOUR GROUP BY node, pod ORDER BY mb_last DESC LIMIT 20"""

_ENDING = re.compile(r"(?:-[a-z0-9]{8,10})?-[a-z0-9]{5}$")


async def investigate(conversation: Conversation, page: str) -> str:
    """Look for what the page is about; gives all texts that were read."""
    agent = _Agent(conversation, page)
    await agent.read_schema()
    await agent.count()
    await agent.sample()
    return "\n".join(agent.read)


class _Agent:
    """One investigation."""

    def __init__(self, conversation: Conversation, page: str) -> None:
        self._conversation = conversation
        found = re.search(r"cluster ([\w.-]*\w)", page)
        self._about = {"cluster": found[1] if found else "", "now": _NOW, "before": _BEFORE}
        self._warnings: list[Row] = []
        self._worse: list[str] = []
        self._louder: list[str] = []
        self.read: list[str] = []

    async def read_schema(self) -> None:
        """What there is."""
        await self._call("list_databases", {})
        await self._call("list_tables", {})
        for table in TABLES:
            await self._call("describe_table", {"table": table})

    async def count(self) -> None:
        """How much of what, now and in the hour before."""
        self._warnings = await self._select(_WARNINGS)
        errors = await self._select(_ERRORS)
        requests = await self._select(_REQUESTS)
        await self._select(_NEWEST)
        slower = _grown(requests, "p95_ms", "p95_ms_before")
        self._worse = list(dict.fromkeys([*_grown(requests, "failed", "failed_before"), *slower]))
        # What grew from nothing first: whose errors are new is nearer to the cause than who had some anyway.
        self._louder = _grown(sorted(errors, key=lambda row: float(row["n_before"])), "n", "n_before")

    async def sample(self) -> None:
        """What stands out, read."""
        for namespace, name in self._new_warnings()[:_MOST]:
            await self._select(_EVENTS_OF, namespace=namespace, name=name)
            await self._select(_LOGS_OF_POD, namespace=namespace, name=name)
        traces: list[str] = []
        for service in self._worse[:_MOST]:
            traces += [row["TraceId"] for row in await self._select(_SPANS_OF, name=service) if "TraceId" in row]
        for service in list(dict.fromkeys([*self._louder[:_MOST], *self._worse[:_MOST]]))[:_MOST_LOGS]:
            await self._select(_LOGS_OF, name=service)
        if traces:
            await self._select(_TRACE, trace=traces[0])
        if any("memory" in row["message"].lower() for row in self._warnings):
            await self._select(_MEMORY)

    def _new_warnings(self) -> list[tuple[str, str]]:
        """Namespace and beginning of the name of what has more warnings than before, most first."""
        counts: dict[tuple[str, str], list[int]] = {}
        for row in self._warnings:
            if row["Kind"] != "Node":
                both = counts.setdefault((row["Namespace"], _ENDING.sub("", row["Name"])), [0, 0])
                both[0] += int(row["n"])
                both[1] += int(row["n_before"])
        new = {name: now - before for name, (now, before) in counts.items() if now > 2 * before + 1}
        return sorted(new, key=lambda name: -new[name])

    async def _select(self, statement: str, **about: str) -> list[Row]:
        query = statement.format(**self._about, **about)
        text = await self._call("run_select_query", {"query": " ".join(query.split())})
        return _rows(reading.read(text).tables)

    async def _call(self, tool: str, given: dict[str, str]) -> str:
        answer = await self._conversation.call(tool, given)
        if answer.failed:
            raise RuntimeError(f"the baseline's {tool} {given} failed: {answer.text}")
        self.read.append(answer.text)
        return answer.text


def _rows(tables: Iterable[tuple[str, tuple[Row, ...]]]) -> list[Row]:
    return [row for _, rows in tables for row in rows]


def _grown(rows: Iterable[Row], now: str, before: str) -> list[str]:
    """Services of which something more than doubled, by how many times it grew."""
    grown = {}
    for row in rows:
        value, old = (float(row.get(name) or 0) for name in (now, before))
        if value > 2 * old + 4:
            grown[row["ServiceName"]] = value / (old + 1)
    return sorted(grown, key=lambda name: -grown[name])
