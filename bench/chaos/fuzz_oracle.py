"""Whether bytes are an Export request, decided by the protobuf library and OTLP's own definitions.

In: a signal and bytes. Out: yes or no. Text that is not UTF-8 does not make a request unreadable, since the house keeps
it as it came: so strings count as bytes here.
"""

from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from sql.signals import Signal

_SERVICES = {
    Signal.LOGS: (logs_service_pb2, "ExportLogsServiceRequest"),
    Signal.TRACES: (trace_service_pb2, "ExportTraceServiceRequest"),
    Signal.METRICS: (metrics_service_pb2, "ExportMetricsServiceRequest"),
}


def readable(signal: Signal, body: bytes) -> bool:
    """Whether `body` is a request of `signal`."""
    try:
        _request(signal)().ParseFromString(body)
    except DecodeError:
        return False
    return True


@cache
def _request(signal: Signal) -> type[Message]:
    module, name = _SERVICES[signal]
    pool = descriptor_pool.DescriptorPool()
    _add(pool, module.DESCRIPTOR, set())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{module.DESCRIPTOR.package}.{name}"))


def _add(pool: descriptor_pool.DescriptorPool, file: FileDescriptor, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for needed in file.dependencies:
        _add(pool, needed, added)
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)
    for declared in copy.message_type:
        _text_to_bytes(declared)
    pool.Add(copy)


def _text_to_bytes(declared: descriptor_pb2.DescriptorProto) -> None:
    for field in declared.field:
        if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    for inner in declared.nested_type:
        _text_to_bytes(inner)
