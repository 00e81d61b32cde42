"""The telemetry of incidents: the same for a seed, in the past, of every signal, and in both shapes of events."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.agents import sending
from bench.agents.incidents import INCIDENTS

NOW = 1_767_268_800 * 10**9
KINDS = {
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


def parsed(incident):
    return [KINDS[one.signal].FromString(one.body) for one in sending.requests(incident, NOW, 1)]


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: one.name)
def test_an_incident_sends_every_signal_and_nothing_from_the_future(incident):
    logs, spans = [], []
    for request in parsed(incident):
        for resource in getattr(request, "resource_logs", ()):
            logs += [record.time_unix_nano for scope in resource.scope_logs for record in scope.log_records]
        for resource in getattr(request, "resource_spans", ()):
            spans += [one.start_time_unix_nano for scope in resource.scope_spans for one in scope.spans]

    assert {one.signal for one in sending.requests(incident, NOW, 1)} == set(KINDS)
    assert max(logs) <= NOW
    assert max(spans) <= NOW
    assert min(*logs, *spans) > NOW - 3 * 3600 * 10**9
    assert len(spans) > 4000


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones():
    first, again, other = (
        [one.body for one in sending.requests(INCIDENTS[0], NOW, seed)] for seed in (1, 1, 2)
    )  # fmt: skip

    assert first == again
    assert first != other


@pytest.mark.parametrize("flat", [True, False])
def test_events_come_in_the_shape_of_their_receiver(flat):
    incident = next(one for one in INCIDENTS if one.flat is flat)
    records = [
        record
        for request in parsed(incident)
        for resource in getattr(request, "resource_logs", ())
        for scope in resource.scope_logs
        for record in scope.log_records
        if any(one.key in {"k8s.event.reason", "k8s.resource.name"} for one in record.attributes)
    ]

    assert len(records) > 50
    assert {record.body.WhichOneof("value") for record in records} == {"string_value" if flat else "kvlist_value"}
