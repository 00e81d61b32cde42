"""The answer to a request that was taken: Export<Signal>ServiceResponse in protobuf or JSON.

In: `Accepted`, the signal, the encoding of the request, a size limit. Out: the body.
`partial_success` is left out altogether on full success: set but empty would already mean something (OTLP
specification, "Full Success" and "Partial Success").
"""

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from ingest.intake import Accepted, Encoding
from ingest.status import clip
from sql.signals import Signal

_EMPTY = {Encoding.PROTOBUF: b"", Encoding.JSON: b"{}"}

_PARTIAL = {
    Signal.LOGS: (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
    Signal.TRACES: (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    Signal.METRICS: (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
}


def export_response(signal: Signal, accepted: Accepted, encoding: Encoding, max_bytes: int) -> bytes:
    """Write the answer; a message that does not fit into `max_bytes` is cut until it does."""
    if not accepted.rejected and not accepted.message:
        return _EMPTY[encoding]
    room = max_bytes
    while True:
        body = _partial(signal, accepted.rejected, clip(accepted.message, room), encoding)
        if len(body) <= max_bytes or not room:
            return body
        # JSON may write one byte as six, so the excess alone does not say how much to cut.
        room //= 2


def _partial(signal: Signal, rejected: int, text: str, encoding: Encoding) -> bytes:
    kind, counter = _PARTIAL[signal]
    response = kind()
    setattr(response.partial_success, counter, rejected)
    response.partial_success.error_message = text
    if encoding is Encoding.PROTOBUF:
        return bytes(response.SerializeToString())
    return json_format.MessageToJson(response, indent=None, ensure_ascii=False).encode()
