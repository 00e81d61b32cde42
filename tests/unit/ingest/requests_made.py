"""Small Export requests for tests, as protobuf bytes."""

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

NOW = time.time_ns()


def logs_request(text: str = "hello", records: int = 1, at: int = NOW) -> bytes:
    record = {"time_unix_nano": at, "body": {"string_value": text}}
    resource = {"scope_logs": [{"log_records": [record] * records}]}
    return ExportLogsServiceRequest(resource_logs=[resource]).SerializeToString()


def traces_request(*names: str, span_id: bytes = b"12345678") -> bytes:
    same = {"trace_id": b"0123456789abcdef", "span_id": span_id, "start_time_unix_nano": NOW}
    spans = [{"name": name, **same} for name in names]
    resource = {"scope_spans": [{"spans": spans}]}
    return ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()


def metrics_request(*metrics: dict[str, object]) -> bytes:
    resource = {"scope_metrics": [{"metrics": list(metrics)}]}
    return ExportMetricsServiceRequest(resource_metrics=[resource]).SerializeToString()
