-- OTLP metrics of the type summary -> otel_metrics_summary, one row a data point. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_metrics_summary_mv${on_cluster}
TO ${database}.otel_metrics_summary
AS
WITH
${metric_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_metrics_summary.IngestedAt
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
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`,
    point.flags AS Flags
FROM
(
    SELECT *
    FROM ${database}.otlp_metric_streams
    WHERE data = 'summary'
)
ARRAY JOIN summary_points AS point, points_attributes AS Attributes
