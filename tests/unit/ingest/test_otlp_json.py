"""JSON requests against the protobuf that they stand for; the round trip uses google.protobuf.json_format as judge."""

import base64
import contextlib
import json
import math
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest import otlp_json
from ingest.errors import MalformedError
from sql.signals import Signal

REQUESTS = {
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
TRACE_ID = "5B8EFFF798038103D269B633813FC60C"
SPAN_ID = "eee19b7ec3c1b174"


def read(signal: Signal, request: object) -> Any:
    text = request if isinstance(request, str) else json.dumps(request)
    return REQUESTS[signal].FromString(otlp_json.read(signal, text.encode()))


def log_record(fields: object) -> Any:
    text = fields if isinstance(fields, str) else json.dumps(fields)
    request = read(Signal.LOGS, '{"resourceLogs":[{"scopeLogs":[{"logRecords":[<>]}]}]}'.replace("<>", text))
    return request.resource_logs[0].scope_logs[0].log_records[0]


def body_value(value: object) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    return log_record('{"body":<>}'.replace("<>", text)).body


def refusal(signal: Signal, request: object) -> MalformedError:
    with pytest.raises(MalformedError) as refused:
        read(signal, request)
    return refused.value


def refused_record(fields: object) -> MalformedError:
    return refusal(Signal.LOGS, {"resourceLogs": [{"scopeLogs": [{"logRecords": [fields]}]}]})


def test_a_trace_as_the_specification_shows_it():
    span = {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID.upper(),
        "parentSpanId": SPAN_ID,
        "name": "checkout",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": 1544712661000000000,
        "kind": 2,
        "attributes": [{"key": "n", "value": {"intValue": "-7"}}],
        "events": [{"timeUnixNano": "5", "name": "paid", "attributes": []}],
        "links": [{"traceId": TRACE_ID.lower(), "spanId": SPAN_ID, "flags": 257}],
        "status": {"code": 1, "message": "fine"},
    }
    scope = {"name": "my.instrumentation", "version": "1.0.0"}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    request = read(
        Signal.TRACES,
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]}]},
    )
    assert request.resource_spans[0].resource.attributes[0].value.string_value == "shop"
    assert request.resource_spans[0].scope_spans[0].scope.version == "1.0.0"
    got = request.resource_spans[0].scope_spans[0].spans[0]
    assert (got.trace_id, got.span_id) == (bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID))
    assert got.parent_span_id == bytes.fromhex(SPAN_ID)
    assert (got.name, got.kind, got.status.code, got.status.message) == ("checkout", 2, 1, "fine")
    assert (got.start_time_unix_nano, got.end_time_unix_nano) == (1544712660 * 10**9, 1544712661 * 10**9)
    assert got.attributes[0].value.int_value == -7
    assert (got.events[0].name, got.events[0].time_unix_nano) == ("paid", 5)
    assert (got.links[0].trace_id, got.links[0].flags) == (bytes.fromhex(TRACE_ID), 257)


def test_every_kind_of_metric_with_an_exemplar():
    exemplar = {"traceId": TRACE_ID, "spanId": SPAN_ID, "asInt": "3", "filteredAttributes": []}
    histogram = {
        "count": 2,
        "sum": 2,
        "bucketCounts": ["1", 1],
        "explicitBounds": [1],
        "min": 0,
        "exemplars": [exemplar],
    }
    exponential = {
        "scale": -2,
        "zeroCount": "1",
        "positive": {"offset": -3, "bucketCounts": [0, "18446744073709551615"]},
    }
    quantiles = [{"quantile": 0.5, "value": "Infinity"}]
    metrics = [
        {"name": "g", "gauge": {"dataPoints": [{"asDouble": 10, "timeUnixNano": "9"}]}},
        {"name": "s", "sum": {"dataPoints": [{"asInt": "4"}], "isMonotonic": True, "aggregationTemporality": 2}},
        {"name": "h", "histogram": {"dataPoints": [histogram], "aggregationTemporality": 1}},
        {"name": "e", "exponentialHistogram": {"dataPoints": [exponential]}},
        {"name": "q", "summary": {"dataPoints": [{"count": "1", "sum": 1.5, "quantileValues": quantiles}]}},
    ]
    request = read(Signal.METRICS, {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    gauge, total, histo, expo, summary = request.resource_metrics[0].scope_metrics[0].metrics
    assert gauge.gauge.data_points[0].as_double == 10.0
    assert (total.sum.data_points[0].as_int, total.sum.is_monotonic) == (4, True)
    point = histo.histogram.data_points[0]
    assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([1, 1], [1.0])
    assert (point.sum, point.HasField("min"), point.HasField("max")) == (2.0, True, False)
    assert point.exemplars[0].trace_id == bytes.fromhex(TRACE_ID)
    assert point.exemplars[0].as_int == 3
    buckets = expo.exponential_histogram.data_points[0].positive
    assert (buckets.offset, list(buckets.bucket_counts)) == (-3, [0, 2**64 - 1])
    assert summary.summary.data_points[0].quantile_values[0].value == math.inf


def test_every_kind_of_value():
    assert body_value({"stringValue": ""}).WhichOneof("value") == "string_value"
    assert body_value({"boolValue": False}).WhichOneof("value") == "bool_value"
    assert body_value({"intValue": "-9223372036854775808"}).int_value == -(2**63)
    assert body_value({"intValue": 9223372036854775807}).int_value == 2**63 - 1
    assert body_value({"doubleValue": "-Infinity"}).double_value == -math.inf
    assert math.isnan(body_value({"doubleValue": "NaN"}).double_value)
    assert body_value({"doubleValue": "1.5e3"}).double_value == 1500.0
    assert body_value({"bytesValue": "AP8="}).bytes_value == b"\x00\xff"
    nested = body_value({"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{}]}}}]}})
    assert len(nested.kvlist_value.values[0].value.array_value.values) == 1


def test_base64_may_be_url_safe_and_without_padding():
    assert body_value({"bytesValue": "-_8"}).bytes_value == b"\xfb\xff"


@pytest.mark.parametrize("text", ["1.0", "1e0", '"1"', '"1.0"', '"1e0"'])
def test_a_whole_number_is_an_integer_however_it_is_written(text):
    assert body_value('{"intValue":<>}'.replace("<>", text)).int_value == 1


@pytest.mark.parametrize(
    "text", ["1.5", '""', '" 1"', '"1_000"', '"+1"', '"\u0661"', "true", "9223372036854775808", "[]", "{}", "1e999"]
)
def test_what_is_no_64_bit_integer_is_refused(text):
    with pytest.raises(MalformedError, match=r"body\.int_value must be an integer from -9223372036854775808"):
        body_value('{"intValue":<>}'.replace("<>", text))


def test_an_unsigned_field_takes_no_negative_number():
    error = refused_record({"timeUnixNano": -1})
    assert error.field == "resource_logs[0].scope_logs[0].log_records[0].time_unix_nano"
    assert str(error).endswith("must be an integer from 0 to 18446744073709551615, not -1")


@pytest.mark.parametrize("value", ["none", [], True, 10**400])
def test_what_is_no_double_is_refused(value):
    error = refused_record({"body": {"doubleValue": value}})
    assert "body.double_value must be a number" in str(error)


def test_an_enum_is_an_integer_or_its_name_and_an_unknown_integer_is_kept():
    assert log_record({"severityNumber": 9}).severity_number == 9
    assert log_record({"severityNumber": "SEVERITY_NUMBER_ERROR"}).severity_number == 17
    assert log_record({"severityNumber": 99}).severity_number == 99
    assert "name of SeverityNumber" in str(refused_record({"severityNumber": "LOUD"}))


def test_snake_case_keys_are_taken_as_well():
    request = {"resource_logs": [{"scope_logs": [{"log_records": [{"trace_id": TRACE_ID, "event_name": "e"}]}]}]}
    record = read(Signal.LOGS, request).resource_logs[0].scope_logs[0].log_records[0]
    assert (record.trace_id.hex().upper(), record.event_name) == (TRACE_ID, "e")


def test_unknown_keys_are_ignored_whatever_they_hold():
    record = log_record({"severityText": "WARN", "mood": {"deep": [{"er": None}]}, "4": []})
    assert record.severity_text == "WARN"


def test_the_profiles_own_index_does_not_push_a_value_out():
    assert body_value({"stringValue": "a", "stringValueStrindex": 0}).string_value == "a"


def test_null_is_the_same_as_a_missing_key():
    record = log_record({"traceId": None, "attributes": None, "body": {"stringValue": None}, "flags": 1})
    assert (record.trace_id, len(record.attributes), record.flags) == (b"", 0, 1)
    assert record.body.WhichOneof("value") is None


def test_null_in_a_list_is_refused():
    assert "attributes[1] must be an object, not null" in str(refused_record({"attributes": [{"key": "a"}, None]}))


def test_of_equal_keys_the_last_one_counts():
    assert log_record('{"severityText":"a","severityText":"b"}').severity_text == "b"


def test_an_empty_id_is_no_id():
    record = log_record({"traceId": "", "spanId": ""})
    assert (record.trace_id, record.span_id) == (b"", b"")


@pytest.mark.parametrize("trace_id", ["5b", TRACE_ID[:-1] + "g", TRACE_ID + "00", TRACE_ID[:-1] + " ", "é" * 32, 7])
def test_a_bad_trace_id_is_refused_with_its_place_and_the_mend(trace_id):
    span = {"links": [{"traceId": TRACE_ID}, {"traceId": trace_id}]}
    error = refusal(Signal.TRACES, {"resourceSpans": [{"scopeSpans": [{"spans": [{}, span]}]}]})
    assert error.field == "resource_spans[0].scope_spans[0].spans[1].links[1].trace_id"
    assert "must be 32 hex digits (16 bytes), or empty for none, not " in str(error)


def test_a_bad_id_of_an_exemplar_is_refused_too():
    point = {"exemplars": [{"spanId": "zz"}]}
    metric = {"gauge": {"dataPoints": [point]}}
    error = refusal(Signal.METRICS, {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    assert error.field.endswith("metrics[0].gauge.data_points[0].exemplars[0].span_id")


def test_ids_that_are_attribute_values_are_plain_text():
    record = log_record({"attributes": [{"key": "traceId", "value": {"stringValue": "zz"}}]})
    assert record.attributes[0].value.string_value == "zz"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"severityText": 5}, "severity_text must be a string, not 5"),
        ({"body": "text"}, 'body must be an object, not "text"'),
        ({"body": {"boolValue": "true"}}, 'body.bool_value must be true or false, not "true"'),
        ({"body": {"bytesValue": "%%%"}}, 'body.bytes_value must be base64, not "%%%"'),
        ({"body": {"bytesValue": "é"}}, "body.bytes_value must be base64"),
        ({"body": {"arrayValue": {"values": {}}}}, "body.array_value.values must be a list, not an object"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_place(fields, reason):
    assert reason in str(refused_record(fields))


def test_a_long_wrong_value_is_not_thrown_back_whole():
    assert len(str(refused_record({"traceId": "x" * 100_000}))) < 300


@pytest.mark.parametrize("text", ["[]", '"x"', "1", "null", "true"])
def test_a_body_that_is_no_object_is_refused(text):
    assert "the body must be an object" in str(refusal(Signal.LOGS, text))


@pytest.mark.parametrize(
    "text", ["", "{", '{"resourceLogs":[}', "{} {}", "\x00", '{"a":<>}'.replace("<>", ("9" * 5_000))]
)
def test_a_body_that_is_no_json_is_refused(text):
    assert "the body is not JSON" in str(refusal(Signal.LOGS, text))


def test_a_body_that_is_no_utf8_is_refused():
    with pytest.raises(MalformedError, match="not UTF-8 at byte 2"):
        otlp_json.read(Signal.LOGS, b'{"\xff":1}')
    with pytest.raises(MalformedError, match="not UTF-8"):
        otlp_json.read(Signal.LOGS, "{}".encode("utf-16"))


def test_an_empty_object_is_an_empty_request():
    assert otlp_json.read(Signal.TRACES, b" {} ") == b""


def test_a_byte_order_mark_is_passed_over():
    assert otlp_json.read(Signal.LOGS, b"\xef\xbb\xbf{}") == b""


def nested_value(levels: int) -> str:
    return '{"arrayValue":{"values":[' * levels + '{"intValue":1}' + "]}}" * levels


def test_values_nest_as_deep_as_protobuf_allows_and_no_deeper():
    # Request, resource, scope, record and value take five of the hundred, each level of an array two more.
    assert body_value(nested_value(47)).HasField("array_value")
    assert "is nested too deeply" in str(refusal_of_body(nested_value(48)))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"resourceLogs":[{"scopeLogs":'])
def test_endless_nesting_is_refused(opening):
    error = refusal(Signal.LOGS, opening * 100_000)
    assert "nested too deeply" in str(error) or "not JSON" in str(error)


def refusal_of_body(value: str) -> MalformedError:
    return refusal(Signal.LOGS, '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":<>}]}]}]}'.replace("<>", value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\ud800", "\ufffd"),
        (r"a\uDFFFb\ud83d", "a\ufffdb\ufffd"),
        (r"\ud800 \\ud800", "\ufffd \\ud800"),
        (r"\ud800\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ude00\ud83d\"\ud800", '\ufffd\ufffd"\ufffd'),
    ],
)
def test_a_lone_surrogate_becomes_the_replacement_character(text, expected):
    assert body_value('{"stringValue":"<>"}'.replace("<>", text)).string_value == expected


# The round trip: any request, written as JSON by protobuf's own printer (ids made hex), reads back the same.

LENGTHS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    # JSON has one NaN only, whatever its bits were.
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(math.nan),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
}


@st.composite
def fields_of(draw, descriptor, depth: int = 0):
    """Keyword arguments for a message: each field set or not, at most one of a oneof."""
    chosen: dict[str, object] = {}
    taken: set[str] = set()
    for field in descriptor.fields:
        oneof = field.containing_oneof.name if field.containing_oneof else field.name
        if field.name.endswith("_strindex") or oneof in taken or (field.message_type is not None and depth > 9):
            continue
        # The envelopes are always there, or most requests would be empty.
        envelope = depth < 3 and field.is_repeated and field.message_type is not None
        if envelope or draw(st.booleans()):
            taken.add(oneof)
            value = value_of(field, depth)
            several = st.lists(value, min_size=int(envelope), max_size=2)
            chosen[field.name] = draw(several if field.is_repeated else value)
    return chosen


def value_of(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return fields_of(field.message_type, depth + 1)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.name in LENGTHS:
        length = LENGTHS[field.name]
        return st.one_of(st.just(b""), st.binary(min_size=length, max_size=length))
    return SCALARS[field.type]


def with_hex_ids(value: Any, *, upper: bool) -> Any:
    if isinstance(value, list):
        return [with_hex_ids(member, upper=upper) for member in value]
    if not isinstance(value, dict):
        return value
    return {key: _hex(key, member, upper=upper) for key, member in value.items()}


def _hex(key: str, member: Any, *, upper: bool) -> Any:
    if key in LENGTHS or key in {"traceId", "spanId", "parentSpanId"}:
        text = base64.b64decode(member).hex()
        return text.upper() if upper else text
    return with_hex_ids(member, upper=upper)


def same(left: Message, right: Message) -> bool:
    """Equal to the bit: NaN is not equal to itself, its bytes are."""
    return left.SerializeToString(deterministic=True) == right.SerializeToString(deterministic=True)


@pytest.mark.parametrize("signal", list(Signal))
@settings(max_examples=60, deadline=None)
@given(data=st.data(), snake=st.booleans(), numbers=st.booleans(), upper=st.booleans())
def test_any_request_reads_back_as_protobuf_prints_it(signal, data, snake, numbers, upper):
    request = REQUESTS[signal](**data.draw(fields_of(REQUESTS[signal].DESCRIPTOR)))
    printed = json_format.MessageToDict(request, preserving_proto_field_name=snake, use_integers_for_enums=numbers)
    assert same(read(signal, with_hex_ids(printed, upper=upper)), request)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(Signal)),
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
)
def test_rubbish_is_refused_and_nothing_else_happens(signal, body):
    with contextlib.suppress(MalformedError):
        REQUESTS[signal].FromString(otlp_json.read(signal, body))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value", "intValue"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES)
def test_json_of_any_shape_is_read_or_refused(value):
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [value]}]}]}).encode()
    with contextlib.suppress(MalformedError):
        ExportTraceServiceRequest.FromString(otlp_json.read(Signal.TRACES, body))
