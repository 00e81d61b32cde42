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
    schema_url String
)
ENGINE = Null
