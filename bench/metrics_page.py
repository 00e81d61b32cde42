"""The page of all metrics, docs/metrics.md: made from a house in which every room that has figures is open.

In: nothing. Out: the page on standard output, or what it would say, for the test that holds it up to date. The house
stands on the embedded engine in a folder that is gone afterwards, with TLS and one cluster that nobody answers for.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import trustme
from prometheus_client import CollectorRegistry

from otelhouse.house import House, Roles
from otelhouse.progress import Progress
from otelhouse.settings import Settings

_HEAD = """\
# Metrics

Every process shows its own figures at `/metrics` of its REST port (8080), one that only answers agents at its MCP port
(8000), in the format of Prometheus. For alarms there are
[rules](../deploy/prometheus/otelhouse.rules.yaml), for Grafana a [dashboard](../deploy/grafana/otelhouse.json); the
Helm chart brings both, and a ServiceMonitor. Which figures matter for what was promised, says
[reliability](reliability.md); `process_*` and `python_info` are those of the Prometheus client.

This page is made by `python -m bench.metrics_page`.

"""
_KUBECONFIG = """\
{"apiVersion": "v1", "kind": "Config", "current-context": "c",
 "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
 "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}], "users": [{"name": "u", "user": {}}]}
"""


@dataclass(frozen=True, slots=True, order=True)
class Figure:
    """One metric, under the name by which Prometheus asks for it (a histogram's without its suffixes)."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def figures() -> list[Figure]:
    """All metrics of ours, by name."""
    with tempfile.TemporaryDirectory(prefix="otelhouse-metrics-") as folder:
        return sorted(asyncio.run(_figures_of_a_house(Path(folder))))


def page() -> str:
    """The page."""
    rooms: dict[str, list[Figure]] = {}
    for figure in figures():
        rooms.setdefault(figure.name.split("_")[1], []).append(figure)
    return _HEAD + "\n".join(_section(room, found) for room, found in rooms.items())


def _section(room: str, found: Iterable[Figure]) -> str:
    lines = [f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {one.help.rstrip('.')} |" for one in found]
    return "\n".join([f"## {room}\n", "| metric | type | labels | meaning |", "|---|---|---|---|", *lines, ""])


async def _figures_of_a_house(folder: Path) -> list[Figure]:
    house = House(_settings(folder), Roles(), Progress(lambda _line: None))
    await house.open()
    try:
        return list(_of(house.registry))
    finally:
        await house.close()


def _settings(folder: Path) -> Settings:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "tls.pem")
    (folder / "tls.pem").chmod(0o600)
    (folder / "kubeconfig").write_text(_KUBECONFIG, encoding="utf-8")
    tls = {"certificate": folder / "tls.pem", "key": folder / "tls.pem"}
    return Settings.model_validate(
        {
            "store": {"path": folder / "data"},
            "ingest": {"grpc": {"port": 0}, "http": {"port": 0}},
            "query": {"port": 0},
            "mcp": {"port": 0},
            "identity": {"tls": tls},
            "client": {"ca": folder / "ca.pem"},
            "own_telemetry": {"to": "self"},
            "enrich": {"clusters": [{"name": "c", "kubeconfig": str(folder / "kubeconfig")}]},
        }
    )


def _of(registry: CollectorRegistry) -> Iterable[Figure]:
    labels: dict[str, tuple[str, ...]] = {}
    # The client shows the label names of a metric without samples nowhere else.
    for collector, names in registry._collector_to_names.items():  # noqa: SLF001
        labels |= dict.fromkeys(names, tuple(getattr(collector, "_labelnames", ())))
    for metric in registry.collect():
        if not metric.name.startswith("otelhouse_"):
            continue
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        seen = {label for sample in metric.samples for label in sample.labels if label != "le"}
        yield Figure(name, metric.type, labels.get(metric.name) or tuple(sorted(seen)), metric.documentation)


if __name__ == "__main__":
    sys.stdout.write(page())
