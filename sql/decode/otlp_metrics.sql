-- OTLP metrics on their way in: one row is one ResourceMetrics message (sql/decode/otlp.proto). Nothing is kept here.
CREATE TABLE IF NOT EXISTS ${database}.otlp_metrics${on_cluster}
(
    resource Tuple(attributes ${attributes_type}),
    scope_metrics Array(Tuple(
        scope Tuple(name String, version String, attributes ${attributes_type}, dropped_attributes_count UInt32),
        metrics Array(Tuple(
            name String,
            description String,
            unit String,
            data Enum8('none' = 0, 'gauge' = 5, 'sum' = 7, 'histogram' = 9, 'exponential_histogram' = 10, 'summary' = 11),
            gauge Tuple(data_points ${number_points_type}),
            sum Tuple(data_points ${number_points_type}, aggregation_temporality Int32, is_monotonic Bool),
            histogram Tuple(data_points ${histogram_points_type}, aggregation_temporality Int32),
            exponential_histogram Tuple(data_points ${exponential_histogram_points_type}, aggregation_temporality Int32),
            summary Tuple(data_points ${summary_points_type}))),
        schema_url String)),
    schema_url String
)
ENGINE = Null
