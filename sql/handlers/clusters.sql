-- name: clusters
-- summary: The Kubernetes clusters that sent something in the window, and how much.
-- description: By name. What names no cluster is in a row with empty names. Two rows with the same name are two
--     clusters, or one that sends its uid with part of its telemetry only.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces, metrics
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
-- param limit: UInt32
--   default: 1000
--   bounds: 1 .. 10000
--   example: 20
--   help: The most clusters to answer with.
--
-- column cluster: String
--   help: Name of the cluster (resource attribute k8s.cluster.name), or empty.
-- column uid: String
--   help: Its uid (resource attribute k8s.cluster.uid), or empty.
-- column logs: UInt64
--   help: Log records.
-- column spans: UInt64
--   help: Spans.
-- column points: UInt64
--   help: Data points of metrics.
-- column services: UInt64
--   help: Number of services.
-- column newest: String
--   help: Time of the newest of all that, RFC 3339 in UTC.
WITH
    -- The five tables as one; what is asked of it is asked of each.
    points AS (
        SELECT ClusterName, ClusterUid, ServiceName, TimeUnix
        FROM otel_metrics_gauge
        UNION ALL
        SELECT ClusterName, ClusterUid, ServiceName, TimeUnix
        FROM otel_metrics_sum
        UNION ALL
        SELECT ClusterName, ClusterUid, ServiceName, TimeUnix
        FROM otel_metrics_histogram
        UNION ALL
        SELECT ClusterName, ClusterUid, ServiceName, TimeUnix
        FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT ClusterName, ClusterUid, ServiceName, TimeUnix
        FROM otel_metrics_summary
    ),
    seen AS (
        SELECT
            'logs' AS signal, ClusterName AS cluster, ClusterUid AS uid, ServiceName AS service,
            count() AS rows, max(Timestamp) AS newest
        FROM otel_logs
        WHERE ${logs_window}
        GROUP BY cluster, uid, service
        UNION ALL
        SELECT 'traces', ClusterName AS cluster, ClusterUid AS uid, ServiceName AS service, count(), max(Timestamp)
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
        GROUP BY cluster, uid, service
        UNION ALL
        SELECT
            'metrics', ClusterName AS cluster, ClusterUid AS uid, ServiceName AS service,
            count(), max(toDateTime64(TimeUnix, 9))
        FROM points
        WHERE ${points_window}
        GROUP BY cluster, uid, service
    )
SELECT
    cluster,
    uid,
    sumIf(rows, signal = 'logs') AS logs,
    sumIf(rows, signal = 'traces') AS spans,
    sumIf(rows, signal = 'metrics') AS points,
    uniqExact(service) AS services,
    concat(replaceOne(toString(max(seen.newest), 'UTC'), ' ', 'T'), 'Z') AS newest
FROM seen
GROUP BY cluster, uid
ORDER BY cluster, uid
LIMIT {limit:UInt32}
