-- name: namespaces
-- summary: Every Kubernetes namespace seen in the window, those with most warnings first.
-- description: A namespace is seen by events, log records, spans, and the metric k8s.pod.phase. One that was quiet in
--     the window is not here.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces, metrics, events
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
-- param namespace: String
--   default:
--   example: payments
--   help: Only this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what belongs to this Krateo composition, by its id.
-- param limit: UInt32
--   default: 200
--   bounds: 1 .. 1000
--   example: 20
--   help: The most namespaces to answer with.
--
-- column cluster: String
--   help: Cluster of the namespace, by name; empty where the telemetry names none.
-- column namespace: String
--   help: Name of the namespace.
-- column pods: UInt64
--   help: Pods that logs, spans or metrics are from; exact up to 10,000 of each.
-- column services: UInt64
--   help: Services that logs or spans are from; exact up to 10,000 of each.
-- column events: UInt64
--   help: Kubernetes events about objects in it, each counted once.
-- column warnings: UInt64
--   help: Those of type Warning.
-- column logs: UInt64
--   help: Log records, those that bring events included.
-- column spans: UInt64
--   help: Spans that began in the window.
-- column last_seen: String
--   help: Time of the newest of all these, RFC 3339 in UTC.
WITH
    ${iso},
    -- An event is one however many collectors sent it and however often; its count says how often it happened.
    told AS (
        SELECT cluster, namespace, count() AS events, countIf(is_warning) AS warnings, max(last) AS newest
        FROM (
            SELECT
                toString(max(ClusterName)) AS cluster,
                toString(Namespace) AS namespace,
                max(Type) = 'Warning' AS is_warning,
                toDateTime64(max(EventTime), 9, 'UTC') AS last
            FROM otel_k8s_events
            WHERE EventTime >= {since:DateTime64(9, 'UTC')}
                AND EventTime < {until:DateTime64(9, 'UTC')}
                AND ${events_told_once}
                AND Namespace != ''
                AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${events_of_composition}) -- when: composition
            GROUP BY
                Namespace,
                Kind,
                Name,
                ${event_identity}
        )
        GROUP BY cluster, namespace
    ),
    seen AS (
        SELECT cluster, namespace, events, warnings, 0 AS logs, 0 AS spans, [] AS services, [] AS pods, newest
        FROM told
        UNION ALL
        SELECT
            toString(ClusterName) AS cluster,
            ResourceAttributes['k8s.namespace.name'] AS namespace,
            0, 0, count(), 0,
            groupUniqArray(10000)(toString(ServiceName)),
            groupUniqArray(10000)(ResourceAttributes['k8s.pod.name']),
            toDateTime64(max(Timestamp), 9, 'UTC')
        FROM otel_logs
        WHERE ${logs_window}
            AND ResourceAttributes['k8s.namespace.name'] != ''
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
        GROUP BY cluster, namespace
        UNION ALL
        SELECT
            toString(ClusterName) AS cluster,
            ResourceAttributes['k8s.namespace.name'] AS namespace,
            0, 0, 0, count(),
            groupUniqArray(10000)(toString(ServiceName)),
            groupUniqArray(10000)(ResourceAttributes['k8s.pod.name']),
            toDateTime64(max(Timestamp), 9, 'UTC')
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ResourceAttributes['k8s.namespace.name'] != ''
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
        GROUP BY cluster, namespace
        UNION ALL
        -- The one metric that every pod of a watched cluster has.
        SELECT
            toString(ClusterName) AS cluster,
            ResourceAttributes['k8s.namespace.name'] AS namespace,
            0, 0, 0, 0, [],
            groupUniqArray(10000)(ResourceAttributes['k8s.pod.name']),
            toDateTime64(max(TimeUnix), 9, 'UTC')
        FROM otel_metrics_gauge
        WHERE MetricName = 'k8s.pod.phase'
            AND TimeUnix >= {since:DateTime64(9, 'UTC')}
            AND TimeUnix < {until:DateTime64(9, 'UTC')}
            -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
            AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR
            AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
            AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
            AND ResourceAttributes['k8s.namespace.name'] != ''
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY cluster, namespace
    )
SELECT
    seen.cluster AS cluster,
    seen.namespace AS namespace,
    toUInt64(length(arrayFilter(name -> name != '', groupUniqArrayArray(seen.pods)))) AS pods,
    toUInt64(length(arrayFilter(name -> name != '', groupUniqArrayArray(seen.services)))) AS services,
    sum(seen.events) AS events,
    sum(seen.warnings) AS warnings,
    sum(seen.logs) AS logs,
    sum(seen.spans) AS spans,
    iso(max(newest)) AS last_seen
FROM seen
GROUP BY cluster, namespace
ORDER BY warnings DESC, cluster, namespace
LIMIT {limit:UInt32}
