-- name: services
-- summary: Every service seen in the window, with its requests, errors, latencies and logs.
-- description: A request is a span of kind Server or Consumer. Quantiles are exact up to a hundred requests; above, fewer
--     than 0.5 % of the requests lie between a quantile and the true one. A service that served nothing has no error
--     rate and no quantiles (null), which is not the same as 0. Busiest first.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: traces, logs
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
-- param namespace: String
--   default:
--   example: payments
--   help: Only what comes from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 200
--   bounds: 1 .. 10000
--   example: 20
--   help: The most services to answer with.
--
-- column service: String
--   help: Name of the service; empty for what names none.
-- column requests: UInt64
--   help: Server and Consumer spans that began in the window.
-- column errors: UInt64
--   help: Those of them with status Error.
-- column error_rate: Nullable(Float64)
--   help: errors / requests, 0 to 1; null without requests.
-- column p50_ms: Nullable(Float64)
--   help: Median duration of requests in milliseconds; null without requests.
-- column p95_ms: Nullable(Float64)
--   help: 95 of 100 requests took at most so many milliseconds; null without requests.
-- column p99_ms: Nullable(Float64)
--   help: 99 of 100 requests took at most so many milliseconds; null without requests.
-- column spans: UInt64
--   help: Spans of any kind.
-- column logs: UInt64
--   help: Log records.
-- column last_seen: String
--   help: Time of the newest span or log record in the window, RFC 3339 in UTC.
WITH
    traced AS (
        WITH
            -- The second spelling is that of rows which exporters wrote before 2024.
            SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER') AS is_request
        SELECT
            ServiceName AS service,
            countIf(is_request) AS requests,
            countIf(is_request AND StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors,
            -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
            quantilesTDigestIf(0.5, 0.95, 0.99)(if(Duration < 9223372036854775808, Duration, 0) / 1e6, is_request) AS ms,
            count() AS spans,
            max(Timestamp) AS last
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ResourceAttributes['k8s.cluster.name'] = {cluster:String}) -- when: cluster
        GROUP BY service
    ),
    logged AS (
        SELECT ServiceName AS service, count() AS logs, max(Timestamp) AS last
        FROM otel_logs
        WHERE ${logs_window}
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ResourceAttributes['k8s.cluster.name'] = {cluster:String}) -- when: cluster
        GROUP BY service
    )
SELECT
    service,
    traced.requests AS requests,
    traced.errors AS errors,
    if(requests > 0, round(errors / requests, 6), NULL) AS error_rate,
    if(requests > 0, round(toFloat64(traced.ms[1]), 3), NULL) AS p50_ms,
    if(requests > 0, round(toFloat64(traced.ms[2]), 3), NULL) AS p95_ms,
    if(requests > 0, round(toFloat64(traced.ms[3]), 3), NULL) AS p99_ms,
    traced.spans AS spans,
    logged.logs AS logs,
    concat(replaceOne(toString(greatest(traced.last, logged.last), 'UTC'), ' ', 'T'), 'Z') AS last_seen
FROM traced
FULL JOIN logged USING (service)
ORDER BY requests DESC, spans DESC, logs DESC, service
LIMIT {limit:UInt32}
