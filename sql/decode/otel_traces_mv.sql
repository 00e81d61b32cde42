-- OTLP spans -> otel_traces, one row a span. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_traces_mv${on_cluster}
TO ${database}.otel_traces
AS
WITH
${value_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_traces.IngestedAt
    span.end_time_unix_nano < span.start_time_unix_nano AS EndedBeforeStart, -- when: otel_traces.EndedBeforeStart
    time(span.start_time_unix_nano) AS Timestamp,
    trace_id_text(span.trace_id) AS TraceId,
    span_id_text(span.span_id) AS SpanId,
    span_id_text(span.parent_span_id) AS ParentSpanId,
    span.trace_state AS TraceState,
    toLowCardinality(span.name) AS SpanName,
    transform(span.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], '') AS SpanKind,
    ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    attribute_map(span.attributes) AS SpanAttributes,
    -- A span that ends before it starts lasts 0, not 2^64 ns.
    if(span.end_time_unix_nano < span.start_time_unix_nano, 0, span.end_time_unix_nano - span.start_time_unix_nano) AS Duration,
    transform(span.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], '') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(event -> time(event.time_unix_nano), span.events) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(event -> attribute_map(event.attributes), span.events) AS `Events.Attributes`,
    arrayMap(link -> trace_id_text(link.trace_id), span.links) AS `Links.TraceId`,
    arrayMap(link -> span_id_text(link.span_id), span.links) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(link -> attribute_map(link.attributes), span.links) AS `Links.Attributes`
FROM
(
    SELECT
        ServiceName,
        ResourceAttributes,
        scoped.scope.name AS ScopeName,
        scoped.scope.version AS ScopeVersion,
        scoped.spans AS spans
    FROM
    (
        SELECT
            text_pairs(resource.attributes) AS resource_pairs,
            service_name(resource_pairs) AS ServiceName,
            sorted_map(resource_pairs) AS ResourceAttributes,
            scope_spans
        FROM ${database}.otlp_traces
    )
    ARRAY JOIN scope_spans AS scoped
)
ARRAY JOIN spans AS span
