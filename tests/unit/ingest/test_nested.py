import math
import struct

import pytest
from hypothesis import given, settings
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

from ingest import nested, wire
from oracle import messages, wireformat
from oracle import text as oracle_text
from sql.signals import Signal


def a_map(**members):
    values = [KeyValue(key=key, value=value) for key, value in members.items()]
    return AnyValue(kvlist_value=KeyValueList(values=values))


def an_array(*items):
    return AnyValue(array_value=ArrayValue(values=items))


def text_of(value):
    return nested.text(value.SerializeToString()).decode()


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
    assert nested.text(value.SerializePartialToString()) == oracle_text.json(wireformat.read("AnyValue", raw))


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
    assert nested.text(array) == rb'["\ufffd\ufffdx\ufffd\ufffd\ufffd' + "\ufffd".encode() + b'"]'


def test_keys_are_sorted_by_their_bytes_and_the_last_of_equal_keys_wins():
    pairs = [(b"b", 1), (b"\xff", 2), ("\U00010000".encode(), 3), (b"", 4), (b"b a", 5), (b"b", 6)]
    members = [
        wireformat.delimited(1, wireformat.delimited(1, key) + wireformat.delimited(2, b"\x18" + bytes([number])))
        for key, number in pairs
    ]
    text = nested.text(wireformat.delimited(6, b"".join(members)))
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
    assert nested.text(wireformat.delimited(6, wireformat.delimited(1, member) + unknown)) == b'{"k":"v"}'


def test_the_deepest_value_that_protobuf_accepts_is_written():
    value = AnyValue(int_value=1)
    for _ in range(45):  # two messages a level, and protobuf takes 100 in all
        value = an_array(value)
    [resource] = wire.parse(Signal.LOGS, a_log_body(value.SerializeToString())).resources
    assert nested.flatten(resource, 2) == 1
    assert resource.scope_logs[0].log_records[0].body.string_value == b"[" * 45 + b"1" + b"]" * 45


def test_what_is_remembered_is_bounded():
    nested.text(a_map(**{str(i): AnyValue(int_value=i) for i in range(10_000)}).SerializeToString())
    nested.text(a_map(long=AnyValue(string_value="x" * 1000)).SerializeToString())
    assert 0 < len(nested._remembered) <= 4096
    assert max(map(len, nested._remembered)) <= 512


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


def test_a_message_without_nested_values_stays_as_it_is():
    record = LogRecord(body=AnyValue(double_value=struct.unpack("<d", b"\x01" * 8)[0]), attributes=ATTRIBUTES[:1])
    request = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
    [resource] = wire.parse(Signal.LOGS, request.SerializeToString(), received=0).resources
    assert nested.flatten(resource, 2) == 0
    assert resource.SerializeToString() == request.resource_logs[0].SerializeToString()
