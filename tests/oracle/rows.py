"""The rows of the otel_* tables for one Export request, said as plainly as possible.

Written from the reference's tables and conversion rules and from OTLP's proto files. Strings are bytes; a map is the
list of its (key, value) pairs in order; a DateTime64(9) is nanoseconds since 1970 as Int64, a DateTime seconds; floats
stay floats. `rejected` counts the items of a request that no table can hold.
"""

from oracle.text import as_string
from oracle.wireformat import read, signed

NOW = "now"
"""The time of a log record that has none: the reference's 1970 would be dropped by retention at once."""

SPAN_KINDS = [b"Unspecified", b"Internal", b"Server", b"Client", b"Producer", b"Consumer"]
STATUS_CODES = [b"Unset", b"Ok", b"Error"]


def logs(body):
    """({"otel_logs": rows}, rejected)"""
    rows = []
    for resource_logs in read("LogsRequest", body).get("resource_logs", []):
        for scope_logs in resource_logs.get("scope_logs", []):
            rows += [log_row(resource_logs, scope_logs, record) for record in scope_logs.get("log_records", [])]
    return {"otel_logs": rows}, 0


def log_row(resource_logs, scope_logs, record):
    resource = attributes_of(resource_logs.get("resource", {}))
    scope = scope_logs.get("scope", {})
    return {
        "Timestamp": signed(log_time(record), 64) if log_time(record) else NOW,
        "TraceId": trace_id(record),
        "SpanId": span_id(record),
        "TraceFlags": record.get("flags", 0) % 256,
        "SeverityText": record.get("severity_text", b""),
        "SeverityNumber": record.get("severity_number", 0) % 256,
        "ServiceName": service_name(resource),
        "Body": as_string(record.get("body", {})),
        "ResourceSchemaUrl": resource_logs.get("schema_url", b""),
        "ResourceAttributes": as_map(resource),
        "ScopeSchemaUrl": scope_logs.get("schema_url", b""),
        "ScopeName": scope.get("name", b""),
        "ScopeVersion": scope.get("version", b""),
        "ScopeAttributes": as_map(attributes_of(scope)),
        "LogAttributes": as_map(attributes_of(record)),
        "EventName": record.get("event_name", b""),
    }


def traces(body):
    """({"otel_traces": rows}, rejected)"""
    rows = []
    rejected = 0
    for resource_spans in read("TracesRequest", body).get("resource_spans", []):
        resource = attributes_of(resource_spans.get("resource", {}))
        for scope_spans in resource_spans.get("scope_spans", []):
            for span in scope_spans.get("spans", []):
                if has_ids(span):
                    rows.append(trace_row(resource, scope_spans.get("scope", {}), span))
                else:
                    rejected += 1
    return {"otel_traces": rows}, rejected


def trace_row(resource, scope, span):
    start, end = span.get("start_time_unix_nano", 0), span.get("end_time_unix_nano", 0)
    status = span.get("status", {})
    events, links = span.get("events", []), span.get("links", [])
    return {
        "Timestamp": signed(start, 64),
        "TraceId": trace_id(span),
        "SpanId": span_id(span),
        "ParentSpanId": hex_id(span.get("parent_span_id", b""), 8),
        "TraceState": span.get("trace_state", b""),
        "SpanName": span.get("name", b""),
        "SpanKind": word(SPAN_KINDS, span.get("kind", 0)),
        "ServiceName": service_name(resource),
        "ResourceAttributes": as_map(resource),
        "ScopeName": scope.get("name", b""),
        "ScopeVersion": scope.get("version", b""),
        "SpanAttributes": as_map(attributes_of(span)),
        "Duration": max(0, end - start),
        "EndedBeforeStart": end < start,
        "StatusCode": word(STATUS_CODES, status.get("code", 0)),
        "StatusMessage": status.get("message", b""),
        "Events.Timestamp": [signed(event.get("time_unix_nano", 0), 64) for event in events],
        "Events.Name": [event.get("name", b"") for event in events],
        "Events.Attributes": [as_map(attributes_of(event)) for event in events],
        "Links.TraceId": [trace_id(link) for link in links],
        "Links.SpanId": [span_id(link) for link in links],
        "Links.TraceState": [link.get("trace_state", b"") for link in links],
        "Links.Attributes": [as_map(attributes_of(link)) for link in links],
    }


METRIC_TABLES = {
    "gauge": "otel_metrics_gauge",
    "sum": "otel_metrics_sum",
    "histogram": "otel_metrics_histogram",
    "exponential_histogram": "otel_metrics_exponential_histogram",
    "summary": "otel_metrics_summary",
}


def metrics(body):
    """({table: rows} of the five metrics tables, rejected)"""
    tables = {table: [] for table in METRIC_TABLES.values()}
    rejected = 0
    for resource_metrics in read("MetricsRequest", body).get("resource_metrics", []):
        for scope_metrics in resource_metrics.get("scope_metrics", []):
            for metric in scope_metrics.get("metrics", []):
                kinds = [kind for kind in METRIC_TABLES if kind in metric]
                if not kinds:
                    rejected += 1
                for kind in kinds:
                    for point in metric[kind].get("data_points", []):
                        row = common_columns(resource_metrics, scope_metrics, metric, point)
                        row.update(COLUMNS[kind](metric[kind], point))
                        tables[METRIC_TABLES[kind]].append(row)
    return tables, rejected


def common_columns(resource_metrics, scope_metrics, metric, point):
    resource = attributes_of(resource_metrics.get("resource", {}))
    scope = scope_metrics.get("scope", {})
    return {
        "ResourceAttributes": as_map(resource),
        "ResourceSchemaUrl": resource_metrics.get("schema_url", b""),
        "ScopeName": scope.get("name", b""),
        "ScopeVersion": scope.get("version", b""),
        "ScopeAttributes": as_map(attributes_of(scope)),
        "ScopeDroppedAttrCount": scope.get("dropped_attributes_count", 0),
        "ScopeSchemaUrl": scope_metrics.get("schema_url", b""),
        "ServiceName": service_name(resource),
        "MetricName": metric.get("name", b""),
        "MetricDescription": metric.get("description", b""),
        "MetricUnit": metric.get("unit", b""),
        "Attributes": as_map(attributes_of(point)),
        "StartTimeUnix": seconds(point.get("start_time_unix_nano", 0)),
        "TimeUnix": seconds(point.get("time_unix_nano", 0)),
        "Flags": point.get("flags", 0),
    }


def gauge_columns(_gauge, point):
    return {"Value": point_value(point), **exemplar_columns(point)}


def sum_columns(total, point):
    return {
        "Value": point_value(point),
        **exemplar_columns(point),
        "AggregationTemporality": total.get("aggregation_temporality", 0),
        "IsMonotonic": total.get("is_monotonic", False),
    }


def histogram_columns(histogram, point):
    return {
        "Count": point.get("count", 0),
        "Sum": point.get("sum", 0.0),
        "BucketCounts": point.get("bucket_counts", []),
        "ExplicitBounds": point.get("explicit_bounds", []),
        **exemplar_columns(point),
        "Min": point.get("min", 0.0),
        "Max": point.get("max", 0.0),
        "AggregationTemporality": histogram.get("aggregation_temporality", 0),
    }


def exponential_histogram_columns(histogram, point):
    positive, negative = point.get("positive", {}), point.get("negative", {})
    return {
        "Count": point.get("count", 0),
        "Sum": point.get("sum", 0.0),
        "Scale": point.get("scale", 0),
        "ZeroCount": point.get("zero_count", 0),
        "PositiveOffset": positive.get("offset", 0),
        "PositiveBucketCounts": positive.get("bucket_counts", []),
        "NegativeOffset": negative.get("offset", 0),
        "NegativeBucketCounts": negative.get("bucket_counts", []),
        **exemplar_columns(point),
        "Min": point.get("min", 0.0),
        "Max": point.get("max", 0.0),
        "AggregationTemporality": histogram.get("aggregation_temporality", 0),
    }


def summary_columns(_summary, point):
    quantiles = point.get("quantile_values", [])
    return {
        "Count": point.get("count", 0),
        "Sum": point.get("sum", 0.0),
        "ValueAtQuantiles.Quantile": [quantile.get("quantile", 0.0) for quantile in quantiles],
        "ValueAtQuantiles.Value": [quantile.get("value", 0.0) for quantile in quantiles],
    }


COLUMNS = {
    "gauge": gauge_columns,
    "sum": sum_columns,
    "histogram": histogram_columns,
    "exponential_histogram": exponential_histogram_columns,
    "summary": summary_columns,
}


def exemplar_columns(point):
    exemplars = point.get("exemplars", [])
    return {
        "Exemplars.FilteredAttributes": [as_map(exemplar.get("filtered_attributes", [])) for exemplar in exemplars],
        "Exemplars.TimeUnix": [seconds(exemplar.get("time_unix_nano", 0)) for exemplar in exemplars],
        "Exemplars.Value": [point_value(exemplar) for exemplar in exemplars],
        "Exemplars.SpanId": [span_id(exemplar) for exemplar in exemplars],
        "Exemplars.TraceId": [trace_id(exemplar) for exemplar in exemplars],
    }


def attributes_of(message):
    return message.get("attributes", [])


def as_map(attributes):
    """Every pair, also of equal keys, ordered by the bytes of the key.

    Among equal keys the reference has no order, nor has ClickHouse's sort; here and in `oracle.stored` it is by value.
    """
    pairs = [(attribute.get("key", b""), as_string(attribute.get("value", {}))) for attribute in attributes]
    return sorted(pairs)


def service_name(attributes):
    for attribute in attributes:
        if attribute.get("key") == b"service.name":
            return as_string(attribute.get("value", {}))
    return b""


def log_time(record):
    return record.get("time_unix_nano", 0) or record.get("observed_time_unix_nano", 0)


def seconds(nanoseconds):
    """Of a DateTime column: cast to Int64 like every time, then kept inside what the column can hold."""
    return min(max(signed(nanoseconds, 64), 0) // 10**9, 2**32 - 1)


def point_value(point):
    return float(point.get("as_int", point.get("as_double", 0.0)))


def trace_id(message):
    return hex_id(message.get("trace_id", b""), 16)


def span_id(message):
    return hex_id(message.get("span_id", b""), 8)


def hex_id(raw, size):
    """Empty for an id of zeros, and for one of a wrong length: the record then belongs to no trace."""
    return raw.hex().encode() if len(raw) == size and any(raw) else b""


def has_ids(span):
    """A span may lack its ids, as with the reference, but ids of a wrong length are no ids."""
    return len(span.get("trace_id", b"")) in (0, 16) and len(span.get("span_id", b"")) in (0, 8)


def word(words, number):
    return words[number] if 0 <= number < len(words) else b""
