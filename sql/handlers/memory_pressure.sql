-- name: memory_pressure
-- summary: Containers near their memory limit, kills for memory, and nodes under pressure, worst first.
-- description: Use is the metric container.memory.working_set against k8s.container.memory_limit, or
--     k8s.container.memory_limit_utilization where these are not received; kills are events such as OOMKilling,
--     SystemOOM and evictions for memory; a node is judged by k8s.node.condition_memory_pressure. bad: a kill, the
--     condition, or at least `share` of the limit at any time in the window. unknown: used, but no limit is known. The
--     first row is about all. Objects that are ok are rows too. No row at all means that nothing was looked at, which
--     is no health.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: metrics, events
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
--   help: Only pods in this Kubernetes namespace; no nodes then.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what belongs to this Krateo composition, by its id.
-- param share: Float64
--   default: 0.9
--   bounds: 0 .. 10
--   example: 0.8
--   help: A container that used this part of its limit or more is bad.
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column about: String
--   help: all for the first row; container, pod or node for the others.
-- column state: String
--   help: bad, ok or unknown; for all: bad if any is, unknown if nothing is known of any.
-- column namespace: String
--   help: Namespace of the pod.
-- column name: String
--   help: Name of the pod or the node.
-- column container: String
--   help: Name of the container, or empty.
-- column share: Nullable(Float64)
--   help: Newest use as a part of the limit, 1 for all of it; null where no limit is known. For all, the highest.
-- column share_max: Nullable(Float64)
--   help: The most in the window.
-- column used_bytes: Nullable(Float64)
--   help: Newest use; null where it was not received.
-- column limit_bytes: Nullable(Float64)
--   help: Newest limit; null where it is not known.
-- column memory_events: UInt64
--   help: Kills and evictions for memory in the window, as often as they were told.
-- column last_event: String
--   help: When the last of them happened, RFC 3339 in UTC; empty for none.
-- column objects: UInt64
--   help: Number of containers, pods and nodes in this row.
-- column bad: UInt64
--   help: Those of them that are bad.
-- column unknown: UInt64
--   help: Those of them that are unknown.
-- column cluster: String
--   help: Cluster, by name.
--   wide: yes
-- column looked_at: UInt64
--   help: Data points and events that were looked at.
--   wide: yes
WITH
    ${iso},
    parts AS (
        SELECT
            if(MetricName = 'k8s.node.condition_memory_pressure', 'node', 'container') AS its_about,
            toString(ClusterName) AS its_cluster,
            if(its_about = 'node', '', ResourceAttributes['k8s.namespace.name']) AS its_namespace,
            if(its_about = 'node', ResourceAttributes['k8s.node.name'], ResourceAttributes['k8s.pod.name']) AS its_name,
            if(its_about = 'node', '', ResourceAttributes['k8s.container.name']) AS its_container,
            argMaxIf(Value, TimeUnix, MetricName = 'container.memory.working_set') AS used,
            maxIf(Value, MetricName = 'container.memory.working_set') AS used_most,
            argMaxIf(Value, TimeUnix, MetricName = 'k8s.container.memory_limit') AS bound,
            argMaxIf(Value, TimeUnix, MetricName = 'k8s.container.memory_limit_utilization') AS part,
            maxIf(Value, MetricName = 'k8s.container.memory_limit_utilization') AS part_most,
            -- 1 true, 0 false, -1 unknown
            argMaxOrNullIf(Value, TimeUnix, its_about = 'node') AS condition,
            countIf(MetricName != 'k8s.container.memory_limit') AS point_n,
            0 AS event_n,
            0 AS kill_n,
            toDateTime64(0, 9, 'UTC') AS last_told
        FROM otel_metrics_gauge
        WHERE MetricName IN (
            'container.memory.working_set', 'k8s.container.memory_limit', 'k8s.container.memory_limit_utilization',
            'k8s.node.condition_memory_pressure'
        )
            AND TimeUnix >= {since:DateTime64(9, 'UTC')}
            AND TimeUnix < {until:DateTime64(9, 'UTC')}
            -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
            AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR
            AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
            AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY its_about, its_cluster, its_namespace, its_name, its_container
        UNION ALL
        SELECT
            multiIf(Kind = 'Node', 'node', container != '', 'container', 'pod') AS its_about,
            its_cluster, Namespace, Name, container, 0, 0, 0, 0, 0, NULL, 0, 1, happened, last
        FROM (
            -- An event is one however many collectors sent it and however often; its count says how often it happened.
            SELECT
                Kind,
                Namespace,
                Name,
                toString(max(ClusterName)) AS its_cluster,
                extract(any(FieldPath), '\\{([^}]+)\\}') AS container,
                toDateTime64(max(EventTime), 9, 'UTC') AS last,
                max((
                    Reason IN ('OOMKilled', 'OOMKilling', 'SystemOOM', 'NodeHasInsufficientMemory')
                    OR positionCaseInsensitive(Message, 'OOMKilled') > 0
                    OR (Reason IN ('Evicted', 'EvictionThresholdMet') AND positionCaseInsensitive(Message, 'memory') > 0)
                )) AS is_memory,
                -- Of an event that is older than the window, what it grew by, and the one time that brought it here.
                toUInt64(if(min(FirstTime) >= {since:DateTime64(9, 'UTC')}, max(Count), max(Count) - min(Count) + 1)) AS happened
            FROM otel_k8s_events
            WHERE EventTime >= {since:DateTime64(9, 'UTC')}
                AND EventTime < {until:DateTime64(9, 'UTC')}
                AND ${events_told_once}
                AND Kind IN ('Pod', 'Node')
                AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${events_of_composition}) -- when: composition
            GROUP BY
                Namespace,
                Kind,
                Name,
                ${event_identity}
            HAVING is_memory
        )
    ),
    objects AS (
        SELECT
            its_about,
            its_cluster,
            its_namespace,
            its_name,
            its_container,
            nullIf(max(bound), 0) AS bound_known,
            nullIf(max(used), 0) AS used_known,
            nullIf(max(used_most), 0) AS used_most_known,
            round(coalesce(used_known / bound_known, nullIf(max(part), 0)), 6) AS share_now,
            round(coalesce(used_most_known / bound_known, nullIf(max(part_most), 0)), 6) AS share_most,
            sum(kill_n) AS kills,
            max(last_told) AS last_kill,
            sum(point_n) AS points_seen,
            sum(event_n) AS events_seen,
            multiIf(
                kills > 0 OR max(condition) = 1 OR share_most >= {share:Float64}, 'bad',
                isNotNull(share_most) OR max(condition) = 0, 'ok',
                'unknown'
            ) AS its_state
        FROM parts
        GROUP BY its_about, its_cluster, its_namespace, its_name, its_container
        HAVING points_seen + events_seen > 0
    )
SELECT
    if(line.1 = 0, 'all', line.2) AS about,
    multiIf(countIf(its_state = 'bad') > 0, 'bad', countIf(its_state = 'ok') > 0, 'ok', 'unknown') AS state,
    line.3 AS namespace,
    line.4 AS name,
    line.5 AS container,
    max(share_now) AS share,
    max(share_most) AS share_max,
    if(about = 'all', NULL, max(used_known)) AS used_bytes,
    if(about = 'all', NULL, max(bound_known)) AS limit_bytes,
    sum(kills) AS memory_events,
    if(memory_events = 0, '', iso(max(last_kill))) AS last_event,
    count() AS objects,
    countIf(its_state = 'bad') AS bad,
    countIf(its_state = 'unknown') AS unknown,
    line.6 AS cluster,
    sum(points_seen) + sum(events_seen) AS looked_at
FROM objects
-- Each object counts towards the row of all as well.
ARRAY JOIN [(0, '', '', '', '', ''), (1, its_about, its_namespace, its_name, its_container, its_cluster)] AS line
GROUP BY line
ORDER BY line.1, indexOf(['bad', 'unknown', 'ok'], state), memory_events DESC, ifNull(share_max, 0) DESC, line
LIMIT {limit:UInt32}
