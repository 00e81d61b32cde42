-- name: krateo_events
-- summary: Newest Kubernetes events of a composition, or of all, in the columns that the Krateo portal reads.
-- description: The answer behind `GET /events?composition_id=ID` and `GET /events/ID`, for those who have it in use;
--     composition_events says more. Each event is there once, as it was last told. Those about
--     the composition itself belong to it too.
-- doors: rest, clickhouse, cli, docs
-- signals: events
-- limit rows: 200
-- limit seconds: 20
--
-- param composition_id: String
--   default:
--   bounds: 1 .. 253
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: The composition's id; without it, events of all objects.
-- param since: DateTime64(9, 'UTC')
--   default: 90d
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies 90 days before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 200
--   example: 20
--   help: The most events to answer with.
--
-- column obj_name: String
--   help: Name of the object that it is about.
-- column obj_namespace: String
--   help: Namespace of that object; empty for a cluster-wide one.
-- column obj_uid: String
--   help: Uid of that object.
--   wide: yes
-- column obj_kind: String
--   help: Kind of that object.
-- column reason: String
--   help: What happened, in one word.
-- column message: String
--   help: What happened, in a sentence, as last told.
-- column type: String
--   help: Normal or Warning.
-- column eventTime: String
--   help: When it last happened, RFC 3339 in UTC, in whole seconds.
-- column source_component: String
--   help: Who reports it.
-- column obj_api_version: String
--   help: API version of the object.
--   wide: yes
-- column composition_id: String
--   help: Krateo composition that owns the object.
--   wide: yes
WITH argMax((Type, Reason, Message, SourceComponent), (EventTime, Count, IngestedAt)) AS newest
SELECT
    any(Name) AS obj_name,
    any(Namespace) AS obj_namespace,
    max(Uid) AS obj_uid,
    any(Kind) AS obj_kind,
    newest.2 AS reason,
    newest.3 AS message,
    if(newest.1 = '', 'Normal', newest.1) AS type,
    formatDateTime(max(EventTime), '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS eventTime,
    newest.4 AS source_component,
    max(ApiVersion) AS obj_api_version,
    max(CompositionId) AS composition_id
FROM otel_k8s_events
WHERE EventTime >= {since:DateTime64(9, 'UTC')}
    AND EventTime < {until:DateTime64(9, 'UTC')}
    AND ${events_told_once}
    AND (
        {composition_id:String} = ''
        OR CompositionId = {composition_id:String}
        OR Uid = {composition_id:String}
        -- Of what was found to belong to it later.
        OR (Uid, ClusterUid) IN (
            SELECT Uid, arrayJoin([toString(ClusterUid), ''])
            FROM otel_k8s_objects
            WHERE CompositionId = {composition_id:String}
        )
    )
-- An event is one however many collectors sent it and however often.
GROUP BY
    Namespace,
    Kind,
    Name,
    ${event_identity}
ORDER BY max(EventTime) DESC, obj_namespace, obj_kind, obj_name, reason, max(EventUid)
LIMIT {limit:UInt32}
