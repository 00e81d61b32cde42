-- OTLP metrics of the type sum -> otel_metrics_sum, one row a data point. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_metrics_sum_mv${on_cluster}
TO ${database}.otel_metrics_sum
AS
WITH
${value_functions},
${metric_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_metrics_sum.IngestedAt
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
    number_value(point) AS Value,
    point.flags AS Flags,
${exemplar_columns},
    AggregationTemporality,
    IsMonotonic
FROM
(
    SELECT
        ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName,
        toLowCardinality(metric.name) AS MetricName,
        metric.description AS MetricDescription,
        metric.unit AS MetricUnit,
        metric.sum.aggregation_temporality AS AggregationTemporality,
        metric.sum.is_monotonic AS IsMonotonic,
        metric.sum.data_points AS points
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
    WHERE metric.data = 'sum'
)
ARRAY JOIN points AS point
