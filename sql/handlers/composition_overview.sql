-- name: composition_overview
-- summary: One Krateo composition: its objects with events, warnings, logs and spans, worst first.
-- description: The first row is the sum of all. bad: there were warnings, error logs or spans with errors in the
--     window; ok: something was looked at that can tell, and none of these; unknown: nothing but log records whose
--     severity nobody knows. No row at all means that nothing was looked at, which is no health.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces, events
-- limit rows: 1000
-- limit seconds: 30
--
-- param composition: String
--   bounds: 1 .. 253
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: The composition's id.
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
--   help: Only what is in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column about: String
--   help: all for the first row, object for the others.
-- column state: String
--   help: ok, bad or unknown.
-- column namespace: String
--   help: Namespace of the object; empty for a cluster-wide one.
-- column kind: String
--   help: Kind of the object; Service for telemetry that names a service and no pod.
-- column name: String
--   help: Name of the object.
-- column events: UInt64
--   help: Kubernetes events about it, each counted once.
-- column warnings: UInt64
--   help: Those of type Warning.
-- column logs: UInt64
--   help: Log records.
-- column error_logs: UInt64
--   help: Those of severity ERROR or worse, as far as it is known.
-- column spans: UInt64
--   help: Spans that began in the window.
-- column error_spans: UInt64
--   help: Those with status Error.
-- column last_seen: String
--   help: Time of the newest event, log record or span, RFC 3339 in UTC.
-- column reason: String
--   help: Reason of the newest event, or empty.
-- column message: String
--   help: What that event says.
--   wide: yes
-- column cluster: String
--   help: Cluster of the object, by name.
--   wide: yes
WITH
    ${iso},
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names,
    -- One row for each event, and for each pod or service that logs and spans are of.
    parts AS (
        SELECT
            Namespace AS its_namespace,
            Kind AS its_kind,
            Name AS its_name,
            toString(max(ClusterName)) AS its_cluster,
            1 AS event_n,
            toUInt64(max(Type) = 'Warning') AS warning_n,
            0 AS log_n,
            0 AS error_log_n,
            0 AS unclear_n,
            0 AS span_n,
            0 AS error_span_n,
            toDateTime64(max(EventTime), 9, 'UTC') AS last,
            argMax(Reason, (EventTime, Count)) AS its_reason,
            argMax(Message, (EventTime, Count)) AS its_message
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND ${events_of_composition}
            AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY
            Namespace,
            Kind,
            Name,
            ${event_identity}
        UNION ALL
        SELECT
            toString(`__otel_materialized_k8s.namespace.name`) AS its_namespace,
            if(`__otel_materialized_k8s.pod.name` != '', 'Pod', 'Service') AS its_kind,
            toString(if(`__otel_materialized_k8s.pod.name` != '', `__otel_materialized_k8s.pod.name`, ServiceName)) AS its_name,
            toString(ClusterName) AS its_cluster,
            0, 0, count(), countIf(Level >= 17), countIf(Level = 0), 0, 0,
            toDateTime64(max(Timestamp), 9, 'UTC'), '', ''
        FROM otel_logs
        WHERE ${logs_window}
            AND ${logs_of_composition}
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            -- Kubernetes events arrive as log records too.
            AND NOT mapContains(LogAttributes, 'k8s.event.reason')
            AND NOT multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
        GROUP BY its_namespace, its_kind, its_name, its_cluster
        UNION ALL
        SELECT
            ResourceAttributes['k8s.namespace.name'] AS its_namespace,
            if(ResourceAttributes['k8s.pod.name'] != '', 'Pod', 'Service') AS its_kind,
            if(ResourceAttributes['k8s.pod.name'] != '', ResourceAttributes['k8s.pod.name'], ServiceName) AS its_name,
            toString(ClusterName) AS its_cluster,
            0, 0, 0, 0, 0, count(), countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')),
            toDateTime64(max(Timestamp), 9, 'UTC'), '', ''
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ${of_composition}
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY its_namespace, its_kind, its_name, its_cluster
    )
SELECT
    if(line.1 = 0, 'all', 'object') AS about,
    multiIf(
        warnings > 0 OR error_logs > 0 OR error_spans > 0, 'bad',
        events = 0 AND spans = 0 AND logs = sum(unclear_n), 'unknown',
        'ok'
    ) AS state,
    line.2 AS namespace,
    line.3 AS kind,
    line.4 AS name,
    sum(event_n) AS events,
    sum(warning_n) AS warnings,
    sum(log_n) AS logs,
    sum(error_log_n) AS error_logs,
    sum(span_n) AS spans,
    sum(error_span_n) AS error_spans,
    iso(max(last)) AS last_seen,
    argMaxIf(its_reason, last, event_n > 0) AS reason,
    argMaxIf(its_message, last, event_n > 0) AS message,
    max(its_cluster) AS cluster
FROM parts
-- Each part counts towards the row of all and towards that of its object.
ARRAY JOIN [(0, '', '', ''), (1, its_namespace, its_kind, its_name)] AS line
GROUP BY line
ORDER BY about, warnings DESC, error_logs DESC, error_spans DESC, max(last) DESC, line
LIMIT {limit:UInt32}
