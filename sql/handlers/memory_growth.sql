-- name: memory_growth
-- summary: Which containers grew most in memory, and on which node: who pushes others out.
-- description: Growth is the newest value of the metric container.memory.working_set in the window less the first one.
--     `share` is its part of all growth on that node. A container without a limit can take all that its node has; where
--     a limit was not received, `limit_bytes` is null, which may mean the same. Containers that shrank have no row.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: metrics
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
--   help: Only pods in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param node: String
--   default:
--   example: node-3
--   help: Only containers on this node (resource attribute k8s.node.name).
-- param limit: UInt32
--   default: 20
--   bounds: 1 .. 1000
--   example: 10
--   help: The most rows to answer with.
--
-- column node: String
--   help: Node that the pod runs on.
-- column namespace: String
--   help: Namespace of the pod.
-- column pod: String
--   help: Name of the pod.
-- column container: String
--   help: Name of the container.
-- column grown_bytes: Float64
--   help: By how much its use grew.
-- column used_bytes: Float64
--   help: Its newest use.
-- column share: Float64
--   help: Its part of all growth on the node, 0 to 1.
-- column limit_bytes: Nullable(Float64)
--   help: Its limit; null where none was received.
-- column cluster: String
--   help: Cluster, by name.
--   wide: yes
WITH containers AS (
    SELECT
        toString(ClusterName) AS its_cluster,
        ResourceAttributes['k8s.node.name'] AS its_node,
        ResourceAttributes['k8s.namespace.name'] AS its_namespace,
        ResourceAttributes['k8s.pod.name'] AS its_pod,
        ResourceAttributes['k8s.container.name'] AS its_container,
        argMaxIf(Value, TimeUnix, MetricName = 'container.memory.working_set') AS newest,
        newest - argMinIf(Value, TimeUnix, MetricName = 'container.memory.working_set') AS grown,
        nullIf(maxIf(Value, MetricName = 'k8s.container.memory_limit'), 0) AS bound
    FROM otel_metrics_gauge
    WHERE MetricName IN ('container.memory.working_set', 'k8s.container.memory_limit')
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix < {until:DateTime64(9, 'UTC')}
        -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
        AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR
        AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
        AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
        AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
        AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        AND ({node:String} = '' OR ResourceAttributes['k8s.node.name'] = {node:String}) -- when: node
    GROUP BY its_cluster, its_node, its_namespace, its_pod, its_container
    HAVING grown > 0
)
SELECT
    its_node AS node,
    its_namespace AS namespace,
    its_pod AS pod,
    its_container AS container,
    grown AS grown_bytes,
    newest AS used_bytes,
    round(grown / sum(grown) OVER (PARTITION BY its_cluster, its_node), 6) AS share,
    bound AS limit_bytes,
    its_cluster AS cluster
FROM containers
ORDER BY grown DESC, cluster, node, namespace, pod, container
LIMIT {limit:UInt32}
