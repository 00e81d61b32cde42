-- OTLP logs on their way in: one row is one ResourceLogs message (sql/decode/otlp.proto). Nothing is kept here.
-- The Enum column inside an attribute's value is ClickHouse's record of which member of the oneof was sent
-- (input_format_protobuf_oneof_presence); its numbers are the field numbers.
CREATE TABLE IF NOT EXISTS ${database}.otlp_logs${on_cluster}
(
    resource Tuple(attributes ${attributes_type}),
    scope_logs Array(Tuple(
        scope Tuple(name String, version String, attributes ${attributes_type}),
        log_records Array(Tuple(
            time_unix_nano UInt64,
            observed_time_unix_nano UInt64,
            severity_number Int32,
            severity_text String,
            body ${value_type},
            attributes ${attributes_type},
            flags UInt32,
            trace_id String,
            span_id String,
            event_name String)),
        schema_url String)),
    schema_url String,
    received_unix_nano UInt64,
${arrival_column},
    earliest_unix_nano UInt64 MATERIALIZED arrival_unix_nano - least(arrival_unix_nano, toUInt64(${logs_reach_days}) * 86400000000000),
    latest_unix_nano UInt64 MATERIALIZED arrival_unix_nano + toUInt64(${ahead_days}) * 86400000000000,
    times_are_near Bool MATERIALIZED arrayAll(
        (time, observed) -> if(time != 0, time, if(observed != 0, observed, arrival_unix_nano))
            BETWEEN earliest_unix_nano AND latest_unix_nano,
        arrayFlatten(tupleElement(tupleElement(scope_logs, 'log_records'), 'time_unix_nano')),
        arrayFlatten(tupleElement(tupleElement(scope_logs, 'log_records'), 'observed_time_unix_nano'))),

    -- Checked before any view sees the rows, so that nothing of a refused request is written; the ingester then takes
    -- such records out. Each constraint checks one column, since ClickHouse quotes all that it checks when it refuses.
    CONSTRAINT log_times_are_near CHECK times_are_near
)
ENGINE = Null
