"""Single items that can never be stored are found and taken out; halving goes down to any single item."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData

from ingest import dead_letters, wire
from sql.settings import RetentionSettings
from sql.signals import Signal
from sql.time_bounds import TimeBounds, bounds

DAY = 86_400 * 10**9
NOW = 20_000 * DAY
RULE = TimeBounds(reach_days=30)
KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]


def read(signal, request):
    parsed = wire.parse(signal, request.SerializeToString(), received=NOW)
    wire.take_out_untyped(parsed)
    return wire.pack(parsed)


def logs(*moments):
    records = [LogRecord(time_unix_nano=moment, severity_text=str(n)) for n, moment in enumerate(moments)]
    return read(Signal.LOGS, LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]))


def spans(*spans):
    return read(Signal.TRACES, TracesData(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])]))


def metrics(*runs):
    """Each run is (kind, times); `none` is a metric without data."""
    request = ExportMetricsServiceRequest()
    scoped = request.resource_metrics.add().scope_metrics.add()
    for kind, when in runs:
        metric = scoped.metrics.add(name=kind, unit="s")
        if kind == "none":
            continue
        data = getattr(metric, kind)
        data.SetInParent()
        if "aggregation_temporality" in data.DESCRIPTOR.fields_by_name:
            data.aggregation_temporality = 2
        for moment in when:
            data.data_points.add(time_unix_nano=moment)
    return read(Signal.METRICS, request)


def texts(parcel):
    return [
        record.severity_text
        for chunk in parcel.chunks[1::2]
        for scoped in ResourceLogs.FromString(chunk).scope_logs
        for record in scoped.log_records
    ]


def test_log_records_are_kept_up_to_the_bounds_and_taken_out_beyond_them():
    edge = [NOW - 30 * DAY - 1, NOW - 30 * DAY, NOW, NOW + 2 * DAY, NOW + 2 * DAY + 1]
    rest, found = wire.sort_out(logs(*edge), RULE)
    assert texts(rest) == ["1", "2", "3"]
    assert [offence.time_unix_nano for offence in found] == [edge[0], edge[-1]]
    assert (rest.items, rest.rejected) == (3, 2)
    assert "1 log records were rejected: time_unix_nano lies more than 30 days before its arrival" in rest.message
    assert "1 log records were rejected: time_unix_nano lies more than 2 days after its arrival" in rest.message


def test_a_log_record_without_a_time_goes_by_when_it_was_observed_and_without_both_by_its_arrival():
    records = [LogRecord(), LogRecord(observed_time_unix_nano=NOW), LogRecord(observed_time_unix_nano=1)]
    request = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    rest, (offence,) = wire.sort_out(read(Signal.LOGS, request), RULE)
    assert (rest.items, offence.time_unix_nano) == (2, 1)


def test_spans_and_data_points_without_a_time_are_taken_out_with_that_reason():
    rest, _ = wire.sort_out(spans(Span(), Span(start_time_unix_nano=NOW)), RULE)
    assert (rest.items, rest.message) == (1, "spans were rejected: start_time_unix_nano is not set")
    rest, _ = wire.sort_out(metrics(("gauge", [0, NOW]), ("summary", [0])), RULE)
    assert (rest.items, rest.rejected) == (1, 2)
    assert rest.message == "data points were rejected: time_unix_nano is not set"


def test_equal_reasons_are_told_once_and_what_was_found_while_reading_is_told_before():
    parcel = metrics(("gauge", [NOW]), ("none", []), ("sum", [1, 2, 3]), ("none", []))
    assert (parcel.items, parcel.rejected, len(parcel.offences)) == (4, 2, 2)
    rest, found = wire.sort_out(parcel, RULE)
    assert (rest.items, rest.rejected, len(found), rest.offences) == (1, 5, 3, parcel.offences)
    assert rest.message.count("data points were rejected") == 1
    assert rest.message.startswith("metrics without data were rejected")


def test_a_metric_of_a_type_that_is_not_known_is_kept_whole_in_its_offence():
    later_type = b"\x0a\x04beta" + b"\x7a\x03\x0a\x01x"
    body = b"\x0a" + bytes([len(later_type) + 4]) + b"\x12" + bytes([len(later_type) + 2])
    parcel = wire.read(Signal.METRICS, body + b"\x12" + bytes([len(later_type)]) + later_type)
    (offence,) = parcel.offences
    assert later_type in offence.item
    (metric,) = ResourceMetrics.FromString(offence.item).scope_metrics[0].metrics
    assert metric.name == "beta"


def test_a_nested_value_beside_a_metric_without_data_is_kept_in_its_offence():
    nested = KeyValue(key="args", value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=5)])))
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add(resource=Resource(attributes=[nested]))
    resource.scope_metrics.add().metrics.add(name="none")
    (offence,) = wire.read(Signal.METRICS, request.SerializeToString()).offences
    assert ResourceMetrics.FromString(offence.item).resource.attributes[0] == nested


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_point_stands_alone_in_its_metric(kind):
    _, found = wire.sort_out(metrics(("gauge", [NOW]), (kind, [1, NOW, 2])), RULE)
    for offence, moment in zip(found, (1, 2), strict=True):
        (metric,) = ResourceMetrics.FromString(offence.item).scope_metrics[0].metrics
        data = getattr(metric, kind)
        assert [point.time_unix_nano for point in data.data_points] == [moment]
        assert (metric.name, metric.unit, getattr(data, "aggregation_temporality", 2)) == (kind, "s", 2)


def test_a_longer_retention_is_offered_only_where_it_would_help():
    _, (short, *_) = wire.sort_out(logs(1), RULE)
    _, (ever, *_) = wire.sort_out(logs(1), bounds(RetentionSettings(logs_days=0))(Signal.LOGS))
    assert "sql.retention.logs_days" in short.reason
    assert "more than 900 days" in ever.reason
    assert "retention" not in ever.reason


def test_the_first_of_several_service_names_counts_as_in_the_tables():
    names = [KeyValue(key="service.name", value=AnyValue(string_value=name)) for name in ("first", "second")]
    resource = ResourceLogs(resource=Resource(attributes=names), scope_logs=[ScopeLogs(log_records=[LogRecord()])])
    (offence,) = wire.condemned(read(Signal.LOGS, LogsData(resource_logs=[resource])), "no", None)
    assert offence.origin.service_name == "first"


@pytest.mark.parametrize("parcel", [logs(NOW), logs()])
def test_what_holds_fewer_than_two_items_cannot_be_halved(parcel):
    with pytest.raises(ValueError, match="cannot be halved"):
        wire.halves(parcel)


def test_what_holds_no_item_does_not_stay_with_an_item_that_stands_alone():
    parcel = metrics(("gauge", []), ("sum", [NOW]), ("summary", []), ("gauge", [NOW]), ("histogram", []))
    for half, kind in zip(wire.halves(parcel), ("sum", "gauge"), strict=True):
        (scoped,) = ResourceMetrics.FromString(half.chunks[1]).scope_metrics
        assert [metric.name for metric in scoped.metrics] == [kind]


SHAPES = st.lists(st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=3), min_size=1, max_size=4)
"""Numbers of points, by resource, scope and metric."""


@settings(max_examples=150, deadline=None)
@given(SHAPES)
def test_halving_goes_down_to_each_item_alone_and_keeps_their_order(shape):
    request, number = ExportMetricsServiceRequest(), 0
    for place, scopes in enumerate(shape):
        resource = request.resource_metrics.add(schema_url=str(place))
        for metric_sizes in scopes:
            scoped = resource.scope_metrics.add(schema_url=str(place))
            for points in metric_sizes:
                metric = scoped.metrics.add(name=str(place))
                data = getattr(metric, KINDS[number % 5])
                data.SetInParent()
                for _ in range(points):
                    data.data_points.add(time_unix_nano=NOW + number)
                    number += 1
    parcel = read(Signal.METRICS, request)
    assert parcel.items == number
    if number < 2:
        return
    alone = list(down_to_single(parcel))
    assert [times(part) for part in alone] == [[NOW + place] for place in range(number)]
    condemned = dead_letters.condemn(parcel, "no", None)
    assert [offence.time_unix_nano for offence in condemned] == [NOW + place for place in range(number)]
    for part, offence in zip(alone, condemned, strict=True):
        single, item = ResourceMetrics.FromString(part.chunks[1]), ResourceMetrics.FromString(offence.item)
        assert single == item
        assert item.schema_url == item.scope_metrics[0].schema_url == item.scope_metrics[0].metrics[0].name


def down_to_single(parcel):
    if parcel.items == 1:
        yield parcel
        return
    first, last = wire.halves(parcel)
    assert first.items + last.items == parcel.items
    assert 0 <= last.items - first.items <= 1
    yield from down_to_single(first)
    yield from down_to_single(last)


def times(parcel):
    return [
        point.time_unix_nano
        for chunk in parcel.chunks[1::2]
        for scoped in ResourceMetrics.FromString(chunk).scope_metrics
        for metric in scoped.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), max_size=40))
def test_what_is_taken_out_and_what_stays_are_all_items_each_once_and_in_order(good):
    rest, found = wire.sort_out(logs(*(NOW if fine else 1 for fine in good)), RULE)
    assert texts(rest) == [str(place) for place, fine in enumerate(good) if fine]
    taken = [ResourceLogs.FromString(one.item).scope_logs[0].log_records[0].severity_text for one in found]
    assert taken == [str(place) for place, fine in enumerate(good) if not fine]


def test_a_parcel_that_was_read_back_in_one_piece_is_sorted_out_as_well():
    parcel = logs(NOW, 1)
    joined = wire.Parcel(Signal.LOGS, (b"".join(parcel.chunks),), parcel.size, 2)
    assert wire.sort_out(joined, RULE)[0] == wire.sort_out(parcel, RULE)[0]


def test_without_an_arrival_the_rule_is_a_minute_stricter_than_the_clock():
    unstamped = ResourceLogs(
        scope_logs=[
            ScopeLogs(
                log_records=[
                    LogRecord(time_unix_nano=time.time_ns() - 30 * DAY + 30 * 10**9, severity_text="edge"),
                    LogRecord(time_unix_nano=time.time_ns() - 30 * DAY + 300 * 10**9, severity_text="in"),
                ]
            )
        ]
    ).SerializeToString()
    parcel = wire.Parcel(Signal.LOGS, (bytes([len(unstamped)]), unstamped), len(unstamped) + 1, 2)
    rest, found = wire.sort_out(parcel, RULE)
    assert (texts(rest), len(found)) == (["in"], 1)
