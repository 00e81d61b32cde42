-- name: rollouts
-- summary: Rollouts of Deployments in the window, and how each stands: done, under way, stuck or unknown.
-- description: A rollout is told by the events of the deployment controller, and how many pods are available by the
--     metrics k8s.deployment.desired and k8s.deployment.available. done: the old replica set was scaled down to 0, and
--     after that all wanted pods were available. stuck: it was not, and ten minutes went by, after which Kubernetes
--     gives up too (progressDeadlineSeconds). unknown: nothing was measured since. Available pods may be those of the
--     version before, so their number alone makes no rollout done. What is only scaled has a row as well.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: events, metrics
-- limit rows: 1000
-- limit seconds: 20
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
--   help: Only Deployments in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column state: String
--   help: stuck, unknown, under_way or done.
-- column namespace: String
--   help: Namespace of the Deployment.
-- column deployment: String
--   help: Its name.
-- column desired: Nullable(UInt64)
--   help: Pods that it wants, as last measured; null where it was not.
-- column available: Nullable(UInt64)
--   help: Pods that are available, as last measured.
-- column began: String
--   help: When its first step in the window was told, RFC 3339 in UTC.
-- column last_step: String
--   help: When its last step was told.
-- column message: String
--   help: The last step.
-- column cluster: String
--   help: Cluster, by name.
--   wide: yes
WITH
    ${iso},
    told AS (
        SELECT
            toString(max(ClusterName)) AS its_cluster,
            toString(Namespace) AS its_namespace,
            Name AS its_name,
            toDateTime64(min(EventTime), 9, 'UTC') AS first,
            toDateTime64(max(EventTime), 9, 'UTC') AS last,
            -- Of several in the same second the one that scales down is the later, and the one to 0 the last: the controller
            -- adds before it takes away.
            argMax(Message, (EventTime, startsWith(Message, 'Scaled down'), match(Message, ' to 0\\b'))) AS its_message
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND Kind = 'Deployment'
            AND Reason IN ('ScalingReplicaSet', 'DeploymentRollback')
            AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY ClusterUid, Namespace, Name
    ),
    measured AS (
        SELECT
            toString(ClusterName) AS its_cluster,
            ResourceAttributes['k8s.namespace.name'] AS its_namespace,
            ResourceAttributes['k8s.deployment.name'] AS its_name,
            argMaxIf(Value, TimeUnix, MetricName = 'k8s.deployment.desired') AS wanted,
            argMaxIf(Value, TimeUnix, MetricName = 'k8s.deployment.available') AS there,
            toDateTime64(maxIf(TimeUnix, MetricName = 'k8s.deployment.available'), 9, 'UTC') AS measured_at
        FROM otel_metrics_gauge
        WHERE MetricName IN ('k8s.deployment.desired', 'k8s.deployment.available')
            AND TimeUnix >= {since:DateTime64(9, 'UTC')}
            AND TimeUnix < {until:DateTime64(9, 'UTC')}
            -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
            AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR
            AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
            AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY its_cluster, its_namespace, its_name
    )
SELECT
    multiIf(
        measured_at < last, 'unknown',
        match(told.its_message, '^Scaled down replica set .* to 0\\b') AND there >= wanted, 'done',
        {until:DateTime64(9, 'UTC')} - INTERVAL 10 MINUTE > last, 'stuck',
        'under_way'
    ) AS state,
    told.its_namespace AS namespace,
    told.its_name AS deployment,
    if(measured_at < last, NULL, toUInt64(wanted)) AS desired,
    if(measured_at < last, NULL, toUInt64(there)) AS available,
    iso(first) AS began,
    iso(last) AS last_step,
    told.its_message AS message,
    told.its_cluster AS cluster
FROM told
LEFT JOIN measured
    ON measured.its_cluster = told.its_cluster AND measured.its_namespace = told.its_namespace AND measured.its_name = told.its_name
ORDER BY indexOf(['stuck', 'unknown', 'under_way', 'done'], state), last_step DESC, namespace, deployment, cluster
LIMIT {limit:UInt32}
