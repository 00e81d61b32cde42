-- OTLP metrics of the type exponential_histogram -> otel_metrics_exponential_histogram, one row a data point. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_metrics_exponential_histogram_mv${on_cluster}
TO ${database}.otel_metrics_exponential_histogram
AS
WITH
${metric_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_metrics_exponential_histogram.IngestedAt
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
    point.scale AS Scale,
    point.zero_count AS ZeroCount,
    point.positive.offset AS PositiveOffset,
    point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset,
    point.negative.bucket_counts AS NegativeBucketCounts,
${exemplar_columns},
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    aggregation_temporality AS AggregationTemporality
FROM
(
    SELECT *
    FROM ${database}.otlp_metric_streams
    WHERE data = 'exponential_histogram'
)
ARRAY JOIN exponential_histogram_points AS point, points_attributes AS Attributes, points_exemplars AS exemplars
