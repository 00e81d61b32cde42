"""How agents know the questions that are tools of their own: names, arguments, when to use which.

The names and arguments of the Krateo stack's tools (`get_pod_errors(namespace, pod_name, minutes)` and the like) stay
as they were, so that what was written for them goes on working.
"""

from mcp_server import trace_search
from mcp_server.question_tools import Shown

_PODS = frozenset({"default", "pods"})
_TELEMETRY = frozenset({"default", "telemetry"})

SHOWN = (
    Shown(
        "get_pod_errors",
        "pod_errors",
        "Warning events and error logs of a pod or of all pods whose name begins so, like ones counted together; the "
        "first row counts all. For the order in which things happened use get_pod_timeline.",
        _PODS,
        title="Errors of a pod",
        renamed={"pod_name": "pod"},
        prefixes=frozenset({"pod_name"}),
        minutes=30,
    ),
    Shown(
        "get_pod_timeline",
        "pod_timeline",
        "What happened to a pod in order, newest first: events and warning or error logs together. Use it to see what "
        "came first; for counts use get_pod_errors.",
        _PODS,
        title="Timeline of a pod",
        renamed={"pod_name": "pod"},
        prefixes=frozenset({"pod_name"}),
        minutes=60,
    ),
    Shown(
        "get_composition_events",
        "composition_events",
        "Kubernetes events of all objects of one Krateo composition, newest first.",
        _PODS,
        title="Events of a composition",
        renamed={"composition_id": "composition"},
        minutes=60,
    ),
    Shown(
        "get_warning_summary",
        "warning_summary",
        "Warning events counted by object and reason, most frequent first; the first row counts all. To rank all "
        "that is wrong, also beyond events, use find_problems.",
        _PODS,
        title="Warnings, counted",
        minutes=30,
        left_out=frozenset({"first"}),
    ),
    Shown(
        "get_agent_traces",
        "agent_traces",
        "Spans of AI agents: their calls of models and tools, newest first. For other services use find_traces.",
        frozenset({"default", "agents"}),
        title="Traces of agents",
        renamed={"agent_name": "agent"},
        minutes=60,
    ),
    Shown(
        "log_patterns",
        "log_patterns",
        "What logs say, like messages counted together: the cheapest look at many logs. For single records use "
        "search_logs.",
        _TELEMETRY,
        title="Log patterns",
    ),
    trace_search.shown(),
    Shown(
        "freshness",
        "freshness",
        "How old the newest telemetry of each cluster is, by signal: whether silence means health or a broken way.",
        frozenset({"default", "telemetry"}),
        title="Freshness of telemetry",
    ),
    Shown(
        "compare_windows",
        "compare_windows",
        "What differs from the window before in errors, latency, requests and log messages. what_changed asks this "
        "too, beside images, rollouts and warnings.",
        frozenset({"changes"}),
        title="Compare two windows",
    ),
    Shown(
        "service_map",
        "service_map",
        "Who calls whom, how often, with which errors and latency. For one service service_overview shows it too.",
        frozenset({"telemetry"}),
        title="Service map",
    ),
)
"""In the order in which they are listed."""
