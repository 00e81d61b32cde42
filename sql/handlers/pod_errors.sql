-- name: pod_errors
-- summary: Warning events and error logs of a pod, like ones taken together, newest first.
-- description: The first row counts all of them, and says in its message and `looked_at` what was looked at, errors or
--     not; the same event, and log records with the very same text, are one row. An error is a Warning event, or a log
--     record of severity ERROR or worse; a severity that the collector does not give is read from the text. No row at
--     all means that nothing was looked at, which is no health.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, events
-- limit rows: 1000
-- limit seconds: 20
--
-- param namespace: String
--   bounds: 1 .. 253
--   example: payments
--   help: Namespace of the pod.
-- param pod: String
--   bounds: 1 .. 253
--   example: payment-7d9f8c6b5-x2k4q
--   help: The pod's exact name. One that ends in * stands for every pod whose name begins so.
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
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
--   help: all for the first row; event or log for the others.
-- column what: String
--   help: Reason of the event, or severity of the log record.
-- column count: UInt64
--   help: How often it happened in the window, as far as it was told.
-- column last_seen: String
--   help: When it last happened, RFC 3339 in UTC; empty for none.
-- column pod: String
--   help: Name of the pod.
-- column container: String
--   help: Name of the container, or empty.
-- column message: String
--   help: What the event or the log record says.
-- column first_seen: String
--   help: When it first happened; for an event this may be before the window.
--   wide: yes
-- column trace_id: String
--   help: Trace of the newest of these log records that has one, or empty.
--   wide: yes
-- column looked_at: UInt64
--   help: Events and log records in this row; in the first row, all of the pod's.
--   wide: yes
-- column cluster: String
--   help: Kubernetes cluster of the pod, by name, or empty. Pods of two clusters are two, whatever their names.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names,
    -- An event is one however many collectors sent it and however often; its count says how often it happened.
    seen AS (
        SELECT
            'event' AS source,
            argMax(Reason, (EventTime, Count)) AS what_told,
            Name AS pod_told,
            extract(any(FieldPath), '\\{([^}]+)\\}') AS container_told,
            argMax(Message, (EventTime, Count)) AS message_told,
            '' AS trace,
            toString(max(ClusterName)) AS cluster_told,
            -- Of an event that is older than the window, what it grew by, and the one time that brought it here.
            toUInt64(if(min(FirstTime) >= {since:DateTime64(9, 'UTC')}, max(Count), max(Count) - min(Count) + 1)) AS happened,
            toDateTime64(min(FirstTime), 9, 'UTC') AS first,
            toDateTime64(max(EventTime), 9, 'UTC') AS last,
            max(Type) = 'Warning' AS is_error,
            false AS is_unclear
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND Namespace = {namespace:String}
            AND Kind = 'Pod'
            AND ({pod:String} LIKE '%*' OR Name = {pod:String})
            AND ({pod:String} NOT LIKE '%*' OR startsWith(Name, left({pod:String}, -1)))
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY
            Name,
            ${event_identity}
        UNION ALL
        WITH level_of(SeverityNumber, SeverityText, Body) AS level
        SELECT
            'log',
            multiIf(SeverityText != '', SeverityText, level > 0, level_names[intDiv(level - 1, 4) + 1], ''),
            toString(`__otel_materialized_k8s.pod.name`),
            toString(`__otel_materialized_k8s.container.name`),
            Body,
            TraceId,
            toString(ClusterName),
            1,
            toDateTime64(Timestamp, 9, 'UTC'),
            toDateTime64(Timestamp, 9, 'UTC'),
            level >= 17,
            level = 0
        FROM otel_logs
        WHERE ${logs_window}
            AND ${logs_of_namespace}
            AND ${logs_of_pod}
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            -- Kubernetes events arrive as log records too.
            AND NOT mapContains(LogAttributes, 'k8s.event.reason')
            AND NOT multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
    )
SELECT
    line.1 AS about,
    line.2 AS what,
    if(about = 'all', toUInt64(sumIf(happened, is_error)), sum(happened)) AS count,
    if(about = 'all' AND count = 0, '', iso(maxIf(last, is_error))) AS last_seen,
    line.3 AS pod,
    line.4 AS container,
    if(
        about = 'all',
        format(
            '{} events and {} log records of {} pods looked at; severity unknown of {} log records',
            toString(countIf(source = 'event')),
            toString(countIf(source = 'log')),
            toString(uniqExact(cluster_told, pod_told)),
            toString(countIf(is_unclear))
        ),
        line.5
    ) AS message,
    if(about = 'all' AND count = 0, '', iso(minIf(first, is_error))) AS first_seen,
    if(about = 'all', '', argMax(trace, (trace != '', last))) AS trace_id,
    count() AS looked_at,
    line.6 AS cluster
FROM seen
-- Everything counts towards the row of all, and an error towards that of its like too.
ARRAY JOIN arrayConcat(
    [('all', '', '', '', '', '')],
    if(is_error, [(source, what_told, pod_told, container_told, message_told, cluster_told)], [])
) AS line
GROUP BY line
ORDER BY about = 'all' DESC, maxIf(last, is_error) DESC, line
LIMIT {limit:UInt32}
