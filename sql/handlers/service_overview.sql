-- name: service_overview
-- summary: Requests of every service in the window: rate, errors and latencies, busiest first.
-- description: A request is a span of kind Server or Consumer, a call one of kind Client or Producer. Quantiles are
--     exact up to a hundred requests; above, fewer than 0.5 % of the requests lie between a quantile and the true one.
--     A service that served nothing has no error share and no quantiles (null), which is not the same as 0. The rate is
--     over the whole window.
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
-- param by: String
--   default: service
--   choices: service, span, version
--   example: span
--   help: A row for each service, for each name of a span of each service, or for each version of each service
--     (resource attribute service.version).
-- param limit: UInt32
--   default: 200
--   bounds: 1 .. 10000
--   example: 20
--   help: The most rows to answer with.
--
-- column service: String
--   help: Name of the service; empty for what names none.
-- column span: String
--   help: Name of the span, with by=span; else empty.
-- column version: String
--   help: Version of the service, with by=version; else empty.
-- column requests: UInt64
--   help: Server and Consumer spans that began in the window.
-- column rate: Float64
--   help: Requests per second.
-- column errors: UInt64
--   help: Requests with status Error.
-- column error_share: Nullable(Float64)
--   help: errors / requests, 0 to 1; null without requests.
-- column p50_ms: Nullable(Float64)
--   help: Median duration of requests in milliseconds; null without requests.
-- column p95_ms: Nullable(Float64)
--   help: 95 of 100 requests took at most so many milliseconds; null without requests.
-- column p99_ms: Nullable(Float64)
--   help: 99 of 100 requests took at most so many milliseconds; null without requests.
-- column calls: UInt64
--   help: Client and Producer spans.
--   wide: yes
-- column call_errors: UInt64
--   help: Those of them with status Error.
--   wide: yes
-- column spans: UInt64
--   help: Spans of any kind.
--   wide: yes
-- column clusters: Array(String)
--   help: Clusters that its spans come from, at most 10, with by=version; else empty. An empty name is for none.
--   wide: yes
-- column namespaces: Array(String)
--   help: The same of Kubernetes namespaces.
--   wide: yes
-- column last_seen: String
--   help: Time of the newest span in the window, RFC 3339 in UTC.
--   wide: yes
WITH
    -- The second spelling is that of rows which exporters wrote before 2024.
    SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER') AS is_request,
    SpanKind IN ('Client', 'Producer', 'SPAN_KIND_CLIENT', 'SPAN_KIND_PRODUCER') AS is_call,
    StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS is_error,
    toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')}) AS since_ns,
    toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) AS until_ns,
    -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
    quantilesTDigestIf(0.5, 0.95, 0.99)(if(Duration < 9223372036854775808, Duration, 0) / 1e6, is_request) AS ms
SELECT
    ServiceName AS service,
    if({by:String} = 'span', SpanName, '') AS span,
    if({by:String} = 'version', ResourceAttributes['service.version'], '') AS version,
    countIf(is_request) AS requests,
    round(requests * 1e9 / (until_ns - since_ns), 6) AS rate,
    countIf(is_request AND is_error) AS errors,
    if(requests > 0, round(errors / requests, 6), NULL) AS error_share,
    if(requests > 0, round(toFloat64(ms[1]), 3), NULL) AS p50_ms,
    if(requests > 0, round(toFloat64(ms[2]), 3), NULL) AS p95_ms,
    if(requests > 0, round(toFloat64(ms[3]), 3), NULL) AS p99_ms,
    countIf(is_call) AS calls,
    countIf(is_call AND is_error) AS call_errors,
    count() AS spans,
    if({by:String} = 'version', arraySort(groupUniqArray(10)(toString(ClusterName))), []) AS clusters,
    if({by:String} = 'version', arraySort(groupUniqArray(10)(ResourceAttributes['k8s.namespace.name'])), []) AS namespaces,
    concat(replaceOne(toString(max(Timestamp), 'UTC'), ' ', 'T'), 'Z') AS last_seen
FROM otel_traces
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
    AND Timestamp < {until:DateTime64(9, 'UTC')}
    AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
    AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
    AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
    AND ({composition:String} = '' OR ${of_composition}) -- when: composition
GROUP BY service, span, version
ORDER BY requests DESC, spans DESC, service, span, version
LIMIT {limit:UInt32}
