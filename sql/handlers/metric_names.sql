-- name: metric_names
-- summary: The metrics that came in the window: name, kind, unit, and who sends them.
-- description: By name. A name that is sent as two kinds has two rows, which is a mistake of a sender. The question
--     metric_series shows the values.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: metrics
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
--   help: Only data points of this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only data points from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only data points from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only data points of this Krateo composition, by its id.
-- param text: String
--   default:
--   example: http.server
--   help: Only metrics whose name holds this text, in any case.
-- param kind: String
--   default:
--   choices: , gauge, sum, histogram, exponential_histogram, summary
--   example: histogram
--   help: Only metrics of this kind.
-- param limit: UInt32
--   default: 500
--   bounds: 1 .. 10000
--   example: 20
--   help: The most metrics to answer with.
--
-- column metric: String
--   help: Name of the metric.
-- column kind: String
--   help: gauge, sum, histogram, exponential_histogram or summary.
-- column unit: String
--   help: Unit of its newest data point, in UCUM.
-- column services: UInt64
--   help: Number of services that send it.
-- column points: UInt64
--   help: Number of data points.
-- column newest: String
--   help: Time of the newest data point in the window, RFC 3339 in UTC.
-- column description: String
--   help: What it measures, as the newest data point says.
-- column service_names: Array(String)
--   help: The first 20 of the services, by name.
--   wide: yes
WITH
    -- The five tables as one; what is asked of it is asked of each.
    points AS (
        SELECT 'gauge' AS kind, ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix,
            MetricName, MetricUnit, MetricDescription
        FROM otel_metrics_gauge
        UNION ALL
        SELECT 'sum', ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix,
            MetricName, MetricUnit, MetricDescription
        FROM otel_metrics_sum
        UNION ALL
        SELECT 'histogram', ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix,
            MetricName, MetricUnit, MetricDescription
        FROM otel_metrics_histogram
        UNION ALL
        SELECT 'exponential_histogram', ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix,
            MetricName, MetricUnit, MetricDescription
        FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT 'summary', ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix,
            MetricName, MetricUnit, MetricDescription
        FROM otel_metrics_summary
    )
SELECT
    MetricName AS metric,
    points.kind AS kind,
    argMax(MetricUnit, (TimeUnix, MetricUnit)) AS unit,
    uniqExact(ServiceName) AS services,
    count() AS points,
    concat(replaceOne(toString(toDateTime64(max(TimeUnix), 9, 'UTC'), 'UTC'), ' ', 'T'), 'Z') AS newest,
    argMax(MetricDescription, (TimeUnix, MetricDescription)) AS description,
    arraySlice(arraySort(groupUniqArray(10000)(ServiceName)), 1, 20) AS service_names
FROM points
WHERE ${points_window}
    AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
    AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
    AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
    AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
    AND ({kind:String} = '' OR points.kind = {kind:String}) -- when: kind
    AND ({text:String} = '' OR positionCaseInsensitive(MetricName, {text:String}) > 0) -- when: text
GROUP BY metric, kind
ORDER BY metric, kind
LIMIT {limit:UInt32}
