-- OTLP metrics of the type histogram -> otel_metrics_histogram, one row a data point. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_metrics_histogram_mv${on_cluster}
TO ${database}.otel_metrics_histogram
AS
WITH
${metric_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_metrics_histogram.IngestedAt
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    Attributes,
    metric_time(point.start_time_unix_nano) AS StartTimeUnix,
    metric_time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
${exemplar_columns},
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    aggregation_temporality AS AggregationTemporality
FROM
(
    SELECT *
    FROM ${database}.otlp_metric_streams
    WHERE data = 'histogram'
)
ARRAY JOIN histogram_points AS point, points_attributes AS Attributes, points_exemplars AS exemplars
