-- name: find_traces
-- summary: Traces in which some span is as described, newest first.
-- description: All that is given must hold of one and the same span; the answer is then about the whole trace, also
--     about its spans outside of the window. The order is that of the newest matching span.
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
--   help: Only spans of this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only spans from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only spans from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only spans of this Krateo composition, by its id.
-- param span: String
--   default:
--   example: GET /cart
--   help: Only spans of this exact name.
-- param status: String
--   default:
--   choices: , unset, ok, error
--   example: error
--   help: Only spans with this status.
-- param min_duration_ms: UInt64
--   default: 0
--   bounds: 0 .. 86400000
--   example: 500
--   help: Only spans that took at least so many milliseconds.
-- param max_duration_ms: UInt64
--   default: 0
--   bounds: 0 .. 86400000
--   example: 60000
--   help: Only spans that took at most so many milliseconds; 0 for no bound.
-- param attribute: String
--   default:
--   example: http.route
--   help: Only spans that have this attribute, on the span or on its resource.
-- param attribute_value: String
--   default:
--   example: /api/cart
--   help: With `attribute`, only where it has exactly this value; alone, where any attribute has it.
-- param limit: UInt32
--   default: 20
--   bounds: 1 .. 1000
--   example: 10
--   help: The most traces to answer with.
--
-- column trace_id: String
--   help: The trace; ask question trace about it.
-- column start: String
--   help: Start of its first span, RFC 3339 in UTC.
-- column total_ms: Float64
--   help: From its first start to its last end, in milliseconds.
-- column root_service: String
--   help: Service of its root span, or of its first span if the root never arrived.
-- column root_span: String
--   help: Name of that span.
-- column has_root: Bool
--   help: Whether the root arrived.
--   wide: yes
-- column spans: UInt64
--   help: Number of its spans.
-- column errors: UInt64
--   help: Number of its spans with status Error.
-- column services: UInt64
--   help: Number of services that took part.
-- column matching: UInt64
--   help: Number of its spans in the window that are as described.
-- column match_service: String
--   help: Service of the newest of those.
--   wide: yes
-- column match_span: String
--   help: Name of the newest of those.
--   wide: yes
-- column match_span_id: String
--   help: Id of the newest of those.
--   wide: yes
WITH
    -- Evaluated once and kept as a constant: (trace, its matching spans, the newest of them), newest first.
    (
        SELECT groupArray((TraceId, matching, newest))
        FROM (
            SELECT
                TraceId,
                count() AS matching,
                max(Timestamp) AS last,
                argMax((ServiceName, SpanName, SpanId), (Timestamp, SpanId)) AS newest
            FROM otel_traces
            WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
                AND Timestamp < {until:DateTime64(9, 'UTC')}
                AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
                AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${of_composition}) -- when: composition
                AND TraceId != ''
                AND ({span:String} = '' OR SpanName = {span:String}) -- when: span
                -- The second spelling is that of rows which exporters wrote before 2024.
                AND (
                    {status:String} = ''
                    OR upper(StatusCode) IN (upper({status:String}), concat('STATUS_CODE_', upper({status:String})))
                )
                -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
                AND Duration BETWEEN {min_duration_ms:UInt64} * 1000000
                    AND if({max_duration_ms:UInt64} = 0, 9223372036854775807, {max_duration_ms:UInt64} * 1000000)
                AND (
                    {attribute:String} = ''
                    OR if(
                        {attribute_value:String} = '',
                        mapContains(SpanAttributes, {attribute:String}) OR mapContains(ResourceAttributes, {attribute:String}),
                        SpanAttributes[{attribute:String}] = {attribute_value:String}
                            OR ResourceAttributes[{attribute:String}] = {attribute_value:String}
                    )
                )
                AND (
                    {attribute:String} != ''
                    OR {attribute_value:String} = ''
                    OR has(mapValues(SpanAttributes), {attribute_value:String})
                    OR has(mapValues(ResourceAttributes), {attribute_value:String})
                )
            GROUP BY TraceId
            ORDER BY last DESC, TraceId
            LIMIT {limit:UInt32}
        )
    ) AS found,
    (
        SELECT
            if(count() > 0, toDateTime64(min(Start), 9, 'UTC'), {since:DateTime64(9, 'UTC')}) AS first,
            if(count() > 0, toDateTime64(max(End), 9, 'UTC'), {until:DateTime64(9, 'UTC')}) AS last
        FROM otel_traces_trace_id_ts
        WHERE TraceId IN (SELECT arrayJoin(found.1))
    ) AS seen,
    indexOf(found.1, TraceId) AS place
SELECT
    TraceId AS trace_id,
    concat(replaceOne(toString(min(Timestamp), 'UTC'), ' ', 'T'), 'Z') AS start,
    (
        max(toUnixTimestamp64Nano(Timestamp) + if(Duration < 9223372036854775808, Duration, 0))
        - min(toUnixTimestamp64Nano(Timestamp))
    ) / 1e6 AS total_ms,
    argMin(ServiceName, (ParentSpanId != '', Timestamp, SpanId)) AS root_service,
    argMin(SpanName, (ParentSpanId != '', Timestamp, SpanId)) AS root_span,
    toBool(countIf(ParentSpanId = '') > 0) AS has_root,
    count() AS spans,
    countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors,
    uniqExact(ServiceName) AS services,
    found.2[any(place)] AS matching,
    found.3[any(place)].1 AS match_service,
    found.3[any(place)].2 AS match_span,
    found.3[any(place)].3 AS match_span_id
FROM otel_traces
WHERE TraceId IN (SELECT arrayJoin(found.1))
    AND Timestamp >= least(seen.1, {since:DateTime64(9, 'UTC')})
    AND Timestamp < greatest(seen.2 + INTERVAL 1 SECOND, {until:DateTime64(9, 'UTC')})
GROUP BY TraceId
ORDER BY any(place)
