"""opentelemetry-proto's messages, varied so that the C runtime does two checks for us at no cost, and with a stamp.

Out: message classes of the three Export requests, wire-compatible with the originals, in which

- every ``string`` is ``bytes``: text that is not UTF-8 is kept as it came, instead of losing the whole request;
- ``ArrayValue`` and ``KeyValueList`` have one field, required, of a message that requires itself. No finite
  message can hold it, so ``SerializeToString`` raises ``EncodeError`` exactly when a nested value stands anywhere in
  the message. Serialising is done anyway; finding nested values this way costs nothing, where a walk in Python costs
  2.6 us a record;
- they have no other field, so what stands in them is not read but kept as it came, as fields that nobody knows:
  `ingest.nested` makes text of those bytes, and the objects that they would be read into are never made. It refuses
  what would have been refused here, with `whole_value_class`. A resource without items is left out without a look at
  such values, as is a value that loses to a later one in its place;
- ``ResourceLogs``, ``ResourceSpans`` and ``ResourceMetrics`` have a field for when they arrived, which the house writes
  and ``sql/decode/otlp.proto`` reads: bounds of times count from it, and a log record without any time gets it.

The classes live in a descriptor pool of their own and know nothing of the generated ones.
"""

from collections.abc import Mapping
from types import ModuleType

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from sql.signals import Signal

_Field = descriptor_pb2.FieldDescriptorProto

_FILES: tuple[ModuleType, ...] = (
    common_pb2,
    resource_pb2,
    logs_pb2,
    trace_pb2,
    metrics_pb2,
    logs_service_pb2,
    trace_service_pb2,
    metrics_service_pb2,
)
"""In the order in which they import each other."""

_REQUESTS: Mapping[Signal, str] = {
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest",
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
}

_COMMON = ".opentelemetry.proto.common.v1"
_NEVER_NUMBER = 536_870_911
"""The highest field number there is; the OTLP messages will not come to use it."""
_RECEIVED_NUMBER = 20_001
"""Of the arrival stamp, as in ``sql/decode/otlp.proto``; far above what the OTLP messages use."""


def request_classes(*, whole: bool = False) -> dict[Signal, type[message.Message]]:
    """Build the varied Export request class of each signal; a `whole` one reads what stands in arrays and maps too."""
    pool = descriptor_pool.DescriptorPool()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for declared in file.message_type:
            _declare_strings_as_bytes(declared)
            if declared.name in {"ResourceLogs", "ResourceSpans", "ResourceMetrics"}:
                _make_room_for_the_arrival(declared)
        if module is common_pb2 and not whole:
            _make_nested_values_unserialisable(file)
        pool.Add(file)
    return {
        signal: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for signal, name in _REQUESTS.items()
    }


def whole_value_class() -> type[message.Message]:
    """Build a class that reads an AnyValue with all that stands in it, at any depth.

    Its field ``inner`` is a message of the same class, its field ``value`` an AnyValue.
    """
    file = descriptor_pb2.FileDescriptorProto()
    common_pb2.DESCRIPTOR.CopyToProto(file)
    for declared in file.message_type:
        _declare_strings_as_bytes(declared)
    holder = file.message_type.add(name="Holder")
    for number, (name, held) in enumerate((("inner", "Holder"), ("value", "AnyValue")), start=1):
        label, type_name = _Field.LABEL_OPTIONAL, f"{_COMMON}.{held}"
        holder.field.add(name=name, number=number, label=label, type=_Field.TYPE_MESSAGE, type_name=type_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_COMMON[1:]}.Holder"))


def _declare_strings_as_bytes(declared: descriptor_pb2.DescriptorProto) -> None:
    for field in declared.field:
        if field.type == _Field.TYPE_STRING:
            field.type = _Field.TYPE_BYTES
    for inner in declared.nested_type:
        _declare_strings_as_bytes(inner)


def _make_room_for_the_arrival(declared: descriptor_pb2.DescriptorProto) -> None:
    declared.field.add(
        name="received_unix_nano",
        number=_RECEIVED_NUMBER,
        label=_Field.LABEL_OPTIONAL,
        type=_Field.TYPE_FIXED64,
    )


def _make_nested_values_unserialisable(common: descriptor_pb2.FileDescriptorProto) -> None:
    """Give ArrayValue and KeyValueList a required field that nothing can satisfy, and no other.

    Required fields need proto2; the file's messages have no field that proto2 and proto3 write differently
    (packed numbers, open enums), which a test holds true.
    """
    common.syntax = "proto2"
    never = common.message_type.add(name="Never")
    _require_never(never, number=1)
    for declared in common.message_type:
        if declared.name in {"ArrayValue", "KeyValueList"}:
            del declared.field[:]
            _require_never(declared, number=_NEVER_NUMBER)


def _require_never(declared: descriptor_pb2.DescriptorProto, number: int) -> None:
    declared.field.add(
        name="never",
        number=number,
        label=_Field.LABEL_REQUIRED,
        type=_Field.TYPE_MESSAGE,
        type_name=f"{_COMMON}.Never",
    )
