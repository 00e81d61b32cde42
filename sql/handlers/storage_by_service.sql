-- name: storage_by_service
-- summary: What each service of each cluster takes on disk by table, most bytes first; an estimate.
-- description: Of all that is stored at this moment. Rows are counted; a row of a table is taken for as large as the
--     table's mean, so a service with long records takes more than is said here. What ingest_volume weighs says how
--     much more. The bytes of one table add up to what the question storage says of it.
-- doors: rest, mcp, cli, docs
-- signals: none
-- role: operator
-- limit rows: 10000
-- limit seconds: 30
--
-- param service: String
--   default:
--   example: checkout
--   help: Only this service, by its exact name.
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
-- column share: Float64
--   help: Of the rows of that table, 0 to 1.
-- column bytes_on_disk: UInt64
--   help: What they take, estimated; indexes included.
WITH
    counted AS (
        SELECT 'otel_logs' AS table, toString(ServiceName) AS service, toString(ClusterName) AS cluster, count() AS n
        FROM otel_logs
        GROUP BY service, cluster
        UNION ALL
        SELECT 'otel_traces', toString(ServiceName) AS service, toString(ClusterName) AS cluster, count()
        FROM otel_traces
        GROUP BY service, cluster
        UNION ALL
        SELECT 'otel_metrics_gauge', toString(ServiceName) AS service, toString(ClusterName) AS cluster, count()
        FROM otel_metrics_gauge
        GROUP BY service, cluster
        UNION ALL
        SELECT 'otel_metrics_sum', toString(ServiceName) AS service, toString(ClusterName) AS cluster, count()
        FROM otel_metrics_sum
        GROUP BY service, cluster
        UNION ALL
        SELECT 'otel_metrics_histogram', toString(ServiceName) AS service, toString(ClusterName) AS cluster, count()
        FROM otel_metrics_histogram
        GROUP BY service, cluster
        UNION ALL
        SELECT 'otel_metrics_exponential_histogram', toString(ServiceName) AS service, toString(ClusterName) AS cluster, count()
        FROM otel_metrics_exponential_histogram
        GROUP BY service, cluster
        UNION ALL
        SELECT 'otel_metrics_summary', toString(ServiceName) AS service, toString(ClusterName) AS cluster, count()
        FROM otel_metrics_summary
        GROUP BY service, cluster
    ),
    stored AS (
        SELECT table, sum(parts.bytes_on_disk) AS bytes
        FROM ${own_parts} AS parts
        GROUP BY table
    ),
    shares AS (
        SELECT table, service, cluster, n, n / sum(n) OVER (PARTITION BY table) AS part
        FROM counted
    )
SELECT
    table,
    service,
    cluster,
    n AS rows,
    round(part, 6) AS share,
    toUInt64(round(part * bytes)) AS bytes_on_disk
FROM shares
INNER JOIN stored USING (table)
WHERE {service:String} = '' OR service = {service:String}
ORDER BY bytes_on_disk DESC, table, service, cluster
LIMIT {limit:UInt32}
