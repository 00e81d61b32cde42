"""A house that can store a part of a request stores it, says how much it could not, and goes on with the next one.

Each test uses one connection, ends with a good request on it, and reads that one back.
"""

import json
import time

import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from otlp_requests import (
    fresh,
    gauges_request,
    log_request,
    log_request_json,
    span,
    span_request,
    then_a_good_request_is_stored,
    with_unknown_fields,
)
from raw_senders import JSON


def test_an_empty_request_is_fine(house, sender):
    assert sender.send(b"").code == 0
    then_a_good_request_is_stored(house, sender)


def test_unknown_fields_are_ignored_in_protobuf(house, sender):
    text = f"unknown fields {fresh()}"
    request = log_request(text)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.MergeFromString(with_unknown_fields(record))

    said = sender.send(with_unknown_fields(request))

    assert (said.code, said.body) == (0, b"")
    assert [row["body"] for row in house.question("recent_logs", text=text)] == [text]
    then_a_good_request_is_stored(house, sender)


def test_unknown_fields_are_ignored_in_json(house, over_http):
    text = f"unknown fields {fresh()}"
    body = json.loads(log_request_json(text, mood={"of": ["the", {"day": None}]}))

    said = over_http.send(json.dumps(body | {"version": 9}), content_type=JSON)

    assert (said.http_status, said.content_type, said.body) == (200, JSON, b"{}")
    assert [row["body"] for row in house.question("recent_logs", text=text)] == [text]
    then_a_good_request_is_stored(house, over_http)


BAD_IDS = {
    "a trace id of 5 bytes": {"trace_id": b"\x8e\xff\x00\x934"},
    "a span id of 9 bytes": {"span_id": b"123456789"},
}


@pytest.mark.parametrize("bad_id", BAD_IDS.values(), ids=BAD_IDS)
def test_a_span_with_a_bad_id_is_rejected_and_those_beside_it_are_stored(house, sender, bad_id):
    trace_id = fresh().to_bytes(16, "big")
    first, last = (1).to_bytes(8, "big"), (2).to_bytes(8, "big")
    bad = span("bad", **({"trace_id": trace_id, "span_id": last} | bad_id))
    good = [span("first", trace_id, first), span("last", trace_id, last)]

    said = sender.send(span_request(good[0], bad, good[1]).SerializeToString(), "traces")

    partial = trace_service_pb2.ExportTraceServiceResponse.FromString(said.body).partial_success
    assert (said.code, partial.rejected_spans) == (0, 1)
    assert "trace_id must be 16 bytes" in partial.error_message
    stored = house.question("trace", trace_id=trace_id.hex())
    assert sorted(row["span"] for row in stored) == ["first", "last"]
    then_a_good_request_is_stored(house, sender)


def test_a_log_record_with_a_bad_id_is_stored_without_it(house, sender):
    text = f"bad ids {fresh()}"
    request = log_request(text)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.trace_id, record.span_id = b"12345", b"123"

    assert sender.send(request.SerializeToString()).code == 0

    (stored,) = house.question("recent_logs", text=text)
    assert (stored["trace_id"], stored["span_id"]) == ("", "")
    then_a_good_request_is_stored(house, sender)


def test_a_metric_without_data_is_rejected_and_those_beside_it_are_stored(house, sender):
    first, bad, last = (f"gauge.{fresh()}" for _ in range(3))

    said = sender.send(gauges_request(first, bad, last, without_data={bad}).SerializeToString(), "metrics")

    partial = metrics_service_pb2.ExportMetricsServiceResponse.FromString(said.body).partial_success
    assert (said.code, partial.rejected_data_points) == (0, 1)
    assert "metrics without data were rejected" in partial.error_message
    (series,) = house.question("metric_series", metric=last)
    assert (series["points"], series["last"]) == (1, 7)
    assert house.question("metric_series", metric=bad) == []
    then_a_good_request_is_stored(house, sender)


def test_partial_success_is_told_in_json_to_those_who_speak_it(house, over_http):
    metrics = [{"name": "json.bad"}, {"name": "json.good", "gauge": {"dataPoints": [{"timeUnixNano": time.time_ns()}]}}]
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})

    said = over_http.send(body, "metrics", JSON)

    partial = json.loads(said.body)["partialSuccess"]
    assert (said.http_status, said.content_type, partial["rejectedDataPoints"]) == (200, JSON, "1")
    assert len(house.question("metric_series", metric="json.good")) == 1
    then_a_good_request_is_stored(house, over_http)
