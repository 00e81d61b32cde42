"""The shop's story: complete, repeatable, in the past, and with a fault that stands out."""

import dataclasses
import json
from collections import Counter

import pytest
from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, Sum
from opentelemetry.trace import StatusCode

from otelhouse.demo import telemetry, traffic
from otelhouse.demo_command import make_history

NOW = 1_800_000_000 * telemetry.SECOND
MINUTE = 60 * telemetry.SECOND


@pytest.fixture(scope="module")
def history():
    return make_history(1, NOW)


def roots(history):
    return [span for span in history.spans if span.parent is None]


def service(item):
    return item.resource.attributes.get("service.name")


def metrics(history):
    return [metric for resource in history.metrics for scope in resource.scope_metrics for metric in scope.metrics]


def test_the_same_seed_and_time_tell_the_same_story(history):
    def told(history):
        points = [
            # Which exemplars are kept is the SDK's own dice.
            dataclasses.replace(point, exemplars=[])
            for metric in metrics(history)
            for point in metric.data.data_points
        ]
        spans = [(span.name, span.context.span_id, span.start_time, span.end_time) for span in history.spans]
        logs = [(record.log_record.timestamp, record.log_record.body) for record in history.logs]
        return spans, logs, points

    assert told(make_history(1, NOW)) == told(history)


def test_another_seed_tells_another_story(history):
    other = make_history(2, NOW)

    assert [span.end_time for span in other.spans] != [span.end_time for span in history.spans]


def test_the_same_story_told_later_has_traces_of_its_own(history):
    later = make_history(1, NOW + MINUTE)

    assert {span.context.trace_id for span in history.spans}.isdisjoint(span.context.trace_id for span in later.spans)


def test_everything_happened_in_the_last_half_hour(history):
    first = NOW - (traffic.HISTORY_MINUTES + 1) * MINUTE
    times = [span.start_time for span in history.spans] + [span.end_time for span in history.spans]
    times += [record.log_record.timestamp for record in history.logs]
    times += [point.time_unix_nano for metric in metrics(history) for point in metric.data.data_points]

    assert min(times) >= first
    assert max(times) <= NOW
    assert min(times) < NOW - 29 * MINUTE


def test_every_span_lies_within_its_parent(history):
    by_id = {span.context.span_id: span for span in history.spans}
    for span in history.spans:
        if span.parent is not None:
            parent = by_id[span.parent.span_id]
            assert parent.context.trace_id == span.context.trace_id
            assert parent.start_time <= span.start_time
            assert span.end_time <= parent.end_time


def test_a_checkout_goes_through_five_services(history):
    traces = {}
    for span in history.spans:
        traces.setdefault(span.context.trace_id, set()).add(service(span))

    assert {"frontend", "checkout", "cart", "inventory", "payment"} in traces.values()


def test_only_checkouts_of_the_last_ten_minutes_fail_and_they_are_slow(history):
    failed = [span for span in roots(history) if span.status.status_code is StatusCode.ERROR]
    slow = [span for span in roots(history) if span.end_time - span.start_time > telemetry.SECOND]

    assert len(failed) >= 5
    assert len(slow) > len(failed)
    for span in failed + slow:
        assert span.name == "POST /checkout"
        assert span.start_time > NOW - 11 * MINUTE


def test_the_trace_that_is_named_is_one_that_failed(history):
    failed = {f"{span.context.trace_id:032x}" for span in roots(history) if span.status.status_code is StatusCode.ERROR}

    assert history.fault_trace_id in failed


def test_the_fault_speaks_in_the_logs_of_payment_with_the_trace_it_broke(history):
    spoken = [r for r in history.logs if r.log_record.body == traffic.POOL_EXHAUSTED]

    assert {service(record) for record in spoken} == {"payment"}
    assert {record.log_record.severity_text for record in spoken} == {"ERROR"}
    traces = {f"{record.log_record.trace_id:032x}" for record in spoken}
    assert history.fault_trace_id in traces


def test_the_pool_of_connections_runs_out_during_the_fault(history):
    pool = [
        (point.time_unix_nano, point.value)
        for metric in metrics(history)
        if metric.name == "db.client.connection.count"
        for point in metric.data.data_points
    ]

    assert max(value for time, value in pool if time < NOW - 11 * MINUTE) < 20
    assert {value for time, value in pool if time > NOW - 9 * MINUTE} == {20}


def test_metrics_come_in_every_shape_that_the_sdk_has_and_once_a_minute(history):
    shapes = Counter(type(metric.data) for metric in metrics(history))
    assert set(shapes) == {Sum, Gauge, Histogram, ExponentialHistogram}
    monotonic = {metric.data.is_monotonic for metric in metrics(history) if isinstance(metric.data, Sum)}
    assert monotonic == {True, False}

    memory = {
        point.time_unix_nano
        for metric in metrics(history)
        if metric.name == "container.memory.usage"
        for point in metric.data.data_points
    }
    assert traffic.HISTORY_MINUTES <= len(memory) <= traffic.HISTORY_MINUTES + 1


def test_a_cumulative_series_never_falls_and_keeps_its_start(history):
    series = {}
    for resource in history.metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name != "http.server.request.duration":
                    continue
                for point in metric.data.data_points:
                    name = (resource.resource.attributes["service.name"], json.dumps(dict(point.attributes)))
                    series.setdefault(name, []).append((point.start_time_unix_nano, point.count))

    assert series
    for points in series.values():
        assert len({start for start, _ in points}) == 1
        counts = [count for _, count in points]
        assert counts == sorted(counts)


def test_kubernetes_events_come_nested_and_flat_and_tell_of_the_killed_pod(history):
    events = [r for r in history.logs if r.resource.attributes.get("telemetry.source") == "k8s-events"]
    watched = [r.log_record.body for r in events if isinstance(r.log_record.body, dict)]
    flat = [r for r in events if isinstance(r.log_record.body, str)]

    assert {"OOMKilled", "BackOff"} <= {body["object"]["reason"] for body in watched}
    assert {body["object"]["involvedObject"]["kind"] for body in watched} == {"Pod"}
    assert flat
    assert all(r.log_record.attributes["k8s.event.reason"] for r in flat)


def test_what_happens_again_is_the_same_event_with_a_higher_count(history):
    bodies = [record.log_record.body for record in history.logs if isinstance(record.log_record.body, dict)]
    kills = [body["object"] for body in bodies if body["object"]["reason"] == "OOMKilled"]

    assert [kill["count"] for kill in kills] == [1, 2]
    assert len({(kill["metadata"]["uid"], kill["metadata"]["name"], kill["firstTimestamp"]) for kill in kills}) == 1
    assert kills[0]["lastTimestamp"] < kills[1]["lastTimestamp"]
    assert [body["type"] for body in bodies if body["object"]["reason"] == "OOMKilled"] == ["ADDED", "MODIFIED"]


def test_every_resource_says_which_cluster_it_is_in(history):
    for item in history.spans + history.logs:
        assert item.resource.attributes["k8s.cluster.name"] == "demo"
        assert item.resource.attributes["k8s.cluster.uid"]


def test_some_services_belong_to_a_composition(history):
    label = "k8s.pod.labels.krateo.io/composition-id"
    composed = {service(span) for span in history.spans if label in span.resource.attributes}

    assert composed == {"checkout", "payment"}
