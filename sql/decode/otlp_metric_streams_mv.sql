-- OTLP metrics -> otlp_metric_streams, one row a metric.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otlp_metric_streams_mv${on_cluster}
TO ${database}.otlp_metric_streams
AS
WITH
${value_functions},
${metric_functions}
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    toLowCardinality(metric.name) AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    metric.data AS data,
    metric.sum.aggregation_temporality + metric.histogram.aggregation_temporality
        + metric.exponential_histogram.aggregation_temporality AS aggregation_temporality,
    metric.sum.is_monotonic AS is_monotonic,
    -- Of the kind that the metric has: a broken sender may send points of two.
    arrayMap(
        attributes -> attribute_map(attributes),
        multiIf(
            data = 'histogram', histogram_points.attributes,
            data = 'exponential_histogram', exponential_histogram_points.attributes,
            data = 'summary', summary_points.attributes,
            number_points.attributes)) AS points_attributes,
    arrayMap(
        exemplars -> arrayMap(
            exemplar -> (
                attribute_map(exemplar.filtered_attributes),
                metric_time(exemplar.time_unix_nano),
                number_value(exemplar),
                span_id_text(exemplar.span_id),
                trace_id_text(exemplar.trace_id)),
            exemplars),
        multiIf(
            data = 'histogram', histogram_points.exemplars,
            data = 'exponential_histogram', exponential_histogram_points.exemplars,
            number_points.exemplars)) AS points_exemplars,
    if(metric.data = 'gauge', metric.gauge.data_points, metric.sum.data_points) AS number_points,
    metric.histogram.data_points AS histogram_points,
    metric.exponential_histogram.data_points AS exponential_histogram_points,
    metric.summary.data_points AS summary_points
FROM
(
    SELECT
        sorted_map(pairs[1]) AS ResourceAttributes,
        ResourceSchemaUrl,
        scoped.scope.name AS ScopeName,
        scoped.scope.version AS ScopeVersion,
        sorted_map(pairs[2]) AS ScopeAttributes,
        scoped.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
        scoped.schema_url AS ScopeSchemaUrl,
        service_name(pairs[1]) AS ServiceName,
        scoped.metrics AS metrics
    FROM
    (
        SELECT
            ResourceSchemaUrl,
            scoped,
            arrayMap(attributes -> text_pairs(attributes), [resource_attributes, scoped.scope.attributes]) AS pairs
        FROM
        (
            SELECT resource.attributes AS resource_attributes, schema_url AS ResourceSchemaUrl, scope_metrics
            FROM ${database}.otlp_metrics
        )
        ARRAY JOIN scope_metrics AS scoped
    )
)
ARRAY JOIN metrics AS metric
