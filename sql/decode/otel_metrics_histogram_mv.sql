-- OTLP metrics of the type histogram -> otel_metrics_histogram, one row a data point. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_metrics_histogram_mv${on_cluster}
TO ${database}.otel_metrics_histogram
AS
WITH
${value_functions},
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
    attribute_map(point.attributes) AS Attributes,
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
    AggregationTemporality
FROM
(
    SELECT
        ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName,
        toLowCardinality(metric.name) AS MetricName,
        metric.description AS MetricDescription,
        metric.unit AS MetricUnit,
        metric.histogram.aggregation_temporality AS AggregationTemporality,
        metric.histogram.data_points AS points
    FROM
    (
        SELECT
            ResourceAttributes,
            ResourceSchemaUrl,
            scoped.scope.name AS ScopeName,
            scoped.scope.version AS ScopeVersion,
            attribute_map(scoped.scope.attributes) AS ScopeAttributes,
            scoped.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
            scoped.schema_url AS ScopeSchemaUrl,
            ServiceName,
            scoped.metrics AS metrics
        FROM
        (
            SELECT
                attribute_map(resource.attributes) AS ResourceAttributes,
                schema_url AS ResourceSchemaUrl,
                service_name(resource.attributes) AS ServiceName,
                scope_metrics
            FROM ${database}.otlp_metrics
        )
        ARRAY JOIN scope_metrics AS scoped
    )
    ARRAY JOIN metrics AS metric
    WHERE metric.data = 'histogram'
)
ARRAY JOIN points AS point
