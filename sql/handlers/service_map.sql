-- name: service_map
-- summary: Who calls whom: a row for each pair of services, busiest first.
-- description: A call is a span whose parent is of another service; a message is a Consumer span that names, as its
--     parent or by a link, a span of another service. What was called and tells nothing itself (databases, queues,
--     other people's services) is known by what the caller says of it: peer.service, db.system, messaging.system,
--     server.address. A call counts as failed if either side says so, and as in the window if it began there on the
--     side that was called. Calls within a service are not shown, and neither are those of which the other side never
--     arrived.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: traces
-- limit rows: 10000
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
--   help: Only what this service calls, or what calls it, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only calls of which either side is in this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only spans, on either side, from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only spans, on either side, of this Krateo composition, by its id.
-- param limit: UInt32
--   default: 200
--   bounds: 1 .. 10000
--   example: 20
--   help: The most pairs to answer with.
--
-- column caller: String
--   help: Service that calls.
-- column callee: String
--   help: Service that is called, or what the caller says that it called: postgresql/orders, kafka/invoices, a host.
-- column connection: String
--   help: call or messaging between services that both tell; database, messaging or external for what tells nothing
--     itself.
-- column calls: UInt64
--   help: Number of calls or messages.
-- column errors: UInt64
--   help: Those of them with status Error on either side.
-- column error_share: Float64
--   help: errors / calls, 0 to 1.
-- column p50_ms: Float64
--   help: Median duration in milliseconds, as the called side tells, or the calling one where only that tells.
--   wide: yes
-- column p95_ms: Float64
--   help: 95 of 100 took at most so many milliseconds.
-- column last_seen: String
--   help: When the newest of them began, RFC 3339 in UTC.
--   wide: yes
WITH
    -- The other end of a call that was made or answered just outside of the window.
    {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE AS read_from,
    {until:DateTime64(9, 'UTC')} + INTERVAL 5 MINUTE AS read_to,
    spans AS (
        SELECT
            cityHash64(TraceId, SpanId) AS id,
            if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS parent,
            arrayMap((trace, span) -> cityHash64(trace, span), `Links.TraceId`, `Links.SpanId`) AS links,
            Timestamp AS begin,
            begin >= {since:DateTime64(9, 'UTC')} AND begin < {until:DateTime64(9, 'UTC')} AS is_asked_for,
            ServiceName AS service,
            replaceOne(upper(SpanKind), 'SPAN_KIND_', '') AS kind, -- exporters wrote SPAN_KIND_CLIENT before 2024
            -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
            if(Duration < 9223372036854775808, Duration, 0) / 1e6 AS ms,
            StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS failed,
            true
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AS is_within,
            SpanAttributes AS attributes
        FROM otel_traces
        WHERE Timestamp >= read_from
            AND Timestamp < read_to
            AND TraceId != ''
            AND SpanId != ''
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
    ),
    callers AS (
        SELECT id, service, kind = 'PRODUCER' AS is_producer, failed, is_within FROM spans
    ),
    -- A consumer often begins a trace of its own, and says by a link whose message it took.
    called AS (
        SELECT
            arrayJoin(arrayDistinct(arrayConcat(if(parent != 0, [parent], []), if(kind = 'CONSUMER', links, [])))) AS by,
            begin, is_asked_for, service, kind, ms, failed, is_within
        FROM spans
        WHERE parent != 0 OR (kind = 'CONSUMER' AND notEmpty(links))
    ),
    edges AS (
        SELECT
            callers.service AS caller,
            called.service AS callee,
            if(called.kind = 'CONSUMER' OR callers.is_producer, 'messaging', 'call') AS connection,
            called.begin AS begin,
            called.ms AS ms,
            called.failed OR callers.failed AS failed
        FROM called
        ANY LEFT JOIN callers ON callers.id = called.by
        WHERE called.is_asked_for
            AND callers.id != 0
            AND callers.service != called.service
            AND (called.is_within OR callers.is_within)
        UNION ALL
        -- What was called and tells nothing itself: it is known by what the caller says of it.
        SELECT
            service,
            firstNonDefault(
                attributes['peer.service'],
                if(attributes['db.system.name'] != '' OR attributes['db.system'] != '', concat(
                    firstNonDefault(attributes['db.system.name'], attributes['db.system']),
                    if(
                        attributes['db.namespace'] != '' OR attributes['db.name'] != '',
                        concat('/', firstNonDefault(attributes['db.namespace'], attributes['db.name'])),
                        ''
                    )
                ), ''),
                if(attributes['messaging.system'] != '', concat(
                    attributes['messaging.system'],
                    if(attributes['messaging.destination.name'] != '', concat('/', attributes['messaging.destination.name']), '')
                ), ''),
                attributes['server.address'],
                attributes['net.peer.name'],
                domain(firstNonDefault(attributes['url.full'], attributes['http.url']))
            ) AS target,
            multiIf(
                attributes['db.system.name'] != '' OR attributes['db.system'] != '', 'database',
                kind = 'PRODUCER' OR attributes['messaging.system'] != '', 'messaging',
                'external'
            ),
            begin,
            ms,
            failed
        FROM spans
        WHERE is_asked_for
            AND is_within
            AND kind IN ('CLIENT', 'PRODUCER')
            AND target NOT IN ('', service)
            AND id NOT IN (SELECT by FROM called WHERE kind IN ('SERVER', 'CONSUMER'))
    ),
    quantilesTDigest(0.5, 0.95)(ms) AS took
SELECT
    caller,
    callee,
    connection,
    count() AS calls,
    countIf(failed) AS errors,
    round(errors / calls, 6) AS error_share,
    round(toFloat64(took[1]), 3) AS p50_ms,
    round(toFloat64(took[2]), 3) AS p95_ms,
    concat(replaceOne(toString(max(begin), 'UTC'), ' ', 'T'), 'Z') AS last_seen
FROM edges
WHERE {service:String} IN ('', caller, callee)
GROUP BY caller, callee, connection
ORDER BY calls DESC, caller, callee, connection
LIMIT {limit:UInt32}
