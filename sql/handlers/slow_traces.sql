-- name: slow_traces
-- summary: The slowest traces that began in the window, slowest first.
-- description: A trace is as slow as its longest entry span in the window: a root, or a span of kind Server or Consumer,
--     so that a trace whose root never arrived is found too. The counts are over all of its spans, also those after
--     the window.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: traces
-- limit rows: 1000
-- limit seconds: 30
--
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param service: String
--   default:
--   example: checkout
--   help: Only traces with an entry span of this service; its longest one then ranks the trace.
-- param min_duration_ms: UInt64
--   default: 0
--   bounds: 0 .. 86400000
--   example: 500
--   help: Only traces at least this slow, in milliseconds.
-- param namespace: String
--   default:
--   example: payments
--   help: Only entry spans from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only entry spans from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 20
--   bounds: 1 .. 1000
--   example: 10
--   help: The most traces to answer with.
--
-- column trace_id: String
--   help: The trace; ask question trace about it.
-- column duration_ms: Float64
--   help: Duration of its longest entry span, in milliseconds.
-- column root_service: String
--   help: Service of its root span, or of its first span if the root never arrived.
-- column root_span: String
--   help: Name of that span.
-- column start: String
--   help: Start of its first span, RFC 3339 in UTC.
-- column has_root: Bool
--   help: Whether the root arrived.
--   wide: yes
-- column total_ms: Float64
--   help: From its first start to its last end, in milliseconds.
--   wide: yes
-- column spans: UInt64
--   help: Number of its spans.
-- column errors: UInt64
--   help: Number of its spans with status Error.
-- column services: UInt64
--   help: Number of services that took part.
WITH
    -- Evaluated once and kept as a constant: (trace, its longest entry span in nanoseconds), slowest first.
    (
        SELECT groupArray((TraceId, longest))
        FROM (
            SELECT TraceId, max(Duration) AS longest
            FROM otel_traces
            WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
                AND Timestamp < {until:DateTime64(9, 'UTC')}
                AND TraceId != ''
                -- The second spelling is that of rows which exporters wrote before 2024.
                AND (ParentSpanId = '' OR SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER'))
                -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
                AND Duration BETWEEN {min_duration_ms:UInt64} * 1000000 AND 9223372036854775807
                AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
                AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
                AND ({cluster:String} = '' OR ResourceAttributes['k8s.cluster.name'] = {cluster:String}) -- when: cluster
            GROUP BY TraceId
            ORDER BY longest DESC, TraceId
            LIMIT {limit:UInt32}
        )
    ) AS slowest,
    (
        SELECT
            if(count() > 0, toDateTime64(min(Start), 9, 'UTC'), {since:DateTime64(9, 'UTC')}) AS first,
            if(count() > 0, toDateTime64(max(End), 9, 'UTC'), {until:DateTime64(9, 'UTC')}) AS last
        FROM otel_traces_trace_id_ts
        WHERE TraceId IN (SELECT arrayJoin(slowest.1))
    ) AS seen
SELECT
    TraceId AS trace_id,
    round(slowest.2[indexOf(slowest.1, TraceId)] / 1e6, 6) AS duration_ms,
    argMin(ServiceName, (ParentSpanId != '', Timestamp, SpanId)) AS root_service,
    argMin(SpanName, (ParentSpanId != '', Timestamp, SpanId)) AS root_span,
    concat(replaceOne(toString(min(Timestamp), 'UTC'), ' ', 'T'), 'Z') AS start,
    toBool(countIf(ParentSpanId = '') > 0) AS has_root,
    (
        max(toUnixTimestamp64Nano(Timestamp) + if(Duration < 9223372036854775808, Duration, 0))
        - min(toUnixTimestamp64Nano(Timestamp))
    ) / 1e6 AS total_ms,
    count() AS spans,
    countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors,
    uniqExact(ServiceName) AS services
FROM otel_traces
WHERE TraceId IN (SELECT arrayJoin(slowest.1))
    AND Timestamp >= least(seen.1, {since:DateTime64(9, 'UTC')})
    AND Timestamp < greatest(seen.2 + INTERVAL 1 SECOND, {until:DateTime64(9, 'UTC')})
GROUP BY TraceId
ORDER BY duration_ms DESC, trace_id
