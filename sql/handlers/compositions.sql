-- name: compositions
-- summary: Every Krateo composition seen in the window, those with most warnings first.
-- description: A composition is seen by the events of its objects and by log records that carry its id. One that was
--     quiet in the window is not here.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, events
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
--   help: Only what is in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 1000
--   example: 20
--   help: The most compositions to answer with.
--
-- column composition: String
--   help: Id of the composition, which is the uid of its object.
-- column namespaces: Array(String)
--   help: Namespaces of its objects and logs, at most 100 of each.
-- column kinds: Array(String)
--   help: Kinds of the objects that events were about, at most 100.
-- column objects: UInt64
--   help: Number of objects that events were about.
-- column events: UInt64
--   help: Number of Kubernetes events, each counted once.
-- column warnings: UInt64
--   help: Those of type Warning.
-- column logs: UInt64
--   help: Log records, those that bring events included.
-- column last_seen: String
--   help: Time of its newest event or log record, RFC 3339 in UTC.
-- column reason: String
--   help: Reason of its newest event, or empty.
-- column newest_event: String
--   help: When that last happened, or empty.
-- column message: String
--   help: What that event says.
--   wide: yes
-- column clusters: Array(String)
--   help: Clusters that it was seen in, by name, at most 100 of each.
--   wide: yes
WITH
    ${iso},
    -- An event is one however many collectors sent it and however often; its count says how often it happened.
    events AS (
        SELECT
            -- A composition's own events need no label: its id is the uid of the object.
            max(if(CompositionId != '', CompositionId, if(startsWith(ApiVersion, 'composition.krateo.io/'), Uid, ''))) AS id,
            max(ClusterName) AS its_cluster,
            Namespace,
            Kind,
            Name,
            max(Type) = 'Warning' AS is_warning,
            argMax(Reason, (EventTime, Count)) AS its_reason,
            argMax(Message, (EventTime, Count)) AS its_message,
            toDateTime64(max(EventTime), 9, 'UTC') AS last
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND if(CompositionId != '', CompositionId, if(startsWith(ApiVersion, 'composition.krateo.io/'), Uid, '')) != ''
        GROUP BY
            Namespace,
            Kind,
            Name,
            ${event_identity}
    ),
    told AS (
        SELECT
            id,
            groupUniqArrayIf(100)(its_cluster, its_cluster != '') AS its_clusters,
            groupUniqArrayIf(100)(Namespace, Namespace != '') AS its_namespaces,
            groupUniqArray(100)(Kind) AS its_kinds,
            uniqExact(its_cluster, Namespace, Kind, Name) AS its_objects,
            count() AS its_events,
            countIf(is_warning) AS its_warnings,
            argMax(its_reason, last) AS newest_reason,
            argMax(its_message, last) AS newest_message,
            max(last) AS newest
        FROM events
        GROUP BY id
    ),
    logged AS (
        SELECT
            toString(CompositionId) AS id,
            groupUniqArrayIf(100)(toString(ClusterName), ClusterName != '') AS its_clusters,
            groupUniqArrayIf(100)(
                ResourceAttributes['k8s.namespace.name'],
                ResourceAttributes['k8s.namespace.name'] != ''
            ) AS its_namespaces,
            count() AS its_logs,
            toDateTime64(max(Timestamp), 9, 'UTC') AS newest
        FROM otel_logs
        WHERE ${logs_window}
            AND CompositionId != ''
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY id
    )
SELECT
    id AS composition,
    arraySort(arrayDistinct(arrayConcat(told.its_namespaces, logged.its_namespaces))) AS namespaces,
    arraySort(told.its_kinds) AS kinds,
    told.its_objects AS objects,
    told.its_events AS events,
    told.its_warnings AS warnings,
    logged.its_logs AS logs,
    iso(greatest(told.newest, logged.newest)) AS last_seen,
    told.newest_reason AS reason,
    if(told.its_events = 0, '', iso(told.newest)) AS newest_event,
    told.newest_message AS message,
    arraySort(arrayDistinct(arrayConcat(told.its_clusters, logged.its_clusters))) AS clusters
FROM told
FULL JOIN logged USING (id)
ORDER BY warnings DESC, greatest(told.newest, logged.newest) DESC, composition
LIMIT {limit:UInt32}
