-- name: pod_timeline
-- summary: Events and log records of a pod in one order of time, newest first.
-- description: The limit counts both together, and the newest of both are kept. An event is there each time that it was
--     told anew, with the count of that time. A severity that the collector does not give is read from the text.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, events
-- limit rows: 10000
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
-- param min_severity: String
--   default: warn
--   choices: , trace, debug, info, warn, error, fatal
--   example: info
--   help: Only log records at least this severe; nothing for all, those of unknown severity included. Events are always
--     there.
-- param limit: UInt32
--   default: 200
--   bounds: 1 .. 10000
--   example: 20
--   help: The most entries to answer with.
--
-- column time: String
--   help: When it happened, RFC 3339 in UTC.
-- column source: String
--   help: event or log.
-- column severity: String
--   help: Normal or Warning for an event; severity of the log record, or empty where it is not known.
-- column reason: String
--   help: Reason of the event; empty for a log record.
-- column pod: String
--   help: Name of the pod.
-- column container: String
--   help: Name of the container, or empty.
-- column message: String
--   help: What the event or the log record says.
-- column count: UInt32
--   help: How often the event had happened by then; 1 for a log record.
-- column trace_id: String
--   help: Trace of the log record, or empty.
--   wide: yes
-- column cluster: String
--   help: Kubernetes cluster of the pod, by name, or empty. Pods of stateful sets have the same names in many.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names
SELECT
    iso(time) AS time,
    source,
    severity,
    reason,
    pod,
    container,
    message,
    count,
    trace_id,
    cluster
FROM (
    SELECT
        toDateTime64(min(EventTime), 9, 'UTC') AS time,
        'event' AS source,
        any(Type) AS severity,
        any(Reason) AS reason,
        Name AS pod,
        extract(any(FieldPath), '\\{([^}]+)\\}') AS container,
        any(Message) AS message,
        Count AS count,
        '' AS trace_id,
        toString(max(ClusterName)) AS cluster
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND Namespace = {namespace:String}
            AND Kind = 'Pod'
            AND ({pod:String} LIKE '%*' OR Name = {pod:String})
            AND ({pod:String} NOT LIKE '%*' OR startsWith(Name, left({pod:String}, -1)))
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
    -- A change is one however many collectors sent it.
    GROUP BY
        Name,
        Count,
        ${event_identity}
    UNION ALL
    SELECT *
    FROM (
        WITH level_of(SeverityNumber, SeverityText, Body) AS level
        SELECT
            toDateTime64(Timestamp, 9, 'UTC') AS time,
            'log',
            multiIf(SeverityText != '', SeverityText, level > 0, level_names[intDiv(level - 1, 4) + 1], ''),
            '',
            toString(`__otel_materialized_k8s.pod.name`),
            toString(`__otel_materialized_k8s.container.name`),
            Body,
            1,
            TraceId,
            toString(ClusterName)
        FROM otel_logs
        WHERE ${logs_window}
            AND ${logs_of_namespace}
            AND ${logs_of_pod}
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            -- Kubernetes events arrive as log records too.
            AND NOT mapContains(LogAttributes, 'k8s.event.reason')
            AND NOT multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
            AND (
                {min_severity:String} = ''
                OR level >= 4 * indexOf(level_names, upper({min_severity:String})) - 3
            )
        ORDER BY time DESC
        LIMIT {limit:UInt32}
    )
)
ORDER BY time DESC, source, reason, message
LIMIT {limit:UInt32}
