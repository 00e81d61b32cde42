-- name: restart_acceleration
-- summary: Pods whose containers restart more often in the second half of the window than in the first.
-- description: bad: more restarts in the later half than in the earlier one, and more than `more_than`. Restarts are
--     counted by the metric k8s.container.restarts; where that was not received in the later half, by signs among the
--     events: back-off, kills for memory, and kills after a failed probe, each as often as it happened. Back-off counts
--     more than once for a restart, so signs are no restarts. A rolling update gives neither. The first row is about
--     all pods: how many, of how many nothing is known, and what was looked at. No row at all means that nothing was
--     looked at, which is no health.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: metrics, events
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
-- param namespace: String
--   default:
--   example: payments
--   help: Only pods in this Kubernetes namespace.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what belongs to this Krateo composition, by its id.
-- param more_than: UInt32
--   default: 2
--   bounds: 0 .. 1000000
--   example: 5
--   help: Only more than this many in the later half are an acceleration.
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column about: String
--   help: all for the first row, pod for the others.
-- column state: String
--   help: bad, ok or unknown; for all: bad if any pod is, unknown if nothing is known of any.
-- column namespace: String
--   help: Namespace of the pod.
-- column pod: String
--   help: Name of the pod.
-- column restarts_earlier: Nullable(UInt64)
--   help: Restarts in the first half of the window; null where the metric was not received.
-- column restarts_later: Nullable(UInt64)
--   help: Restarts in the second half.
-- column signs_earlier: UInt64
--   help: Signs of restarts among the events of the first half.
-- column signs_later: UInt64
--   help: The same of the second half.
-- column reasons: Array(String)
--   help: Reasons of those events, at most 20 of a pod.
-- column last_sign: String
--   help: When the last of them happened, RFC 3339 in UTC; empty for none.
-- column pods: UInt64
--   help: Number of pods in this row.
-- column unknown: UInt64
--   help: Those of them of whose restarts nothing is known.
-- column cluster: String
--   help: Cluster of the pod, by name.
--   wide: yes
-- column looked_at: UInt64
--   help: Events and series of the metric that were looked at.
--   wide: yes
WITH
    ${iso},
    addNanoseconds(
        {since:DateTime64(9, 'UTC')},
        intDiv(dateDiff('nanosecond', {since:DateTime64(9, 'UTC')}, {until:DateTime64(9, 'UTC')}), 2)
    ) AS middle,
    -- Each event once, with the growth of its count in each half.
    told AS (
        SELECT
            toString(max(ClusterName)) AS its_cluster,
            Namespace AS its_namespace,
            Name AS its_pod,
            max((
                Reason IN ('CrashLoopBackOff', 'OOMKilled', 'OOMKilling')
                OR (Reason = 'BackOff' AND position(Message, 'restarting') > 0)
                -- Killing is a Normal event, and nothing but the end of a pod unless a probe is the reason.
                OR (Reason = 'Killing' AND match(Message, 'probe|will be restarted'))
            )) AS is_sign,
            toString(argMax(Reason, (EventTime, Count))) AS its_reason,
            arraySort(groupArray((toDateTime64(EventTime, 9, 'UTC'), Count))) AS changes,
            -- Of an event that is older than the window, the first change that is seen counts once.
            arrayZip(
                changes.1,
                arrayPushFront(
                    arrayPopFront(arrayDifference(changes.2)),
                    if(min(FirstTime) >= {since:DateTime64(9, 'UTC')}, toInt64(changes[1].2), 1)
                )
            ) AS growth,
            toUInt64(arraySum(arrayMap(g -> if(g.1 < middle, greatest(g.2, 0), 0), growth))) AS earlier,
            toUInt64(arraySum(arrayMap(g -> if(g.1 >= middle, greatest(g.2, 0), 0), growth))) AS later,
            changes[-1].1 AS last
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND Kind = 'Pod'
            AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${events_of_composition}) -- when: composition
        GROUP BY
            Namespace,
            Name,
            ${event_identity}
    ),
    measured AS (
        SELECT
            toString(ClusterName) AS its_cluster,
            ResourceAttributes['k8s.namespace.name'] AS its_namespace,
            ResourceAttributes['k8s.pod.name'] AS its_pod,
            arraySort(groupArray((toDateTime64(TimeUnix, 9, 'UTC'), Value))) AS points,
            -- A counter only falls when it begins again.
            arrayZip(points.1, arrayMap(step -> greatest(step, 0), arrayDifference(points.2))) AS growth,
            toUInt64(
                arraySum(arrayMap(g -> if(g.1 >= {since:DateTime64(9, 'UTC')} AND g.1 < middle, g.2, 0), growth))
            ) AS earlier,
            toUInt64(arraySum(arrayMap(g -> if(g.1 >= middle, g.2, 0), growth))) AS later,
            countIf(toDateTime64(TimeUnix, 9, 'UTC') >= middle) AS later_points,
            points[-1].1 AS last
        FROM otel_metrics_gauge
        WHERE MetricName = 'k8s.container.restarts'
            -- One point before the window tells what the first one in it grew by.
            AND TimeUnix >= {since:DateTime64(9, 'UTC')} - INTERVAL 10 MINUTE
            AND TimeUnix < {until:DateTime64(9, 'UTC')}
            -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
            AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 10 MINUTE - INTERVAL 1 HOUR
            AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
            AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
            AND ResourceAttributes['k8s.pod.name'] != ''
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${points_of_composition}) -- when: composition
        GROUP BY its_cluster, its_namespace, its_pod, ResourceAttributes['k8s.pod.uid'], ResourceAttributes['k8s.container.name']
        HAVING last >= {since:DateTime64(9, 'UTC')}
    ),
    pods AS (
        SELECT
            its_cluster, its_namespace, its_pod, 1 AS event_n, is_sign, its_reason, last, 0 AS series_n,
            if(is_sign, earlier, 0) AS signs_a, if(is_sign, later, 0) AS signs_b,
            0 AS restarts_a, 0 AS restarts_b, 0 AS points_b
        FROM told
        UNION ALL
        SELECT its_cluster, its_namespace, its_pod, 0, false, '', last, 1, 0, 0, earlier, later, later_points
        FROM measured
    ),
    judged AS (
        SELECT
            its_cluster,
            its_namespace,
            its_pod,
            sum(series_n) AS series_of_pod,
            sum(event_n) AS events_of_pod,
            sum(signs_a) AS signs_before,
            sum(signs_b) AS signs_after,
            sum(restarts_a) AS restarts_before,
            sum(restarts_b) AS restarts_after,
            arraySort(groupUniqArrayIf(20)(its_reason, is_sign)) AS its_reasons,
            maxIf(last, is_sign) AS last_sign,
            multiIf(
                sum(points_b) > 0,
                    if(restarts_after > restarts_before AND restarts_after > {more_than:UInt32}, 'bad', 'ok'),
                signs_before + signs_after > 0,
                    if(signs_after > signs_before AND signs_after > {more_than:UInt32}, 'bad', 'ok'),
                'unknown'
            ) AS its_state
        FROM pods
        GROUP BY its_cluster, its_namespace, its_pod
    )
SELECT
    if(line.1 = 0, 'all', 'pod') AS about,
    multiIf(countIf(its_state = 'bad') > 0, 'bad', countIf(its_state = 'ok') > 0, 'ok', 'unknown') AS state,
    line.2 AS namespace,
    line.3 AS pod,
    if(sum(series_of_pod) = 0, NULL, sum(restarts_before)) AS restarts_earlier,
    if(sum(series_of_pod) = 0, NULL, sum(restarts_after)) AS restarts_later,
    sum(signs_before) AS signs_earlier,
    sum(signs_after) AS signs_later,
    arraySort(groupUniqArrayArray(its_reasons)) AS reasons,
    if(signs_earlier + signs_later = 0, '', iso(max(last_sign))) AS last_sign,
    count() AS pods,
    countIf(its_state = 'unknown') AS unknown,
    line.4 AS cluster,
    sum(events_of_pod) + sum(series_of_pod) AS looked_at
FROM judged
-- Each pod counts towards the row of all; of those that nothing is known of only that row tells.
ARRAY JOIN arrayConcat(
    [(0, '', '', '')],
    if(its_state != 'unknown', [(1, its_namespace, its_pod, its_cluster)], [])
) AS line
GROUP BY line
ORDER BY about, state = 'bad' DESC, greatest(ifNull(restarts_later, 0), signs_later) DESC,
    greatest(ifNull(restarts_earlier, 0), signs_earlier) DESC, line
LIMIT {limit:UInt32}
