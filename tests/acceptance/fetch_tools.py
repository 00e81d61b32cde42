"""Fetches and builds, one after the other, what tests need beside Python: `make tools`.

In: the network, and Go, Node.js and npm where they are there. Out: a cache folder of this user's (see the modules that
are called), and a line for each tool with its seconds. Without it the tests do the same when they first need a tool,
but several at once, each with less of the machine. What cannot be had is told and left to the tests.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import foreign_senders

from bench import chromium, clickhouse_server, helm_binary, kube_apiserver
from bench.unavailable import UnavailableError

TOOLS: Mapping[str, Callable[[], object]] = {
    "ClickHouse server": clickhouse_server.fetch_library,
    "Chromium": chromium.find,
    "JavaScript SDK": foreign_senders.node_modules,
    "MCP clients": foreign_senders.mcp_clients,
    "kube-apiserver": kube_apiserver.build,
    "Helm": helm_binary.build,
    "telemetrygen": foreign_senders.telemetrygen,
    "Collector": foreign_senders.collector,
    "Collector for Kubernetes": foreign_senders.kubernetes_collector,
    "PromQL": foreign_senders.promql,
}


def main() -> None:
    """Fetch them all."""
    for name, fetch in TOOLS.items():
        began = time.monotonic()
        try:
            fetch()
        except (UnavailableError, OSError, AssertionError, subprocess.SubprocessError) as problem:
            sys.stdout.write(f"{name}: not to be had: {problem}\n")
        else:
            sys.stdout.write(f"{name}: there, {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
