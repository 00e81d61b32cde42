import pytest
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData

from ingest import errors, nested, schema_variant, wire
from oracle.wireformat import delimited, read_varint
from sql.signals import Signal
from sql.time_bounds import TimeBounds

FLAT = KeyValue(key="k", value=AnyValue(string_value="v"))
NESTED = KeyValue(key="k", value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)])))


def logs(*records):
    return LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])


def spans(*spans):
    return TracesData(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


def metrics(*metrics):
    return MetricsData(resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=metrics)])])


def gauge(name, points=1):
    return Metric(name=name, gauge=Gauge(data_points=[NumberDataPoint(as_int=1)] * points))


ANY_TIME = TimeBounds(reach_days=10**9, ahead_days=10**9)


def stamp(number):
    """What the house writes behind a resource message: field 20001, the time of arrival."""
    return b"\x89\xe2\x09" + number.to_bytes(8, "little")


def resources(parcel):
    """The resource messages of a parcel as they came: their lengths taken off and checked, and their stamps."""
    stream, at, messages = b"".join(parcel.chunks), 0, []
    while at < len(stream):
        size, at = read_varint(stream, at)
        assert stream[at + size - 11 : at + size - 8] == stamp(0)[:3]
        messages.append(stream[at : at + size - 11])
        at += size
    assert at == len(stream) == parcel.size
    return messages


def test_flat_resources_pass_through_byte_for_byte_each_with_its_length(monkeypatch):
    def walked(_resource):
        pytest.fail("a request without nested values was walked")

    monkeypatch.setattr(nested, "flatten", walked)
    request = logs(LogRecord(attributes=[FLAT]), LogRecord(severity_text="x" * 300))
    request.resource_logs.append(request.resource_logs[0])
    parcel = wire.read(Signal.LOGS, request.SerializeToString())
    assert resources(parcel) == [resource.SerializeToString() for resource in request.resource_logs]
    assert (parcel.items, parcel.rejected, parcel.message) == (4, 0, "")


def test_nested_values_become_text_in_the_resources_that_hold_them():
    request = logs(LogRecord(attributes=[NESTED]))
    request.resource_logs.extend(logs(LogRecord(attributes=[FLAT])).resource_logs)
    first, second = resources(wire.read(Signal.LOGS, request.SerializeToString()))
    value = ResourceLogs.FromString(first).scope_logs[0].log_records[0].attributes[0].value
    assert value.string_value == "[1]"
    assert second == request.resource_logs[1].SerializeToString()


def test_what_was_kept_with_nested_values_is_read_again_with_their_text():
    kept = logs(LogRecord(attributes=[NESTED])).resource_logs[0].SerializeToString()
    (first,) = resources(wire.read_again(Signal.LOGS, kept, 7))
    assert ResourceLogs.FromString(first).scope_logs[0].log_records[0].attributes[0].value.string_value == "[1]"


@pytest.mark.parametrize("records", [1, 5000])
def test_packing_says_that_nested_values_must_become_text_first(records):
    request = wire.parse(Signal.LOGS, logs(*[LogRecord(attributes=[NESTED])] * records).SerializeToString())
    assert wire.pack(request) is None
    wire.flatten(request)
    assert wire.packed(request).items == records


@pytest.mark.parametrize(
    ("signal", "request_"),
    [
        (Signal.LOGS, logs(*[LogRecord(attributes=[NESTED], severity_text="x" * 100)] * 1000)),
        (Signal.TRACES, spans(*[Span(attributes=[NESTED], name="x" * 100)] * 1000)),
        (Signal.METRICS, metrics(*[gauge("x" * 100), Metric(metadata=[NESTED], gauge=Gauge())] * 1000)),
        (Signal.METRICS, metrics(*[Metric(metadata=[NESTED], name="x" * 100, gauge=Gauge())] * 1000)),
    ],
)
def test_nested_values_behind_flat_ones_or_in_front_are_found_and_become_text(signal, request_):
    request = wire.parse(signal, request_.SerializeToString())
    assert wire.pack(request) is None
    wire.flatten(request)
    assert wire.pack(request) is not None


def test_a_large_request_that_begins_with_nested_values_is_not_serialised_in_vain(monkeypatch):
    def serialised(_request):
        pytest.fail("an EncodeError lists every nested value, which takes long and much memory")

    request = wire.parse(Signal.LOGS, logs(*[LogRecord(attributes=[NESTED])] * 5000).SerializeToString())
    monkeypatch.setattr(wire, "packed", serialised)
    assert wire.pack(request) is None


@pytest.mark.parametrize("records", [1, 5000])
def test_nested_values_of_the_resource_alone_do_not_make_a_request_slow(records):
    request = logs(*[LogRecord(attributes=[FLAT], severity_text="x" * 20)] * records)
    request.resource_logs[0].resource.attributes.append(NESTED)
    request.resource_logs.extend(list(logs(LogRecord()).resource_logs) * 10)
    request.resource_logs[-1].resource.attributes.append(NESTED)
    parcel = wire.pack(wire.parse(Signal.LOGS, request.SerializeToString()))
    assert parcel.items == records + 10
    first, *_, last = resources(parcel)
    for resource in (first, last):
        assert ResourceLogs.FromString(resource).resource.attributes[0].value.string_value == "[1]"


@pytest.mark.parametrize(("resources", "items"), [(1, 50_000), (50, 1_000)])
def test_resources_with_nested_values_that_are_large_in_all_are_slow(resources, items):
    large = KeyValue(value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)] * items)))
    request = logs(LogRecord())
    request.resource_logs[0].resource.attributes.append(large)
    request.resource_logs.extend(list(request.resource_logs) * (resources - 1))
    parsed = wire.parse(Signal.LOGS, request.SerializeToString())
    assert wire.pack(parsed) is None
    wire.flatten(parsed)
    assert wire.packed(parsed).items == resources


def test_memory_is_asked_for_before_a_large_value_becomes_text_and_not_for_small_ones():
    def told(items):
        numbers = KeyValue(value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)] * items)))
        sizes = []
        wire.flatten(wire.parse(Signal.LOGS, logs(LogRecord(attributes=[numbers])).SerializeToString()), sizes.append)
        return sizes

    assert told(1000) == []
    [size] = told(100_000)
    assert size > nested.TEXT_COST * 400_000


@pytest.mark.parametrize(
    ("signal", "request_", "last"),
    [
        (Signal.LOGS, logs(LogRecord(time_unix_nano=9), LogRecord(time_unix_nano=7)), 7),
        (Signal.LOGS, logs(LogRecord(observed_time_unix_nano=5)), 5),
        (Signal.LOGS, logs(LogRecord()), 0),
        (Signal.TRACES, spans(Span(start_time_unix_nano=3, end_time_unix_nano=8)), 8),
        (Signal.TRACES, spans(Span(start_time_unix_nano=3)), 3),
        (Signal.METRICS, metrics(gauge("a"), Metric(gauge=Gauge(data_points=[NumberDataPoint(time_unix_nano=6)]))), 6),
    ],
)
def test_a_parcel_knows_the_time_of_its_last_item(signal, request_, last):
    assert wire.read(signal, request_.SerializeToString()).last_unix_nano == last


def test_the_last_item_of_a_request_is_that_of_its_last_resource_that_has_any():
    told = logs(LogRecord(time_unix_nano=4))
    told.resource_logs.add().scope_logs.add()
    assert wire.read(Signal.LOGS, told.SerializeToString()).last_unix_nano == 4


def test_a_parcel_that_was_in_the_spool_is_the_same_once_nothing_was_taken_out_of_it():
    parcel = wire.read(Signal.LOGS, logs(LogRecord(time_unix_nano=4)).SerializeToString())
    back = wire.Parcel(Signal.LOGS, parcel.chunks, parcel.size, parcel.items)
    assert wire.sort_out(back, ANY_TIME) == (back, [])


@pytest.mark.parametrize("signal", list(Signal))
def test_an_empty_request_is_a_request_with_nothing_in_it(signal):
    assert wire.read(signal, b"") == wire.Parcel(signal, (), 0, 0)


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05\x0a", b"\xff" * 20, b'{"resourceLogs":[]}', b"\x0c", b"\x00\x01"])
def test_what_is_no_protobuf_is_refused_with_the_name_of_the_message(signal, body):
    with pytest.raises(errors.MalformedError, match=rf"Export{signal[:5].title()}\w*ServiceRequest"):
        wire.read(signal, body)


def test_a_value_nested_deeper_than_protobuf_allows_is_refused():
    value = b""
    for _ in range(60):
        value = delimited(5, delimited(1, value))
    body = delimited(1, delimited(2, delimited(2, delimited(5, value))))
    with pytest.raises(errors.MalformedError):
        wire.read(Signal.LOGS, body)


def test_text_that_is_not_utf8_is_kept_as_it_came():
    record = delimited(3, b"\xff\xfe") + delimited(
        6, delimited(1, b"\xc0") + delimited(2, delimited(1, b"\xed\xa0\x80"))
    )
    resource = delimited(2, delimited(2, record))
    [kept] = resources(wire.read(Signal.LOGS, delimited(1, resource)))
    assert kept == resource


@pytest.mark.parametrize(
    ("signal", "request_"),
    [(Signal.LOGS, logs(LogRecord())), (Signal.TRACES, spans(Span())), (Signal.METRICS, metrics(gauge("a")))],
)
def test_each_resource_is_stamped_with_its_arrival_whatever_its_sender_wrote_there(signal, request_):
    resource = getattr(request_, request_.DESCRIPTOR.fields[0].name)[0].SerializeToString()
    body = delimited(1, stamp(1) + resource + stamp(2))
    parcel = wire.pack(wire.parse(signal, body, received=77))
    assert b"".join(parcel.chunks[1::2]) == resource + stamp(77)


def test_items_are_counted_by_signal():
    three = logs(LogRecord(), LogRecord(), LogRecord())
    assert wire.read(Signal.LOGS, three.SerializeToString()).items == 3
    assert wire.read(Signal.TRACES, spans(Span(), Span()).SerializeToString()).items == 2
    assert wire.read(Signal.METRICS, metrics(gauge("a", 2), gauge("b", 5)).SerializeToString()).items == 7


def test_a_resource_without_items_is_not_sent_on():
    request = LogsData(resource_logs=[ResourceLogs(schema_url="x"), *logs(LogRecord()).resource_logs])
    assert len(resources(wire.read(Signal.LOGS, request.SerializeToString()))) == 1


def test_metrics_without_data_are_taken_out_and_the_rest_stays():
    request = metrics(gauge("a"), Metric(name="untyped"), gauge("b"), Metric(name="untyped too"))
    parcel = wire.read(Signal.METRICS, request.SerializeToString())
    assert (parcel.items, parcel.rejected) == (2, 2)
    assert "exponential_histogram" in parcel.message
    [resource] = resources(parcel)
    assert [metric.name for metric in ResourceMetrics.FromString(resource).scope_metrics[0].metrics] == ["a", "b"]


@pytest.mark.parametrize("sizes", [(15, 8), (17, 8), (16, 7), (16, 9), (1, 1), (0, 3)])
def test_sorting_out_takes_out_spans_whose_ids_have_the_wrong_length(sizes):
    wrong = Span(name="wrong", trace_id=b"t" * sizes[0], span_id=b"s" * sizes[1])
    good = Span(name="good", trace_id=b"t" * 16, span_id=b"s" * 8)
    parcel = wire.read(Signal.TRACES, spans(good, wrong, Span(name="no ids"), wrong).SerializeToString())
    assert (parcel.items, parcel.rejected) == (4, 0)
    mended, found = wire.sort_out(parcel, ANY_TIME)
    assert (mended.items, mended.rejected, len(found)) == (2, 2, 2)
    assert "16 bytes" in mended.message
    [resource] = resources(mended)
    assert [span.name for span in ResourceSpans.FromString(resource).scope_spans[0].spans] == ["good", "no ids"]


@pytest.mark.parametrize(
    ("signal", "request_"),
    [(Signal.LOGS, logs(LogRecord())), (Signal.TRACES, spans(Span())), (Signal.METRICS, metrics(gauge("a")))],
)
def test_sorting_out_what_is_in_order_gives_it_back(signal, request_):
    parcel = wire.read(signal, request_.SerializeToString())
    assert wire.sort_out(parcel, ANY_TIME) == (parcel, [])


# The variant declares opentelemetry/proto/common/v1 as proto2, which packs no numbers and closes its enums.
def test_the_common_messages_have_no_field_that_proto2_writes_otherwise():
    request = schema_variant.request_classes()[Signal.LOGS]
    common = request.DESCRIPTOR.fields_by_name["resource_logs"].message_type.fields_by_name["resource"].message_type
    file = common.fields_by_name["attributes"].message_type.file
    assert {"AnyValue", "KeyValue", "InstrumentationScope"} <= set(file.message_types_by_name)
    for message in file.message_types_by_name.values():
        for field in message.fields:
            numeric = field.type not in (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE)
            assert not (field.is_repeated and numeric), field.full_name
            assert field.type != FieldDescriptor.TYPE_ENUM, field.full_name
