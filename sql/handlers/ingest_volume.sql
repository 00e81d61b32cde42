-- name: ingest_volume
-- summary: How much each service of each cluster sends: rows and bytes by table, most bytes first.
-- description: By the time that rows give for themselves. The bytes are what the rows take before compression, in
--     memory; what is on disk says the question storage.
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
-- param service: String
--   default:
--   example: checkout
--   help: Only rows of this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only rows from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only rows from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only rows of this Krateo composition, by its id.
-- param limit: UInt32
--   default: 200
--   bounds: 1 .. 10000
--   example: 20
--   help: The most rows to answer with.
--
-- column table: String
--   help: Table that the rows are in.
-- column service: String
--   help: Service that they come from; empty for what names none.
-- column cluster: String
--   help: Kubernetes cluster that they come from, by name; empty for what names none.
-- column rows: UInt64
--   help: Log records, spans or data points.
-- column rows_per_second: Float64
--   help: Mean over the window.
-- column bytes: UInt64
--   help: What the rows take before compression.
-- column share: Float64
--   help: Of the bytes of all that match, 0 to 1.
WITH
    toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')}) AS since_ns,
    toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) AS until_ns,
    volumes AS (
        SELECT
            'otel_logs' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_logs
        WHERE ${logs_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
        GROUP BY service, cluster
        UNION ALL
        SELECT
            'otel_traces' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
        GROUP BY service, cluster
        UNION ALL
        SELECT
            'otel_metrics_gauge' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_metrics_gauge
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY service, cluster
        UNION ALL
        SELECT
            'otel_metrics_sum' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_metrics_sum
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY service, cluster
        UNION ALL
        SELECT
            'otel_metrics_histogram' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_metrics_histogram
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY service, cluster
        UNION ALL
        SELECT
            'otel_metrics_exponential_histogram' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_metrics_exponential_histogram
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY service, cluster
        UNION ALL
        SELECT
            'otel_metrics_summary' AS table, ServiceName AS service, ClusterName AS cluster,
            count() AS rows, sum(byteSize(*)) AS bytes
        FROM otel_metrics_summary
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY service, cluster
    )
SELECT
    table,
    service,
    cluster,
    rows,
    round(rows * 1e9 / (until_ns - since_ns), 6) AS rows_per_second,
    bytes,
    round(bytes / sum(bytes) OVER (), 6) AS share
FROM volumes
ORDER BY bytes DESC, table, service, cluster
LIMIT {limit:UInt32}
