-- OTLP metrics of the type gauge -> otel_metrics_gauge, one row a data point. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_metrics_gauge_mv${on_cluster}
TO ${database}.otel_metrics_gauge
AS
WITH
${metric_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_metrics_gauge.IngestedAt
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
    number_value(point) AS Value,
    point.flags AS Flags,
${exemplar_columns}
FROM
(
    SELECT *
    FROM ${database}.otlp_metric_streams
    WHERE data = 'gauge'
)
ARRAY JOIN number_points AS point, points_attributes AS Attributes, points_exemplars AS exemplars
