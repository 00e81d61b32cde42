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
            histogram Tuple(
                data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    bucket_counts Array(UInt64),
                    explicit_bounds Array(Float64),
                    exemplars ${exemplars_type},
                    attributes ${attributes_type},
                    flags UInt32,
                    min Float64,
                    max Float64)),
                aggregation_temporality Int32),
            exponential_histogram Tuple(
                data_points Array(Tuple(
                    attributes ${attributes_type},
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    scale Int32,
                    zero_count UInt64,
                    positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                    negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                    flags UInt32,
                    exemplars ${exemplars_type},
                    min Float64,
                    max Float64)),
                aggregation_temporality Int32),
            summary Tuple(
                data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    quantile_values Array(Tuple(quantile Float64, value Float64)),
                    attributes ${attributes_type},
                    flags UInt32))))),
        schema_url String)),
    schema_url String
)
ENGINE = Null
