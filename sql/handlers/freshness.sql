-- name: freshness
-- summary: How old the newest telemetry of each cluster is, by signal.
-- description: Every cluster that sent anything in the window has a row for each signal, Kubernetes events among them,
--     also for a signal that it does not send: those have 0 rows and no lag. First come the clusters of which logs, metrics
--     or traces lie furthest behind. Kubernetes events come as log records and count as both. A cluster that sent nothing at all in the window has no row. What is dated after the end of the
--     window does not count, so a clock that runs ahead makes nothing look fresh. What names no cluster is a cluster
--     with an empty name.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces, metrics, events
-- limit rows: 10000
-- limit seconds: 30
--
-- param since: DateTime64(9, 'UTC')
--   default: 1d
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one day before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 1000
--   bounds: 1 .. 10000
--   example: 20
--   help: The most rows to answer with.
--
-- column cluster: String
--   help: Kubernetes cluster, by name; empty for what names none.
-- column signal: String
--   help: events (of Kubernetes), logs, metrics or traces.
-- column rows: UInt64
--   help: Events, log records, data points or spans in the window; an event for each of its counts, and beyond some
--     100,000 of them within a percent.
-- column newest: String
--   help: Time of the newest of them, RFC 3339 in UTC; empty without any.
-- column lag_seconds: Nullable(Float64)
--   help: From then to the end of the window, in seconds; null without any.
-- column arrived: String
--   help: When the last of them arrived; empty without any.
--   wide: yes
WITH
    ${iso},
    -- The five tables as one; what is asked of it is asked of each.
    points AS (
        SELECT ClusterName, TimeUnix, IngestedAt
        FROM otel_metrics_gauge
        UNION ALL
        SELECT ClusterName, TimeUnix, IngestedAt
        FROM otel_metrics_sum
        UNION ALL
        SELECT ClusterName, TimeUnix, IngestedAt
        FROM otel_metrics_histogram
        UNION ALL
        SELECT ClusterName, TimeUnix, IngestedAt
        FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT ClusterName, TimeUnix, IngestedAt
        FROM otel_metrics_summary
    ),
    seen AS (
        SELECT
            'logs' AS signal, ClusterName AS cluster, count() AS rows, max(Timestamp) AS newest, max(IngestedAt) AS arrived
        FROM otel_logs
        WHERE ${logs_window}
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY cluster
        UNION ALL
        -- Copies that are not merged yet count once; exactly so up to some 100,000, and within a percent above.
        SELECT 'events', ClusterName AS cluster, uniqCombined(20)(ClusterUid, EventId, Count), max(EventTime), max(IngestedAt)
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY cluster
        UNION ALL
        SELECT 'traces', ClusterName AS cluster, count(), max(Timestamp), max(IngestedAt)
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY cluster
        UNION ALL
        SELECT 'metrics', ClusterName AS cluster, count(), max(toDateTime64(TimeUnix, 9)), max(IngestedAt)
        FROM points
        WHERE ${points_window}
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY cluster
    ),
    clusters AS (
        SELECT
            cluster,
            -- Also for a signal that a cluster does not send: no row for it would look like one that nobody asked for.
            arrayMap(
                name -> (name, arrayFilter(one -> one.1 = name, groupArray((signal, rows, newest, arrived)))),
                ['events', 'logs', 'metrics', 'traces']
            ) AS signals,
            minIf(newest, signal != 'events') AS stalest
        FROM seen
        GROUP BY cluster
    )
SELECT
    cluster,
    one.1 AS signal,
    arraySum(one.2.2) AS rows,
    if(rows = 0, '', iso(arrayMax(one.2.3))) AS newest,
    if(
        rows = 0,
        NULL,
        round((toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) - toUnixTimestamp64Nano(arrayMax(one.2.3))) / 1e9, 3)
    ) AS lag_seconds,
    if(rows = 0, '', iso(arrayMax(one.2.4))) AS arrived
FROM clusters
ARRAY JOIN signals AS one
-- What has events alone comes last: they are rare, and say little by their age.
ORDER BY if(toUnixTimestamp64Nano(stalest) = 0, 1, 0), stalest, cluster, signal
LIMIT {limit:UInt32}
