-- name: pod_health
-- summary: Whether a pod is well: a row for each check, with its state and the evidence.
-- description: States are bad, ok and unknown, and come in the order bad, unknown, ok. A check for which nothing was
--     received is unknown and never ok; the pod is well only if all are ok. phase, ready and telemetry are unknown too
--     where nothing was measured in the last five minutes of the window, and phase and ready where that holds for one
--     of several pods. A pod of the same name in another cluster is another pod: every check is unknown where nothing
--     was received for it of one of the clusters that told of the pod, and then the evidence names clusters. phase, ready,
--     restarts and memory read the metrics of the Kubernetes receivers, the others events and logs. A pod that runs quietly has no events: then the
--     checks of events are unknown, and the metrics tell.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, metrics, events
-- limit rows: 20
-- limit seconds: 30
--
-- param namespace: String
--   bounds: 1 .. 253
--   example: payments
--   help: Namespace of the pod.
-- param pod: String
--   bounds: 1 .. 253
--   example: payment-7d9f8c6b5-x2k4q
--   help: The pod's exact name. One that ends in * stands for every pod whose name begins so.
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param memory_share: Float64
--   default: 0.9
--   bounds: 0 .. 10
--   example: 0.8
--   help: The check memory is bad if a container used this part of its limit or more.
-- param errors_allowed: UInt64
--   default: 0
--   bounds: 0 .. 1000000000
--   example: 100
--   help: The check error_logs is bad if there were more error logs than this.
-- param limit: UInt32
--   default: 20
--   bounds: 1 .. 20
--   example: 20
--   help: The most checks to answer with.
--
-- column check: String
--   help: phase, ready, restarts, memory, memory_kills, warning_events, error_logs or telemetry.
-- column state: String
--   help: bad, unknown or ok.
-- column evidence: String
--   help: What was found, in a sentence.
-- column looked_at: UInt64
--   help: Events, log records, or series of metrics that were looked at; 0 makes a check unknown.
-- column last_seen: String
--   help: When what makes it bad last happened (events, logs), or was last measured (metrics), RFC 3339 in UTC; empty
--     for never.
-- column pods: Array(String)
--   help: Pods that were looked at, the same in every row and at most 100; each after its cluster and a slash, where there
--     are several clusters.
--   wide: yes
-- column pods_total: UInt64
--   help: How many they are.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names,
    (t -> if(toUnixTimestamp64Nano(t) = 0, '', iso(t))) AS iso_or_empty,
    toDateTime64(0, 9, 'UTC') AS never,
    {until:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE AS present_since,
    (pods -> if(empty(pods), '', concat('; nothing in the last 5 minutes of ', arrayStringConcat(pods, ', ')))) AS but_of,
    -- An event is one however many collectors sent it and however often; its count says how often it happened.
    events AS (
        SELECT
            argMax(Reason, (EventTime, Count)) AS its_reason,
            max(Type) = 'Warning' AS is_warning,
            max((
                Reason IN ('OOMKilled', 'OOMKilling', 'SystemOOM', 'NodeHasInsufficientMemory')
                OR positionCaseInsensitive(Message, 'OOMKilled') > 0
                OR (Reason IN ('Evicted', 'EvictionThresholdMet') AND positionCaseInsensitive(Message, 'memory') > 0)
            )) AS is_memory,
            toUInt64(if(min(FirstTime) >= {since:DateTime64(9, 'UTC')}, max(Count), max(Count) - min(Count) + 1)) AS happened,
            toDateTime64(max(EventTime), 9, 'UTC') AS last,
            (toString(max(ClusterName)), toString(Name)) AS place
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND ${events_told_once}
            AND Namespace = {namespace:String}
            AND Kind = 'Pod'
            AND ({pod:String} LIKE '%*' OR Name = {pod:String})
            AND ({pod:String} NOT LIKE '%*' OR startsWith(Name, left({pod:String}, -1)))
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY
            Name,
            ${event_identity}
    ),
    told AS (
        SELECT
            count() AS events_seen,
            sumIf(happened, is_warning) AS warnings,
            arrayStringConcat(arraySort(groupUniqArrayIf(20)(toString(its_reason), is_warning)), ', ') AS reasons,
            maxIf(last, is_warning) AS last_warning,
            sumIf(happened, is_memory) AS kills,
            maxIf(last, is_memory) AS last_kill,
            max(last) AS newest_event,
            groupUniqArray(1000)(place) AS event_places,
            groupUniqArrayIf(100)(place.1, is_warning) AS warned,
            groupUniqArrayIf(100)(place.1, is_memory) AS killed,
            groupUniqArrayIf(100)(place.1, last >= present_since) AS telling_events
        FROM events
    ),
    logged AS (
        SELECT
            count() AS logs_seen,
            countIf(level >= 17) AS failures,
            countIf(level = 0) AS unclear,
            maxIf(time, level >= 17) AS last_failure,
            max(time) AS newest_log,
            groupUniqArray(1000)(place) AS log_places,
            groupUniqArrayIf(100)(place.1, level > 0) AS clear,
            groupUniqArrayIf(100)(place.1, level >= 17) AS failing,
            groupUniqArrayIf(100)(place.1, time >= present_since) AS telling_logs
        FROM (
            SELECT
                toDateTime64(Timestamp, 9, 'UTC') AS time,
                level_of(SeverityNumber, SeverityText, Body) AS level,
                (toString(ClusterName), toString(`__otel_materialized_k8s.pod.name`)) AS place
            FROM otel_logs
            WHERE ${logs_window}
                AND ${logs_of_namespace}
                AND ${logs_of_pod}
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                -- Kubernetes events arrive as log records too.
                AND NOT mapContains(LogAttributes, 'k8s.event.reason')
                AND NOT multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
        )
    ),
    series AS (
        SELECT
            toString(MetricName) AS metric,
            toString(ClusterName) AS its_cluster,
            ResourceAttributes['k8s.pod.name'] AS its_pod,
            ResourceAttributes['k8s.container.name'] AS its_container,
            arraySort(groupArray((TimeUnix, Value))) AS points,
            points[-1].2 AS newest_value,
            arrayMax(points.2) AS highest,
            -- A counter of restarts only falls when it begins again.
            arraySum(arrayMap(step -> greatest(step, 0), arrayDifference(points.2))) AS rise,
            toDateTime64(points[-1].1, 9, 'UTC') AS last,
            -- What was measured of a pod that is gone says nothing of now, and nothing of the one that took its place.
            last >= present_since AS is_present
        FROM otel_metrics_gauge
        WHERE MetricName IN (
            'k8s.pod.phase',
            'k8s.container.ready',
            'k8s.container.restarts',
            'container.memory.working_set',
            'k8s.container.memory_limit',
            'k8s.container.memory_limit_utilization'
        )
            AND TimeUnix >= {since:DateTime64(9, 'UTC')}
            AND TimeUnix < {until:DateTime64(9, 'UTC')}
            -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
            AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR
            AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
            AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
            AND ResourceAttributes['k8s.namespace.name'] = {namespace:String}
            AND ({pod:String} LIKE '%*' OR ResourceAttributes['k8s.pod.name'] = {pod:String})
            AND ({pod:String} NOT LIKE '%*' OR startsWith(ResourceAttributes['k8s.pod.name'], left({pod:String}, -1)))
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
        GROUP BY metric, its_cluster, its_pod, its_container, ResourceAttributes['k8s.pod.uid']
    ),
    -- The metric k8s.pod.phase names no container, so pods are here too, with an empty name.
    containers AS (
        SELECT
            its_cluster,
            its_pod,
            its_container,
            countIf(metric = 'k8s.pod.phase') > 0 AND empty(its_phases) AS has_old_phase,
            countIf(metric = 'k8s.container.ready') > 0 AND empty(its_readies) AS has_old_ready,
            groupArrayIf(newest_value, metric = 'k8s.pod.phase' AND is_present) AS its_phases,
            groupArrayIf(newest_value, metric = 'k8s.container.ready' AND is_present) AS its_readies,
            countIf(metric = 'k8s.container.restarts') AS its_counters,
            sumIf(rise, metric = 'k8s.container.restarts') AS its_restarts,
            maxIf(length(points), metric = 'k8s.container.restarts') AS its_points,
            countIf(metric IN ('container.memory.working_set', 'k8s.container.memory_limit_utilization')) > 0 AS has_memory,
            coalesce(
                maxIf(highest, metric = 'container.memory.working_set')
                    / nullIf(maxIf(newest_value, metric = 'k8s.container.memory_limit'), 0),
                nullIf(maxIf(highest, metric = 'k8s.container.memory_limit_utilization'), 0)
            ) AS share,
            maxIf(last, metric = 'k8s.pod.phase') AS its_phase_last,
            maxIf(last, metric = 'k8s.container.ready') AS its_ready_last,
            maxIf(last, metric = 'k8s.container.restarts') AS its_restarts_last,
            maxIf(last, metric IN ('container.memory.working_set', 'k8s.container.memory_limit_utilization')) AS its_memory_last,
            max(last) AS its_last,
            count() AS its_series
        FROM series
        GROUP BY its_cluster, its_pod, its_container
    ),
    measured AS (
        SELECT
            groupUniqArrayArray(its_phases) AS phase_values,
            arrayMap(
                v -> transform(v, [1, 2, 3, 4], ['Pending', 'Running', 'Succeeded', 'Failed'], 'Unknown'),
                arraySort(phase_values)
            ) AS told_phases,
            sum(length(its_phases)) AS phases,
            arraySort(groupUniqArrayIf(20)(its_pod, has_old_phase)) AS silent_phases,
            arraySort(groupUniqArrayIf(20)(its_pod, has_old_ready)) AS silent_readies,
            countIf(hasAny(its_phases, [1, 4])) AS bad_phases,
            countIf(arrayExists(v -> v NOT IN (1, 2, 3, 4), its_phases)) AS unknown_phases,
            sum(length(its_readies)) AS readies,
            countIf(has(its_readies, 0)) AS unready_n,
            arraySort(groupUniqArrayIf(20)(its_container, has(its_readies, 0))) AS unready,
            sum(its_counters) AS counters,
            sum(its_restarts) AS restarts,
            max(its_points) AS most_points,
            countIf(has_memory) AS containers,
            countIf(has_memory AND isNotNull(share)) AS limited,
            maxIf(share, has_memory) AS fullest,
            argMaxIf(its_container, ifNull(share, 0), has_memory AND isNotNull(share)) AS which,
            max(its_phase_last) AS phase_last,
            max(its_ready_last) AS ready_last,
            max(its_restarts_last) AS restarts_last,
            max(its_memory_last) AS memory_last,
            max(its_last) AS newest_point,
            sum(its_series) AS series_seen,
            groupUniqArray(1000)((its_cluster, its_pod)) AS metric_places,
            groupUniqArrayIf(100)(its_cluster, notEmpty(its_phases)) AS with_phase,
            groupUniqArrayIf(100)(its_cluster, hasAny(its_phases, [1, 4])) AS with_bad_phase,
            groupUniqArrayIf(100)(its_cluster, notEmpty(its_readies)) AS with_ready,
            groupUniqArrayIf(100)(its_cluster, has(its_readies, 0)) AS with_unready,
            groupUniqArrayIf(100)(its_cluster, its_points >= 2) AS with_restarts,
            groupUniqArrayIf(100)(its_cluster, its_restarts > 0) AS with_rise,
            groupUniqArrayIf(100)(its_cluster, has_memory AND isNotNull(share)) AS with_share,
            groupUniqArrayIf(100)(its_cluster, has_memory AND ifNull(share, 0) >= {memory_share:Float64}) AS with_full,
            groupUniqArrayIf(100)(its_cluster, its_last >= present_since) AS measured_lately
        FROM containers
    ),
    checked AS (
        SELECT
        arraySort(arrayDistinct(arrayConcat(event_places, log_places, metric_places))) AS places,
        arrayFilter(name -> name != '', arrayDistinct(places.1)) AS clusters,
        -- (check, state, evidence, looked at, last, clusters of which it knows something, clusters where it is bad)
        [
            (
                'phase',
                multiIf(bad_phases > 0, 'bad', phases = 0 OR unknown_phases > 0 OR notEmpty(silent_phases), 'unknown', 'ok'),
                concat(
                    if(phases = 0, 'metric k8s.pod.phase was not received', arrayStringConcat(told_phases, ', ')),
                    but_of(silent_phases)
                ),
                phases, phase_last, with_phase, with_bad_phase
            ),
            (
                'ready',
                multiIf(unready_n > 0, 'bad', readies = 0 OR notEmpty(silent_readies), 'unknown', 'ok'),
                concat(
                    multiIf(
                        readies = 0, 'metric k8s.container.ready was not received',
                        unready_n > 0, concat('containers that are not ready: ', arrayStringConcat(unready, ', ')),
                        notEmpty(silent_readies), 'all containers of the others are ready',
                        'all containers are ready'
                    ),
                    but_of(silent_readies)
                ),
                readies, ready_last, with_ready, with_unready
            ),
            (
                'restarts',
                multiIf(restarts > 0, 'bad', most_points < 2, 'unknown', 'ok'),
                multiIf(
                    counters = 0, 'metric k8s.container.restarts was not received',
                    most_points < 2, 'metric k8s.container.restarts was received once, which tells no change',
                    concat(toString(restarts), ' restarts in the window')
                ),
                counters, restarts_last, with_restarts, with_rise
            ),
            (
                'memory',
                multiIf(
                    limited = 0, 'unknown',
                    ifNull(fullest, 0) >= {memory_share:Float64}, 'bad',
                    limited < containers, 'unknown',
                    'ok'
                ),
                multiIf(
                    containers = 0, 'metric container.memory.working_set was not received',
                    limited = 0, 'no memory limit is known',
                    format(
                        '{} of its limit at most, in container {}; no limit known of {} containers',
                        toString(round(ifNull(fullest, 0), 3)), which, toString(containers - limited)
                    )
                ),
                containers, memory_last, with_share, with_full
            ),
            (
                'memory_kills',
                multiIf(kills > 0, 'bad', events_seen = 0, 'unknown', 'ok'),
                if(
                    events_seen = 0, 'no event about the pod was received',
                    concat(toString(kills), ' events of kills or evictions for memory')
                ),
                events_seen, last_kill, event_places.1, killed
            ),
            (
                'warning_events',
                multiIf(warnings > 0, 'bad', events_seen = 0, 'unknown', 'ok'),
                multiIf(
                    events_seen = 0, 'no event about the pod was received',
                    warnings = 0, 'no warning among its events',
                    format('{} warnings: {}', toString(warnings), reasons)
                ),
                events_seen, last_warning, event_places.1, warned
            ),
            (
                'error_logs',
                multiIf(failures > {errors_allowed:UInt64}, 'bad', logs_seen = unclear, 'unknown', 'ok'),
                if(
                    logs_seen = 0, 'no log record of the pod was received',
                    format(
                        '{} of {} log records are errors; severity unknown of {}',
                        toString(failures), toString(logs_seen), toString(unclear)
                    )
                ),
                logs_seen, last_failure, clear, failing
            ),
            (
                'telemetry',
                -- What others tell of a pod, and its last words, are no life where it was measured before.
                if(
                    if(newest_point = never, greatest(newest_event, newest_log), newest_point) < present_since,
                    'unknown', 'ok'
                ),
                if(
                    greatest(newest_event, newest_log, newest_point) = never,
                    'nothing about the pod was received in the window: it may be gone, named otherwise, or not watched',
                    concat(
                        format(
                            '{} events, {} log records and {} series of metrics',
                            toString(events_seen), toString(logs_seen), toString(series_seen)
                        ),
                        multiIf(
                            newest_point != never AND newest_point < present_since,
                            '; nothing was measured in the last 5 minutes of the window',
                            greatest(newest_event, newest_log, newest_point) < present_since,
                            '; nothing came in the last 5 minutes of the window',
                            ''
                        )
                    )
                ),
                events_seen + logs_seen + series_seen, greatest(newest_event, newest_log, newest_point),
                arrayConcat(
                    measured_lately,
                    arrayFilter(name -> NOT has(metric_places.1, name), arrayConcat(telling_events, telling_logs))
                ),
                []
            )
        ] AS checks
        FROM told
        CROSS JOIN logged
        CROSS JOIN measured
    )
SELECT
    line.1 AS check,
    if(line.2 = 'ok' AND notEmpty(unknown_in), 'unknown', line.2) AS state,
    concat(
        line.3,
        if(state = 'bad' AND several AND notEmpty(line.7), concat('; bad in ', arrayStringConcat(arraySort(line.7), ', ')), ''),
        if(empty(unknown_in), '', concat('; nothing is known of ', arrayStringConcat(unknown_in, ', ')))
    ) AS evidence,
    toUInt64(line.4) AS looked_at,
    iso_or_empty(line.5) AS last_seen,
    arraySlice(named, 1, 100) AS pods,
    length(named) AS pods_total
FROM (
    SELECT
        checks.1 AS names,
        arrayJoin(checks) AS line,
        arrayDistinct(arrayMap(place -> if(several, concat(place.1, '/', place.2), place.2), places)) AS named,
        -- What names no cluster is of the one that there is.
        length(clusters) > 1 AS several,
        if(several, arrayFilter(name -> NOT has(line.6, name), clusters), []) AS unknown_in
    FROM checked
)
ORDER BY indexOf(['bad', 'unknown', 'ok'], state), indexOf(names, check)
LIMIT {limit:UInt32}
