-- Metrics taken out of their request: one row is one metric with its data points. Nothing is kept here.
-- It stands between otlp_metrics and the five tables, so that what they have in common is converted once and not five times:
-- resource, scope, and of each data point its attributes and its exemplars (a summary has none).
CREATE TABLE IF NOT EXISTS ${database}.otlp_metric_streams${on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceSchemaUrl String,
    ScopeName String,
    ScopeVersion String,
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String,
    ServiceName LowCardinality(String),
    MetricName LowCardinality(String),
    MetricDescription String,
    MetricUnit String,
    data Enum8('none' = 0, 'gauge' = 5, 'sum' = 7, 'histogram' = 9, 'exponential_histogram' = 10, 'summary' = 11),
    aggregation_temporality Int32,
    is_monotonic Bool,
    points_attributes Array(Map(LowCardinality(String), String)),
    points_exemplars Array(Array(Tuple(
        attributes Map(LowCardinality(String), String), at DateTime64(9, 'UTC'), value Float64, span_id String, trace_id String))),
    number_points ${number_points_type},
    histogram_points ${histogram_points_type},
    exponential_histogram_points ${exponential_histogram_points_type},
    summary_points ${summary_points_type}
)
ENGINE = Null
