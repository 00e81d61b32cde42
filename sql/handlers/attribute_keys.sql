-- name: attribute_keys
-- summary: Which attributes log records, spans and data points have, and how many values each.
-- description: Reads all of the window, which is short by default. Of a metric, attributes of its data points are
--     meant.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces, metrics
-- limit rows: 10000
-- limit seconds: 30
--
-- param since: DateTime64(9, 'UTC')
--   default: 15m
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies 15 minutes before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param signal: String
--   default:
--   choices: , logs, traces, metrics
--   example: logs
--   help: Only this signal; a single one is answered sooner.
-- param text: String
--   default:
--   example: http.
--   help: Only attributes whose name holds this text, in any case.
-- param service: String
--   default:
--   example: checkout
--   help: Only log records, spans and data points of this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only log records, spans and data points from this Kubernetes namespace (resource attribute
--     k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only log records, spans and data points from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only log records, spans and data points of this Krateo composition, by its id.
-- param limit: UInt32
--   default: 500
--   bounds: 1 .. 10000
--   example: 20
--   help: The most rows to answer with.
--
-- column attribute: String
--   help: Name of the attribute.
-- column signal: String
--   help: logs, traces or metrics.
-- column place: String
--   help: item, for an attribute of the record, span or data point itself; resource, for one of what sent it.
-- column items: UInt64
--   help: Records, spans or data points that have it.
-- column distinct_values: UInt64
--   help: Number of different values; above some ten thousand an estimate.
-- column services: UInt64
--   help: Number of services that send it.
-- column example: String
--   help: The first of its values in the order of text.
WITH
    -- The five tables as one; what is asked of it is asked of each.
    points AS (
        SELECT ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix, Attributes
        FROM otel_metrics_gauge
        UNION ALL
        SELECT ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix, Attributes
        FROM otel_metrics_sum
        UNION ALL
        SELECT ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix, Attributes
        FROM otel_metrics_histogram
        UNION ALL
        SELECT ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix, Attributes
        FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT ServiceName, ClusterName, CompositionId, ResourceAttributes, TimeUnix, Attributes
        FROM otel_metrics_summary
    ),
    items AS (
        SELECT 'logs' AS signal, 'resource' AS place, ServiceName AS service, ResourceAttributes AS attributes
        FROM otel_logs
        WHERE ${logs_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
            AND {signal:String} IN ('', 'logs')
        UNION ALL
        SELECT 'logs' AS signal, 'item' AS place, ServiceName AS service, LogAttributes AS attributes
        FROM otel_logs
        WHERE ${logs_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
            AND {signal:String} IN ('', 'logs')
        UNION ALL
        SELECT 'traces' AS signal, 'resource' AS place, ServiceName AS service, ResourceAttributes AS attributes
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
            AND {signal:String} IN ('', 'traces')
        UNION ALL
        SELECT 'traces' AS signal, 'item' AS place, ServiceName AS service, SpanAttributes AS attributes
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
            AND {signal:String} IN ('', 'traces')
        UNION ALL
        SELECT 'metrics' AS signal, 'resource' AS place, ServiceName AS service, ResourceAttributes AS attributes
        FROM points
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
            AND {signal:String} IN ('', 'metrics')
        UNION ALL
        SELECT 'metrics' AS signal, 'item' AS place, ServiceName AS service, Attributes AS attributes
        FROM points
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
            AND {signal:String} IN ('', 'metrics')
    )
SELECT
    pair.1 AS attribute,
    signal,
    place,
    count() AS items,
    uniq(pair.2) AS distinct_values,
    uniq(service) AS services,
    min(pair.2) AS example
FROM items
ARRAY JOIN CAST(attributes, 'Array(Tuple(String, String))') AS pair
WHERE {text:String} = '' OR positionCaseInsensitive(pair.1, {text:String}) > 0
GROUP BY attribute, signal, place
ORDER BY signal, place, items DESC, attribute
LIMIT {limit:UInt32}
