-- OTLP spans on their way in: one row is one ResourceSpans message (sql/decode/otlp.proto). Nothing is kept here.
CREATE TABLE IF NOT EXISTS ${database}.otlp_traces${on_cluster}
(
    resource Tuple(attributes ${attributes_type}),
    scope_spans Array(Tuple(
        scope Tuple(name String, version String),
        spans Array(Tuple(
            trace_id String,
            span_id String,
            trace_state String,
            parent_span_id String,
            name String,
            kind Int32,
            start_time_unix_nano UInt64,
            end_time_unix_nano UInt64,
            attributes ${attributes_type},
            events Array(Tuple(time_unix_nano UInt64, name String, attributes ${attributes_type})),
            links Array(Tuple(trace_id String, span_id String, trace_state String, attributes ${attributes_type})),
            status Tuple(message String, code Int32))))),
    received_unix_nano UInt64,
${arrival_column},
    earliest_unix_nano UInt64 MATERIALIZED arrival_unix_nano - least(arrival_unix_nano, toUInt64(${traces_reach_days}) * 86400000000000),
    latest_unix_nano UInt64 MATERIALIZED arrival_unix_nano + toUInt64(${ahead_days}) * 86400000000000,
    times_are_near Bool MATERIALIZED arrayAll(
        time -> time BETWEEN earliest_unix_nano AND latest_unix_nano,
        arrayFlatten(tupleElement(tupleElement(scope_spans, 'spans'), 'start_time_unix_nano'))),
    -- A span without a trace id or span id of the right length is none (opentelemetry/proto/trace/v1).
    ids_have_their_length Bool MATERIALIZED arrayAll(
        (trace, span) -> length(trace) IN (0, 16) AND length(span) IN (0, 8),
        arrayFlatten(tupleElement(tupleElement(scope_spans, 'spans'), 'trace_id')),
        arrayFlatten(tupleElement(tupleElement(scope_spans, 'spans'), 'span_id'))),

    -- Checked before any view sees the rows, so that nothing of a refused request is written; the ingester then takes
    -- such spans out. Each constraint checks one column, since ClickHouse quotes all that it checks when it refuses.
    CONSTRAINT span_ids_have_their_length CHECK ids_have_their_length,
    CONSTRAINT span_times_are_near CHECK times_are_near
)
ENGINE = Null
