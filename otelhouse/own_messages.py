"""What the house tells of itself, as OTLP messages.

In: log records of Python, metric families of the Prometheus client. Out: `LogRecord` and `Metric` messages; times are
Unix nanoseconds. Log lines are blotted as those on standard error are (`identity.redaction`). Source:
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#prometheus-metric-points-to-otlp.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

from identity.redaction import redact

_SEVERITY = {logging.DEBUG: 5, logging.INFO: 9, logging.WARNING: 13, logging.ERROR: 17, logging.CRITICAL: 21}
_FORMATTER = logging.Formatter()


def attributes(values: Mapping[str, object]) -> list[KeyValue]:
    """Attributes of texts, numbers and truths."""
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def log_record(record: logging.LogRecord) -> LogRecord:
    """One line of our own log."""
    told = {"code.function.name": f"{record.name}.{record.funcName}", "logger": record.name}
    if record.exc_info and record.exc_info[0] is not None:
        told["exception.type"] = record.exc_info[0].__name__
        told["exception.stacktrace"] = redact(_FORMATTER.formatException(record.exc_info))
    moment = int(record.created * 1e9)
    return LogRecord(
        time_unix_nano=moment,
        observed_time_unix_nano=moment,
        severity_number=_SEVERITY.get(record.levelno, 9),  # type: ignore[arg-type]  # the number is the enum's
        severity_text=record.levelname,
        body=_value(redact(record.getMessage())),
        attributes=attributes(told),
    )


def metrics(families: Iterable[Family], began: int, now: int) -> Iterator[Metric]:
    """All families, as they stand `now`; counters and histograms count since `began`."""
    for family in families:
        if family.type == "counter":
            name, samples = f"{family.name}_total", [one for one in family.samples if one.name.endswith("_total")]
            total = Sum(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic=True)
            total.data_points.extend(_point(one, began, now) for one in samples)
            yield Metric(name=name, description=family.documentation, sum=total)
        elif family.type == "gauge":
            points = Gauge(data_points=[_point(one, 0, now) for one in family.samples])
            yield Metric(name=family.name, description=family.documentation, gauge=points)
        elif family.type == "histogram":
            spread = Histogram(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE)
            spread.data_points.extend(_spreads(family, began, now))
            yield Metric(name=family.name, description=family.documentation, histogram=spread)


def _point(sample: Sample, began: int, now: int) -> NumberDataPoint:
    told = attributes(sample.labels)
    return NumberDataPoint(start_time_unix_nano=began, time_unix_nano=now, as_double=sample.value, attributes=told)


def _spreads(family: Family, began: int, now: int) -> Iterator[HistogramDataPoint]:
    """Prometheus counts up to each bound, OTLP between two."""
    by_labels: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        rest = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
        by_labels.setdefault(rest, []).append(sample)
    for labels, samples in by_labels.items():
        buckets = [(float(one.labels["le"]), int(one.value)) for one in samples if one.name.endswith("_bucket")]
        upto = [count for _, count in buckets]
        yield HistogramDataPoint(
            start_time_unix_nano=began,
            time_unix_nano=now,
            attributes=attributes(dict(labels)),
            explicit_bounds=[bound for bound, _ in buckets[:-1]],
            bucket_counts=[count - before for before, count in zip([0, *upto], upto, strict=False)],
            count=upto[-1] if upto else 0,
            sum=next((one.value for one in samples if one.name.endswith("_sum")), 0.0),
        )


def _value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
    # A path or a header may hold what is no UTF-8.
    return AnyValue(string_value=str(value).encode("utf-8", "replace").decode())
