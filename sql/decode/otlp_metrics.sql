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
    schema_url String,
    received_unix_nano UInt64,
${arrival_column},
    earliest_unix_nano UInt64 MATERIALIZED arrival_unix_nano - least(arrival_unix_nano, toUInt64(${metrics_reach_days}) * 86400000000000),
    latest_unix_nano UInt64 MATERIALIZED arrival_unix_nano + toUInt64(${ahead_days}) * 86400000000000,
    times_are_near Bool MATERIALIZED arrayAll(
        time -> time BETWEEN earliest_unix_nano AND latest_unix_nano,
        arrayConcat(
            arrayFlatten(tupleElement(tupleElement(tupleElement(tupleElement(scope_metrics, 'metrics'), 'gauge'), 'data_points'), 'time_unix_nano')),
            arrayFlatten(tupleElement(tupleElement(tupleElement(tupleElement(scope_metrics, 'metrics'), 'sum'), 'data_points'), 'time_unix_nano')),
            arrayFlatten(tupleElement(tupleElement(tupleElement(tupleElement(scope_metrics, 'metrics'), 'histogram'), 'data_points'), 'time_unix_nano')),
            arrayFlatten(tupleElement(tupleElement(tupleElement(tupleElement(scope_metrics, 'metrics'), 'exponential_histogram'), 'data_points'), 'time_unix_nano')),
            arrayFlatten(tupleElement(tupleElement(tupleElement(tupleElement(scope_metrics, 'metrics'), 'summary'), 'data_points'), 'time_unix_nano')))),

    -- Checked before any view sees the rows, so that nothing of a refused request is written; the ingester then takes
    -- such points out. Each constraint checks one column, since ClickHouse quotes all that it checks when it refuses.
    CONSTRAINT point_times_are_near CHECK times_are_near
)
ENGINE = Null
