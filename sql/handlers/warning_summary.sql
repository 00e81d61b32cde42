-- name: warning_summary
-- summary: Warning events by the object that they are about and their reason, counted.
-- description: The first row counts all warnings, all objects that have some, and in `events` everything that was
--     looked at, warnings or not; a row for each object and reason follows, most frequent first. No row at all means
--     that nothing was looked at, which is no health. An event counts once however many collectors sent it. Killing and
--     other events of type Normal are no warnings.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: events
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
--   help: Only events about objects in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what belongs to this Krateo composition, by its id.
-- param kind: String
--   default:
--   example: Pod
--   help: Only events about objects of this kind, as Kubernetes writes it.
-- param first: String
--   default: frequent
--   choices: frequent, each_reason
--   example: each_reason
--   help: The order after the first row. frequent: most frequent first. each_reason: the most frequent of each reason
--     before the second of any, so that a limit does not cut off a reason that came once.
-- param limit: UInt32
--   default: 30
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column about: String
--   help: all for the first row, object for the others.
-- column namespace: String
--   help: Namespace of the object; empty for a cluster-wide one.
-- column kind: String
--   help: Kind of the object.
-- column name: String
--   help: Name of the object.
-- column reason: String
--   help: Reason of the warnings.
-- column count: UInt64
--   help: How often they happened in the window, as far as it was told: at least so often.
-- column objects: UInt64
--   help: Number of objects with warnings.
-- column first_seen: String
--   help: When the first of these events first happened, RFC 3339 in UTC; may be before the window. Empty without
--     warnings.
-- column last_seen: String
--   help: When the last of them happened; empty without warnings.
-- column message: String
--   help: What the newest of them says, before those that only repeat that something goes on (Back-off, Error:
--     ImagePullBackOff); empty in the first line.
-- column cluster: String
--   help: Cluster of the object, by name.
--   wide: yes
-- column events: UInt64
--   help: Number of events looked at for this row; in the first row those of type Normal as well.
WITH
    ${iso},
    -- An event is one however many collectors sent it and however often; its count says how often it happened.
    events AS (
        SELECT
            max(ClusterName) AS cluster_told,
            argMax(Reason, (EventTime, Count)) AS reason_told,
            argMax(Message, (EventTime, Count)) AS message_told,
            max(Type) = 'Warning' AS is_warning,
            -- Of an event that is older than the window, what it grew by, and the one time that brought it here.
            if(min(FirstTime) >= {since:DateTime64(9, 'UTC')}, max(Count), max(Count) - min(Count) + 1) AS happened,
            min(FirstTime) AS first,
            max(EventTime) AS last,
            (cluster_told, Namespace, Kind, Name) AS object
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${events_of_composition}) -- when: composition
            AND ({kind:String} = '' OR Kind = {kind:String}) -- when: kind
        GROUP BY
            Namespace,
            Kind,
            Name,
            ${event_identity}
    )
SELECT
    if(line = ('', '', '', '', ''), 'all', 'object') AS about,
    line.2 AS namespace,
    line.3 AS kind,
    line.4 AS name,
    line.5 AS reason,
    toUInt64(sumIf(happened, is_warning)) AS count,
    uniqExactIf(object, is_warning) AS objects,
    if(objects = 0, '', iso(minIf(first, is_warning))) AS first_seen,
    if(objects = 0, '', iso(maxIf(last, is_warning))) AS last_seen,
    if(
        about = 'all', '',
        argMaxIf(
            message_told,
            (NOT match(message_told, '^(Back-off |Error: (ImagePullBackOff|ErrImagePull|CrashLoopBackOff)$$)'), last),
            is_warning
        )
    ) AS message,
    line.1 AS cluster,
    count() AS events
FROM events
-- Each event counts towards the row of all, and a Warning towards that of its object and reason too.
ARRAY JOIN arrayConcat(
    [('', '', '', '', '')],
    if(is_warning, [(object.1, object.2, object.3, object.4, reason_told)], [])
) AS line
GROUP BY line
ORDER BY
    about,
    if({first:String} = 'each_reason', row_number() OVER (PARTITION BY line.5 ORDER BY count() DESC, max(last) DESC, line), 0),
    count DESC,
    max(last) DESC,
    line
LIMIT {limit:UInt32}
