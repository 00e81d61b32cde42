-- name: errors_by_service
-- summary: Errors of every service in the window, from its logs and its spans, most first.
-- description: Beside each count of errors stands what was looked at, so that no errors among a thousand records and no
--     records are told apart; no row at all means that nothing was there. An error is a log record of severity ERROR or
--     worse, or a span with status Error. A severity that the collector does not give is read from the text.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces
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
--   help: Only this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only what comes from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what comes from an object of this Krateo composition, by its id.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most services to answer with.
--
-- column service: String
--   help: Name of the service; empty for what names none.
-- column error_logs: UInt64
--   help: Log records of severity ERROR or worse.
-- column logs: UInt64
--   help: Log records of any severity.
-- column error_spans: UInt64
--   help: Spans with status Error.
-- column spans: UInt64
--   help: Spans of any status.
-- column last_error: String
--   help: Time of the newest error, RFC 3339 in UTC; empty without errors.
-- column message: String
--   help: What the newest error says: the first 500 characters; the name of the span where it says nothing.
-- column trace_id: String
--   help: Trace of the newest error of logs or of spans that has one, or empty.
--   wide: yes
-- column logs_unclear: UInt64
--   help: Log records whose severity nobody knows; errors may be among them.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    logged AS (
        WITH level_of(SeverityNumber, SeverityText, Body) AS level
        SELECT
            ServiceName AS service,
            count() AS logs,
            countIf(level >= 17) AS errors,
            countIf(level = 0) AS unclear,
            maxIf(Timestamp, level >= 17) AS last,
            argMaxIf((substringUTF8(Body, 1, 500), TraceId), (Timestamp, Body), level >= 17) AS newest
        FROM otel_logs
        WHERE ${logs_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
        GROUP BY service
    ),
    traced AS (
        WITH StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS is_error -- the second as exporters wrote it before 2024
        SELECT
            ServiceName AS service,
            count() AS spans,
            countIf(is_error) AS errors,
            maxIf(Timestamp, is_error) AS last,
            argMaxIf(
                (substringUTF8(if(StatusMessage != '', StatusMessage, SpanName), 1, 500), TraceId),
                (Timestamp, SpanId),
                is_error
            ) AS newest
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
        GROUP BY service
    )
SELECT
    service,
    logged.errors AS error_logs,
    logged.logs AS logs,
    traced.errors AS error_spans,
    traced.spans AS spans,
    if(error_logs + error_spans = 0, '', iso(greatest(logged.last, traced.last))) AS last_error,
    multiIf(
        error_logs + error_spans = 0, '',
        logged.last >= traced.last, logged.newest.1,
        traced.newest.1
    ) AS message,
    -- Of the newest error that belongs to a trace: log records often do not.
    multiIf(
        logged.last >= traced.last AND logged.newest.2 != '', logged.newest.2,
        traced.newest.2 != '', traced.newest.2,
        logged.newest.2
    ) AS trace_id,
    logged.unclear AS logs_unclear
FROM logged
FULL JOIN traced USING (service)
ORDER BY error_logs + error_spans DESC, logs + spans DESC, service
LIMIT {limit:UInt32}
