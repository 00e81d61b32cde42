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

    -- A span without a trace id or span id of the right length is none (opentelemetry/proto/trace/v1). Checked before any
    -- view sees the rows, so that nothing of a refused request is written; the ingester then takes such spans out.
    CONSTRAINT span_ids_have_their_length CHECK arrayAll(scoped -> arrayAll(
        span -> length(tupleElement(span, 'trace_id')) IN (0, 16) AND length(tupleElement(span, 'span_id')) IN (0, 8),
        tupleElement(scoped, 'spans')), scope_spans)
)
ENGINE = Null
