-- name: composition_events
-- summary: Kubernetes events of all objects of one Krateo composition, newest first.
-- description: Each event is there once, as it was last told, however often it changed and however many collectors sent
--     it; `count` says how often it happened. The newest are kept where the limit cuts. Those about the composition
--     itself belong to it too, labelled or not: its id is the uid of that object.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: events
-- limit rows: 1000
-- limit seconds: 20
--
-- param composition: String
--   bounds: 1 .. 253
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: The composition's id.
-- param since: DateTime64(9, 'UTC')
--   default: 1d
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one day before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param namespace: String
--   default:
--   example: payments
--   help: Only events about objects in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param type: String
--   default:
--   choices: , normal, warning
--   example: warning
--   help: Only events of this type.
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most events to answer with.
--
-- column last_seen: String
--   help: When it last happened, RFC 3339 in UTC.
-- column type: String
--   help: Normal or Warning.
-- column reason: String
--   help: What happened, in one word.
-- column namespace: String
--   help: Namespace of the object that it is about; empty for a cluster-wide one.
-- column kind: String
--   help: Kind of that object.
-- column name: String
--   help: Name of that object.
-- column count: UInt32
--   help: How often it has happened since `first_seen`, as the cluster counts.
-- column message: String
--   help: What happened, in a sentence, as last told.
-- column first_seen: String
--   help: When it first happened; this may be before the window.
--   wide: yes
-- column uid: String
--   help: Uid of the object.
--   wide: yes
-- column api_version: String
--   help: API version of the object.
--   wide: yes
-- column field_path: String
--   help: Part of the object, as spec.containers{app}.
--   wide: yes
-- column action: String
--   help: What the reporter did about it.
--   wide: yes
-- column source_component: String
--   help: Who reports it.
--   wide: yes
-- column source_host: String
--   help: Node or instance that reports it.
--   wide: yes
-- column cluster: String
--   help: Cluster of the object, by name.
--   wide: yes
-- column composition: String
--   help: Krateo composition that owns the object.
--   wide: yes
-- column event_uid: String
--   help: Uid of the event itself.
--   wide: yes
-- column event_name: String
--   help: Name of the event itself.
--   wide: yes
-- column position: String
--   help: Where the event stands in the order of this answer.
--   machines: yes
WITH
    ${iso},
    argMax((Type, Reason, Message, FieldPath, Action, SourceComponent, SourceHost), (EventTime, Count, IngestedAt)) AS newest,
    toUnixTimestamp64Nano(max(EventTime)) AS at,
    cityHash64(Namespace, Kind, Name, ${event_identity}) AS key
SELECT
    iso(max(EventTime)) AS last_seen,
    newest.1 AS type,
    newest.2 AS reason,
    any(Namespace) AS namespace,
    any(Kind) AS kind,
    any(Name) AS name,
    max(Count) AS count,
    newest.3 AS message,
    iso(min(FirstTime)) AS first_seen,
    max(Uid) AS uid,
    max(ApiVersion) AS api_version,
    newest.4 AS field_path,
    newest.5 AS action,
    newest.6 AS source_component,
    newest.7 AS source_host,
    -- What one of several collectors did not know is empty, and so less than what another did.
    max(ClusterName) AS cluster,
    max(CompositionId) AS composition,
    max(EventUid) AS event_uid,
    max(EventName) AS event_name,
    concat(toString(at), '-', toString(key)) AS position
FROM otel_k8s_events
WHERE EventTime >= {since:DateTime64(9, 'UTC')}
    AND EventTime < {until:DateTime64(9, 'UTC')}
    AND ${events_told_once}
    AND ${events_of_composition}
    AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
    AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
    AND ({type:String} = '' OR lower(Type) = {type:String}) -- when: type
-- An event is one however many collectors sent it and however often; its count says how often it happened.
GROUP BY
    Namespace,
    Kind,
    Name,
    ${event_identity}
HAVING at < {page_at:Int64} OR (at = {page_at:Int64} AND key >= {page_key:UInt64})
ORDER BY at DESC, key
LIMIT {limit:UInt32} OFFSET {page_skip:UInt64}
