-- name: attribute_values
-- summary: The values of one attribute, most frequent first.
-- description: Wherever it stands: on log records, spans and data points, and on what sent them. The question
--     attribute_keys says which attributes there are.
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
-- param attribute: String
--   bounds: 1 .. 1024
--   example: http.route
--   help: The attribute's exact name.
-- param signal: String
--   default:
--   choices: , logs, traces, metrics
--   example: logs
--   help: Only this signal; a single one is answered sooner.
-- param text: String
--   default:
--   example: /api/
--   help: Only values that hold this text, in any case.
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
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most values to answer with.
--
-- column value: String
--   help: The value; JSON text if it was an array or a map.
-- column signal: String
--   help: logs, traces or metrics.
-- column place: String
--   help: item, for an attribute of the record, span or data point itself; resource, for one of what sent it.
-- column items: UInt64
--   help: Records, spans or data points that have it.
-- column services: UInt64
--   help: Number of services that send it.
-- column last_seen: String
--   help: Time of the newest of them in the window, RFC 3339 in UTC.
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
    -- The places where the attribute stands, each with its value: each table is read once for both. The indexes of both
    -- leave granules out, but for ClickHouse before 25.12 and where with all filters and a reader's scope there are more
    -- than 32 conditions; then the window is read, as it is anyhow for an attribute that most records have.
    ((resource, own) -> arrayFilter(
        (one, there) -> there,
        [('resource', resource[{attribute:String}]), ('item', own[{attribute:String}])],
        [mapContains(resource, {attribute:String}), mapContains(own, {attribute:String})]
    )) AS found,
    items AS (
        SELECT
            'logs' AS signal, ServiceName AS service, Timestamp AS time,
            arrayJoin(found(ResourceAttributes, LogAttributes)) AS places
        FROM otel_logs
        WHERE ${logs_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
            AND {signal:String} IN ('', 'logs')
            AND (mapContains(ResourceAttributes, {attribute:String}) OR mapContains(LogAttributes, {attribute:String}))
        UNION ALL
        SELECT
            'traces' AS signal, ServiceName AS service, Timestamp AS time,
            arrayJoin(found(ResourceAttributes, SpanAttributes)) AS places
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
            AND {signal:String} IN ('', 'traces')
            AND (mapContains(ResourceAttributes, {attribute:String}) OR mapContains(SpanAttributes, {attribute:String}))
        UNION ALL
        SELECT
            'metrics' AS signal, ServiceName AS service, toDateTime64(TimeUnix, 9) AS time,
            arrayJoin(found(ResourceAttributes, Attributes)) AS places
        FROM points
        WHERE ${points_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
            AND {signal:String} IN ('', 'metrics')
            AND (mapContains(ResourceAttributes, {attribute:String}) OR mapContains(Attributes, {attribute:String}))
    )
SELECT
    places.2 AS value,
    signal,
    places.1 AS place,
    count() AS items,
    uniqExact(service) AS services,
    concat(replaceOne(toString(max(time), 'UTC'), ' ', 'T'), 'Z') AS last_seen
FROM items
WHERE {text:String} = '' OR positionCaseInsensitive(value, {text:String}) > 0
GROUP BY value, signal, place
ORDER BY items DESC, value, signal, place
LIMIT {limit:UInt32}
