import math
import re
import struct
from pathlib import Path

import pytest
from google.protobuf import message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData

from ingest import errors, nested, schema_variant, value_text, wire
from oracle import messages, wireformat
from oracle import text as oracle_text
from sql.signals import Signal


def a_map(**members):
    values = [KeyValue(key=key, value=value) for key, value in members.items()]
    return AnyValue(kvlist_value=KeyValueList(values=values))


def an_array(*items):
    return AnyValue(array_value=ArrayValue(values=items))


def text_of(value):
    return value_text.text(value.SerializeToString()).decode()


NESTED = an_array(AnyValue(int_value=1))
ATTRIBUTES = [
    KeyValue(key="flat", value=AnyValue(string_value="as it is")),
    KeyValue(key="nested", value=NESTED),
]


@settings(max_examples=400, deadline=None)
@given(messages.messages("AnyValue", messages.DEPTH))
def test_every_value_reads_like_the_oracle_says(raw):
    [resource] = wire.parse(Signal.LOGS, a_log_body(raw)).resources
    value = resource.scope_logs[0].log_records[0].body
    assert value_text.text(value.SerializePartialToString()) == oracle_text.json(wireformat.read("AnyValue", raw))


def a_log_body(value):
    record = wireformat.delimited(5, value)
    return wireformat.delimited(1, wireformat.delimited(2, wireformat.delimited(2, record)))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"), (-0.0, "-0"), (0.1, "0.1"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-6, "0.000001"),
        (1e-7, "1e-7"), (9.9e-7, "9.9e-7"), (123456789012345680000.0, "123456789012345680000"), (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (2.0**53, "9007199254740992"), (-1.5, "-1.5"),
        (math.nan, '"NaN"'), (math.inf, '"Infinity"'), (-math.inf, '"-Infinity"'),
    ],
)  # fmt: skip
def test_doubles_are_written_as_ecmascript_does(number, text):
    assert text_of(an_array(AnyValue(double_value=number))) == f"[{text}]"
    assert oracle_text.number(number) == text.strip('"')


# What Go 1.26 prints for the same values with SetEscapeHTML(false).
def test_strings_are_escaped_as_go_does():
    value = an_array(AnyValue(string_value='\0\x01\b\f\n\r\t\x1f\x7f\u2028\u2029<>&"\\/é'))
    assert text_of(value) == r'["\u0000\u0001\b\f\n\r\t\u001f' + "\x7f" + r'\u2028\u2029<>&\"\\/é"]'


def test_each_byte_that_is_not_utf8_is_replaced():
    raw = wireformat.delimited(1, b"\xe2\x82x\xed\xa0\x80\xef\xbf\xbd")
    array = wireformat.delimited(5, wireformat.delimited(1, raw))
    assert value_text.text(array) == rb'["\ufffd\ufffdx\ufffd\ufffd\ufffd' + "\ufffd".encode() + b'"]'


def test_keys_are_sorted_by_their_bytes_and_the_last_of_equal_keys_wins():
    pairs = [(b"b", 1), (b"\xff", 2), ("\U00010000".encode(), 3), (b"", 4), (b"b a", 5), (b"b", 6)]
    members = [
        wireformat.delimited(1, wireformat.delimited(1, key) + wireformat.delimited(2, b"\x18" + bytes([number])))
        for key, number in pairs
    ]
    text = value_text.text(wireformat.delimited(6, b"".join(members)))
    assert text == b'{"":4,"b":6,"b a":5,"' + "\U00010000".encode() + rb'":3,"\ufffd":2}'


def test_unset_is_null_bytes_are_base64_and_what_is_empty_stays_empty():
    value = a_map(
        unset=AnyValue(),
        bytes=AnyValue(bytes_value=b"\x01\x02"),
        map=a_map(),
        array=an_array(),
        string=AnyValue(string_value=""),
        bool=AnyValue(bool_value=False),
        least=AnyValue(int_value=-(2**63)),
    )
    assert text_of(value) == (
        '{"array":[],"bool":false,"bytes":"AQI=","least":-9223372036854775808,"map":{},"string":"","unset":null}'
    )


@pytest.mark.parametrize("size", [0, 1, 120, 127, 128, 129, 200, 255, 256, 511, 512, 513, 16_383, 16_384])
def test_the_length_of_a_key_or_a_value_makes_no_difference(size):
    long = "x" * size
    assert text_of(a_map(**{long: AnyValue(string_value=long)})) == f'{{"{long}":"{long}"}}'
    assert text_of(a_map(k=AnyValue(string_value=long))) == f'{{"k":"{long}"}}'
    assert text_of(a_map(**{long: AnyValue(int_value=7)})) == f'{{"{long}":7}}'


def test_fields_that_nobody_knows_change_nothing():
    unknown = wireformat.delimited(99, b"new")
    value = wireformat.delimited(1, b"v") + unknown
    member = wireformat.delimited(1, b"k") + wireformat.delimited(2, value) + unknown
    assert value_text.text(wireformat.delimited(6, wireformat.delimited(1, member) + unknown)) == b'{"k":"v"}'


@pytest.mark.parametrize("size", range(118, 130))
@pytest.mark.parametrize(("inside", "behind"), [(99, 0), (0, 99)])
def test_a_field_that_nobody_knows_after_a_text_of_any_length_changes_nothing(size, inside, behind):
    fields = {0: b"", 99: wireformat.delimited(99, b"")}
    value = wireformat.delimited(1, b"v" * size) + fields[inside]
    member = wireformat.delimited(1, b"k") + wireformat.delimited(2, value) + fields[behind]
    assert value_text.text(wireformat.delimited(6, wireformat.delimited(1, member))) == b'{"k":"%s"}' % (b"v" * size)


def test_the_deepest_value_that_protobuf_accepts_is_written():
    value = AnyValue(int_value=1)
    for _ in range(45):  # two messages a level, and protobuf takes 100 in all
        value = an_array(value)
    [resource] = wire.parse(Signal.LOGS, a_log_body(value.SerializeToString())).resources
    assert nested.flatten(resource, 2) == 1
    assert resource.scope_logs[0].log_records[0].body.string_value == b"[" * 45 + b"1" + b"]" * 45


def as_an_attribute_of_a_resource(value):
    attributes = wireformat.delimited(1, wireformat.delimited(1, wireformat.delimited(2, value)))
    return wireformat.delimited(1, attributes + b"\x12\x02\x12\x00")  # with a record, or it would be left out


def as_an_attribute_of_a_record(value):
    attribute = wireformat.delimited(6, wireformat.delimited(2, value))
    return wireformat.delimited(1, wireformat.delimited(2, wireformat.delimited(2, attribute)))


def as_an_attribute_of_an_exemplar(value):
    around = wireformat.delimited(7, wireformat.delimited(2, value))
    for number in (5, 1, 5, 2, 2, 1):  # exemplars, data points, gauge, metrics, scopes, resources
        around = wireformat.delimited(number, around)
    return around


def is_read(signal, body):
    try:
        wire.read(signal, body)
    except errors.MalformedError:
        return False
    return True


def is_read_by_protobuf(signal, body):
    try:
        PLAIN[signal].FromString(body)
    except message.DecodeError:
        return False
    return True


PLAIN = {Signal.LOGS: LogsData, Signal.METRICS: MetricsData}
Whole = schema_variant.whole_value_class()


@pytest.mark.parametrize("tag", [5, 6])
@pytest.mark.parametrize("end", [b"", wireformat.delimited(1, b"x"), b"\x18\x01"])
@pytest.mark.parametrize(
    ("signal", "around"),
    [
        (Signal.LOGS, a_log_body),
        (Signal.LOGS, as_an_attribute_of_a_resource),
        (Signal.LOGS, as_an_attribute_of_a_record),
        (Signal.METRICS, as_an_attribute_of_an_exemplar),
    ],
)
def test_what_is_nested_too_deep_for_protobuf_is_refused_and_nothing_else(signal, around, end, tag):
    value, taken = end, []
    for _ in range(60):
        inner = value if tag == 5 else wireformat.delimited(1, b"k") + wireformat.delimited(2, value)
        value = wireformat.delimited(tag, wireformat.delimited(1, inner))
        taken.append(is_read(signal, around(value)))
        assert taken[-1] == is_read_by_protobuf(signal, around(value))
    assert set(taken) == {True, False}


@pytest.mark.parametrize("depth", [500, 5_000])
def test_nesting_without_end_is_refused_and_harms_nothing_else(depth):
    value = b""
    for _ in range(depth):
        value = wireformat.delimited(5, wireformat.delimited(1, value))
    with pytest.raises(errors.MalformedError):
        wire.read(Signal.LOGS, a_log_body(value))
    assert wire.read(Signal.LOGS, a_log_body(NESTED.SerializeToString())).items == 1


def a_member(begin, *values):
    """A map of one member, whose value may stand more than once."""
    member = begin + b"".join(wireformat.delimited(2, value) for value in values)
    return wireformat.delimited(6, wireformat.delimited(1, member))


ONE = wireformat.delimited(1, wireformat.delimited(1, b"a") + wireformat.delimited(2, b"\x18\x01"))
TWO = wireformat.delimited(1, wireformat.delimited(1, b"b") + wireformat.delimited(2, b"\x18\x02"))
LONG_STRING = b"\x0a\xc8\x00" + b"x" * 72 + wireformat.delimited(1, b"y" * 125)
LONG_MEMBER = (
    b"\x0a\x01k\x12\xc8\x00"
    + wireformat.delimited(1, b"x" * 70)
    + wireformat.delimited(2, wireformat.delimited(1, b"y" * 123))
)
MAP_ONE, MAP_TWO = wireformat.delimited(6, ONE), wireformat.delimited(6, TWO)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MAP_ONE + MAP_TWO, b'{"a":1,"b":2}'),
        (MAP_ONE + b"\x18\x01" + MAP_TWO, b'{"b":2}'),
        (wireformat.delimited(6, b"") + MAP_TWO, b'{"b":2}'),
        (wireformat.delimited(5, wireformat.delimited(1, MAP_ONE + MAP_TWO)), b'[{"a":1,"b":2}]'),
        (wireformat.delimited(5, wireformat.delimited(1, MAP_ONE + b"\x18\x07")), b"[7]"),
        (a_member(b"\x0a\x01x\x0a\x01k", MAP_ONE, MAP_TWO), b'{"k":{"a":1,"b":2}}'),
        (a_member(b"", MAP_ONE) + a_member(b"\x0a\x01k"), b'{"":{"a":1},"k":null}'),
        (wireformat.delimited(6, wireformat.delimited(1, b"")), b'{"":null}'),
        (wireformat.delimited(6, b""), b"{}"),
        (wireformat.delimited(5, b""), b"[]"),
        # Lengths in more bytes than they need, of which the first is by chance how many bytes follow.
        (wireformat.delimited(5, wireformat.delimited(1, LONG_STRING)), b'["' + b"y" * 125 + b'"]'),
        (wireformat.delimited(6, wireformat.delimited(1, LONG_MEMBER)), b'{"k":"' + b"y" * 123 + b'"}'),
    ],
)
def test_fields_that_stand_twice_are_merged_as_protobuf_does(value, text):
    [resource] = wire.parse(Signal.LOGS, a_log_body(value)).resources
    nested.flatten(resource, 2)
    assert resource.scope_logs[0].log_records[0].body.string_value == text


@pytest.mark.parametrize("tag", [5, 6])
@pytest.mark.parametrize(
    "inner", [b"\x0a", b"\x32", b"\x32\x80", b"\x0a\x80\x80", b"\x0a\x01k\x12", b"\x0a\x00\x12\x01\x0a"]
)
def test_members_and_items_of_a_few_broken_bytes_are_refused(tag, inner):
    member = inner if tag == 6 or inner[:1] == b"\x32" else b"\x0a\x01"
    with pytest.raises(errors.MalformedError):
        wire.read(Signal.LOGS, a_log_body(wireformat.delimited(tag, wireformat.delimited(1, member))))


def test_arrays_and_maps_that_are_cut_off_inside_are_refused():
    value = a_map(k=an_array(a_map(inner=AnyValue(string_value="text")), AnyValue(double_value=1))).SerializeToString()
    for end in range(2, len(value) - 1):
        for tag in (5, 6):
            body = a_log_body(wireformat.delimited(tag, value[2:end]))
            assert is_read(Signal.LOGS, body) == is_read_by_protobuf(Signal.LOGS, body)


@settings(max_examples=300, deadline=None)
@given(messages.messages("AnyValue", messages.DEPTH), st.data())
def test_a_broken_value_is_refused_as_protobuf_does_and_others_are_read_alike(raw, data):
    value = bytearray(wireformat.delimited(5, wireformat.delimited(1, raw)))
    for _ in range(data.draw(st.integers(0, 3))):
        value[data.draw(st.integers(2, len(value) - 1))] = data.draw(st.integers(0, 255))
    body = a_log_body(bytes(value))
    try:
        holder = Whole.FromString(wireformat.delimited(2, bytes(value)))
    except message.DecodeError:
        assert not is_read(Signal.LOGS, body)
        return
    parcel = wire.read(Signal.LOGS, body)
    resource = wire.resource_classes[Signal.LOGS].FromString(parcel.chunks[1])
    if holder.value.WhichOneof("value") in {"array_value", "kvlist_value"}:
        expected = oracle_text.json(wireformat.read("AnyValue", holder.value.SerializeToString()))
        assert resource.scope_logs[0].log_records[0].body.string_value == expected


def test_what_is_remembered_is_bounded():
    for _ in range(3):
        for first in range(0, 10_000, 100):
            many = {str(i): AnyValue(int_value=i) for i in range(first, first + 100)}
            for _ in range(2):
                value_text.text(a_map(**many, long=AnyValue(string_value="x" * 1000)).SerializeToString())
    assert 0 < len(value_text._remembered) <= 4096
    assert max(map(len, value_text._remembered)) <= 512


def a_resource_with_nested_values(message, count):
    message.resource.attributes.extend(ATTRIBUTES)
    return message, count + 1


def logs_with_nested_values_everywhere():
    record = LogRecord(body=a_map(a=NESTED), attributes=ATTRIBUTES)
    scoped = ScopeLogs(log_records=[LogRecord(body=AnyValue(string_value="flat")), record])
    scoped.scope.attributes.extend(ATTRIBUTES)
    resource, count = a_resource_with_nested_values(ResourceLogs(scope_logs=[scoped]), 3)
    return Signal.LOGS, LogsData(resource_logs=[resource]), count


def spans_with_nested_values_everywhere():
    span = Span(
        attributes=ATTRIBUTES,
        events=[Span.Event(attributes=ATTRIBUTES)],
        links=[Span.Link(attributes=ATTRIBUTES)],
    )
    scoped = ScopeSpans(spans=[Span(), span])
    scoped.scope.attributes.extend(ATTRIBUTES)
    resource, count = a_resource_with_nested_values(ResourceSpans(scope_spans=[scoped]), 4)
    return Signal.TRACES, TracesData(resource_spans=[resource]), count


def metrics_with_nested_values_everywhere():
    exemplars = [Exemplar(filtered_attributes=ATTRIBUTES)]
    number = NumberDataPoint(attributes=ATTRIBUTES, exemplars=exemplars)
    bucketed = HistogramDataPoint(attributes=ATTRIBUTES, exemplars=exemplars)
    exponential = ExponentialHistogramDataPoint(attributes=ATTRIBUTES, exemplars=exemplars)
    metrics = [
        Metric(gauge=Gauge(data_points=[number]), metadata=ATTRIBUTES),
        Metric(sum=Sum(data_points=[number])),
        Metric(histogram=Histogram(data_points=[bucketed])),
        Metric(exponential_histogram=ExponentialHistogram(data_points=[exponential])),
        Metric(summary=Summary(data_points=[SummaryDataPoint(attributes=ATTRIBUTES)])),
    ]
    scoped = ScopeMetrics(metrics=metrics)
    scoped.scope.attributes.extend(ATTRIBUTES)
    resource, count = a_resource_with_nested_values(ResourceMetrics(scope_metrics=[scoped]), 11)
    return Signal.METRICS, MetricsData(resource_metrics=[resource]), count


@pytest.mark.parametrize(
    "made",
    [logs_with_nested_values_everywhere, spans_with_nested_values_everywhere, metrics_with_nested_values_everywhere],
)
def test_nested_values_are_replaced_wherever_they_can_stand(made):
    signal, request, count = made()
    [resource] = wire.parse(signal, request.SerializeToString()).resources
    assert not resource.IsInitialized()
    assert nested.flatten(resource, 2) == count
    assert resource.IsInitialized()
    flat = [attribute for attribute in resource.resource.attributes if attribute.key == b"flat"]
    assert [attribute.value.string_value for attribute in flat] == [b"as it is"]
    assert resource.SerializeToString().count(b"[1]") == count


def test_each_log_record_whose_body_is_text_by_then_is_told():
    bodies = [a_map(a=NESTED), AnyValue(string_value="as it came"), AnyValue(int_value=1), NESTED, AnyValue()]
    records = [LogRecord(body=body, attributes=ATTRIBUTES) for body in bodies]
    request = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    [resource] = wire.parse(Signal.LOGS, request.SerializeToString()).resources
    told = []
    nested.flatten(resource, 2, tell=lambda record, body: told.append((record.body.string_value, body)))
    assert told == [(body, body) for body in (b'{"a":[1]}', b"as it came", b"[1]")]


def test_a_message_without_nested_values_stays_as_it_is():
    record = LogRecord(body=AnyValue(double_value=struct.unpack("<d", b"\x01" * 8)[0]), attributes=ATTRIBUTES[:1])
    request = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
    [resource] = wire.parse(Signal.LOGS, request.SerializeToString(), received=0).resources
    assert nested.flatten(resource, 2) == 0
    assert resource.SerializeToString() == request.resource_logs[0].SerializeToString()


def test_a_value_too_deep_is_refused_before_anything_of_it_is_copied():
    """Python would copy what is at the bottom for each of the hundreds of levels that it goes down."""
    value = wireformat.delimited(1, b"x" * 1024 * 1024)
    for _ in range(900):
        value = wireformat.delimited(5, wireformat.delimited(1, value))
    body = a_log_body(value)

    def refused():
        with pytest.raises(errors.MalformedError, match="nested deeper than the 100 messages that protobuf reads"):
            wire.read(Signal.LOGS, body)

    assert peak_of(refused) < 50 * 1024 * 1024


def peak_of(call):
    """Bytes that the process takes at most while it is called, above what it has."""
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest counts from here
    call()
    return memory("VmHWM") - before


def memory(name):
    told = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(told[1]) * 1024


@pytest.mark.parametrize("value", [b"\x2a\x01\x0f", wireformat.delimited(5, wireformat.delimited(1, b"\x0a\x05x"))])
def test_a_metric_without_data_is_kept_only_where_all_that_stands_in_it_can_be_read(value):
    about = wireformat.delimited(1, b"k") + wireformat.delimited(2, value)
    untyped = wireformat.delimited(1, b"untyped") + wireformat.delimited(12, about)
    body = wireformat.delimited(1, wireformat.delimited(2, wireformat.delimited(2, untyped)))
    with pytest.raises(errors.MalformedError, match=r"cannot be read|is not a protobuf"):
        wire.read(Signal.METRICS, body)


def test_a_metric_without_data_is_kept_with_the_arrays_that_stand_in_it():
    about = wireformat.delimited(1, b"k") + wireformat.delimited(2, NESTED.SerializeToString())
    untyped = wireformat.delimited(1, b"untyped") + wireformat.delimited(12, about)
    body = wireformat.delimited(1, wireformat.delimited(2, wireformat.delimited(2, untyped)))
    (offence,) = wire.read(Signal.METRICS, body).offences
    (metric,) = ResourceMetrics.FromString(offence.item).scope_metrics[0].metrics
    assert metric.metadata[0].value == NESTED
