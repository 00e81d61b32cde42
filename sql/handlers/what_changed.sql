-- name: what_changed
-- summary: What is different in a window from an earlier one of the same length: images, rollouts, warnings, error logs.
-- description: First rows say how much was looked at in each window (looked_at): where a window has nothing, their
--     state is unknown, and what seems new may only be newly told. No row at all means that nothing was looked at.
--     image: an image that no event named in the earlier window or the seven days before it. rollout: what Deployments,
--     Helm releases and Krateo resources did in the later window. new_warning, more_warnings (twice as many or more),
--     gone_warning: Warning events by kind and reason. new_errors, more_errors (half as many again and more than five):
--     error logs by service; a severity that the collector does not give is read from the text.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, events
-- limit rows: 1000
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
-- param back: UInt32
--   default: 0
--   bounds: 0 .. 31536000
--   example: 86400
--   help: How many seconds before the window the earlier one lies, from start to start; 86400 for the same time
--     yesterday. 0, or less than the window is long: directly before it.
-- param namespace: String
--   default:
--   example: payments
--   help: Only what is in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what belongs to this Krateo composition, by its id.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column change: String
--   help: looked_at, image, rollout, new_warning, more_warnings, new_errors, more_errors or gone_warning.
-- column state: String
--   help: changed; for looked_at known or unknown.
-- column namespace: String
--   help: Namespace, or empty.
-- column kind: String
--   help: Kind of the objects; Service for error logs.
-- column name: String
--   help: What changed: the image, the object of a rollout, the reason of warnings, the service with errors; events or
--     logs for looked_at.
-- column earlier: UInt64
--   help: How often in the earlier window.
-- column later: UInt64
--   help: How often in the later window.
-- column evidence: String
--   help: What the newest of them says.
-- column first_seen: String
--   help: When it was first told in the two windows, for an image in the later one, RFC 3339 in UTC; empty for
--     looked_at.
-- column last_seen: String
--   help: When it was last told.
-- column cluster: String
--   help: Cluster, by name.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names,
    -- How far back the earlier window lies, in nanoseconds: never so little that the two overlap.
    greatest(
        toInt64({back:UInt32}) * 1000000000,
        toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) - toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')})
    ) AS back,
    {since:DateTime64(9, 'UTC')} - toIntervalNanosecond(back) AS earlier_since,
    {until:DateTime64(9, 'UTC')} - toIntervalNanosecond(back) AS earlier_until,
    -- Each change of an event; the same change from two collectors is two rows here, and one event below.
    changes AS (
        SELECT
            *,
            ${event_identity} AS event,
            toDateTime64(EventTime, 9, 'UTC') AS time,
            time >= {since:DateTime64(9, 'UTC')} AS is_later,
            -- As kubelet writes it: Pulling image "x", Container image "x" already present on machine
            if(Reason IN ('Pulling', 'Pulled'), extract(Message, '[Ii]mage "([^"]+)"'), '') AS image
        FROM otel_k8s_events
        WHERE EventTime < {until:DateTime64(9, 'UTC')}
            -- Of images a week is known before the earlier window, since pods that run quietly pull none.
            AND EventTime >= earlier_since - INTERVAL 7 DAY
            AND (EventTime >= {since:DateTime64(9, 'UTC')} OR EventTime < earlier_until)
            AND (EventTime >= earlier_since OR Reason IN ('Pulling', 'Pulled'))
            AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${events_of_composition}) -- when: composition
            -- As events_told_once has it, of both windows.
            AND (
                ClusterUid != ''
                OR (EventId, ClusterName) NOT IN (
                    SELECT EventId, arrayJoin(if(ClusterUid = '', [''], ['', toString(ClusterName)]))
                    FROM otel_k8s_events
                    WHERE EventTime >= earlier_since - INTERVAL 7 DAY
                        AND EventTime < {until:DateTime64(9, 'UTC')}
                        AND (ClusterUid != '' OR ClusterName != '')
                        AND EventId IN (SELECT EventId FROM otel_k8s_events WHERE ClusterUid = '')
                )
            )
    ),
    -- An event is one in each window however many collectors sent it and however often.
    events AS (
        SELECT
            toString(max(ClusterName)) AS its_cluster,
            toString(Namespace) AS its_namespace,
            toString(Kind) AS its_kind,
            Name AS its_name,
            is_later,
            max(Type) = 'Warning' AS is_warning,
            toString(argMax(Reason, (time, Count))) AS its_reason,
            argMax(Message, (time, Count)) AS its_message,
            argMax(image, (time, Count)) AS its_image,
            -- Of an event that is older than the window, what it grew by, and the one time that brought it here.
            toUInt64(
                if(
                    min(FirstTime) >= if(is_later, {since:DateTime64(9, 'UTC')}, earlier_since),
                    max(Count),
                    max(Count) - min(Count) + 1
                )
            ) AS happened,
            min(time) AS first,
            max(time) AS last
        FROM changes
        GROUP BY Namespace, Kind, Name, event, is_later
    ),
    found_in_events AS (
        SELECT
            sumIf(if(line.1 IN ('looked_at', 'image'), 1, happened), NOT is_later) AS before,
            sumIf(if(line.1 IN ('looked_at', 'image'), 1, happened), is_later) AS after,
            if(
                line.1 = 'warning',
                multiIf(before = 0, 'new_warning', after = 0, 'gone_warning', 'more_warnings'),
                line.1
            ) AS what,
            multiIf(what != 'looked_at', 'changed', before = 0 OR after = 0, 'unknown', 'known') AS standing,
            line.2 AS its_cluster,
            line.3 AS its_namespace,
            line.4 AS its_kind,
            line.5 AS subject,
            if(what = 'rollout', minIf(first, is_later), min(first)) AS begun,
            max(last) AS ended,
            -- Of the later window, if it has one.
            argMax((its_name, its_reason, its_message), (is_later, last)) AS newest,
            multiIf(
                standing = 'unknown', 'without events in both windows nothing is known of what changed',
                standing = 'known', 'events that were looked at',
                what = 'image', concat('used by ', newest.1),
                what = 'rollout', concat(newest.2, ': ', newest.3),
                format('{} objects; the newest {}: {}', toString(uniqExact(its_name)), newest.1, newest.3)
            ) AS detail
        FROM events
        -- All that an event may tell of. That it was looked at counts whatever it says, so that silence is not peace.
        ARRAY JOIN arrayConcat(
            if(last >= earlier_since, [('looked_at', '', '', '', 'events')], []),
            if(its_image != '', [('image', events.its_cluster, events.its_namespace, events.its_kind, its_image)], []),
            if(
                its_reason IN ('ScalingReplicaSet', 'DeploymentRollback')
                    OR match(its_reason, '^(Install|Upgrade|Rollback|Uninstall)|^(Created|Updated|Deleted)ExternalResource$$'),
                [('rollout', events.its_cluster, events.its_namespace, events.its_kind, its_name)],
                []
            ),
            if(
                is_warning AND last >= earlier_since,
                [('warning', events.its_cluster, events.its_namespace, events.its_kind, its_reason)],
                []
            )
        ) AS line
        GROUP BY line
        HAVING multiIf(
            what = 'looked_at', true,
            what = 'image', before = 0,
            what = 'rollout', after > 0,
            before = 0 OR after = 0 OR after >= 2 * before
        )
    ),
    logs AS (
        WITH level_of(SeverityNumber, SeverityText, Body) AS level
        SELECT
            toString(ClusterName) AS its_cluster,
            toString(`__otel_materialized_k8s.namespace.name`) AS its_namespace,
            toString(ServiceName) AS its_name,
            countIf(Timestamp < {since:DateTime64(9, 'UTC')}) AS records_before,
            countIf(Timestamp >= {since:DateTime64(9, 'UTC')}) AS records_after,
            countIf(level >= 17 AND Timestamp < {since:DateTime64(9, 'UTC')}) AS failures_before,
            countIf(level >= 17 AND Timestamp >= {since:DateTime64(9, 'UTC')}) AS failures_after,
            countIf(level = 0) AS unclear,
            toDateTime64(minIf(Timestamp, level >= 17), 9, 'UTC') AS first,
            toDateTime64(maxIf(Timestamp, level >= 17), 9, 'UTC') AS last,
            argMaxIf(Body, Timestamp, level >= 17) AS its_message
        FROM otel_logs
        WHERE Timestamp < {until:DateTime64(9, 'UTC')}
            AND Timestamp >= earlier_since
            AND (Timestamp >= {since:DateTime64(9, 'UTC')} OR Timestamp < earlier_until)
            -- In terms of the key's first column, which ClickHouse does not derive: see recent_logs.sql.
            AND toStartOfFiveMinutes(Timestamp) < {until:DateTime64(9, 'UTC')}
            AND toStartOfFiveMinutes(Timestamp) >= earlier_since - INTERVAL 5 MINUTE
            AND (
                toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
                OR toStartOfFiveMinutes(Timestamp) < earlier_until
            )
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${of_composition}) -- when: composition
            -- Kubernetes events arrive as log records too.
            AND NOT mapContains(LogAttributes, 'k8s.event.reason')
            AND NOT multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
        GROUP BY its_cluster, its_namespace, its_name
    ),
    found_in_logs AS (
        SELECT
            line.1 = 0 AS is_all,
            sum(if(is_all, records_before, failures_before)) AS before,
            sum(if(is_all, records_after, failures_after)) AS after,
            multiIf(is_all, 'looked_at', before = 0, 'new_errors', 'more_errors') AS what,
            multiIf(
                NOT is_all, 'changed',
                before = 0 OR after = 0 OR sum(unclear) = before + after, 'unknown',
                'known'
            ) AS standing,
            line.2 AS its_cluster,
            line.3 AS its_namespace,
            if(is_all, '', 'Service') AS its_kind,
            if(is_all, 'logs', line.4) AS subject,
            min(first) AS begun,
            max(last) AS ended,
            if(
                is_all,
                concat('log records that were looked at; severity unknown of ', toString(sum(unclear))),
                any(its_message)
            ) AS detail
        FROM logs
        -- Each service counts towards the row of all too.
        ARRAY JOIN [(0, '', '', ''), (1, logs.its_cluster, logs.its_namespace, its_name)] AS line
        GROUP BY line
        HAVING is_all OR (after > 0 AND (before = 0 OR (after > 5 AND after > 1.5 * before)))
    )
SELECT
    what AS change,
    standing AS state,
    its_namespace AS namespace,
    its_kind AS kind,
    subject AS name,
    before AS earlier,
    after AS later,
    detail AS evidence,
    if(what = 'looked_at', '', iso(begun)) AS first_seen,
    if(what = 'looked_at', '', iso(ended)) AS last_seen,
    its_cluster AS cluster
FROM (
    SELECT what, standing, its_cluster, its_namespace, its_kind, subject, before, after, detail, begun, ended
    FROM found_in_events
    UNION ALL
    SELECT what, standing, its_cluster, its_namespace, its_kind, subject, before, after, detail, begun, ended
    FROM found_in_logs
)
ORDER BY
    indexOf(
        ['looked_at', 'image', 'rollout', 'new_warning', 'more_warnings', 'new_errors', 'more_errors', 'gone_warning'],
        change
    ),
    change = 'looked_at' ? name : '',
    later DESC, earlier DESC, namespace, kind, name, cluster
LIMIT {limit:UInt32}
