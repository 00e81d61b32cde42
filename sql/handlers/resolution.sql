-- name: resolution
-- summary: A condition before and after something was done about it: how often, and what else was seen of its subject.
-- description: The window before ends at `changed_at`; the one after begins `settle_s` seconds later, so that the last
--     cries of what was replaced do not count. Each aspect has a row: warning_events, error_logs, matching_logs (with
--     `text`), requests that failed and their p95 as failed_requests and p95_ms, and alive, which counts what was
--     received of the subject and is no complaint: logs, spans and events of type Normal, but no event where `service`
--     is given, since events know no services. `looked_at` is what a number rests on: where that is 0 after the change,
--     nothing is known, and 0 is no health. Without `cluster`, a cluster that fell silent hides behind another that goes
--     on: `silent_clusters` names it. An event counts once however many collectors sent it. A verdict is not drawn here.
-- doors: rest, mcp, cli, docs
-- signals: logs, events, traces
-- limit rows: 10
-- limit seconds: 30
--
-- param changed_at: DateTime64(9, 'UTC')
--   example: 15m
--   help: When it was done.
-- param before_s: UInt32
--   default: 3600
--   bounds: 60 .. 604800
--   example: 1800
--   help: Seconds before `changed_at` that are looked at.
-- param settle_s: UInt32
--   default: 60
--   bounds: 0 .. 86400
--   example: 120
--   help: Seconds after `changed_at` that are passed over.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: now
--   help: End of the window after, left out.
-- param namespace: String
--   default:
--   example: payments
--   help: Only what is in this Kubernetes namespace.
-- param pod: String
--   default:
--   example: checkout-*
--   help: Only this pod; a name that ends in * stands for every pod or object whose name begins so. Spans and logs
--     count by the pod that sent them.
-- param service: String
--   default:
--   example: checkout
--   help: Only logs and spans of this service, by its exact name.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster.
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what belongs to this Krateo composition, by its id.
-- param reason: String
--   default:
--   example: OOMKilling
--   help: Only events with this reason count as warnings.
-- param text: String
--   default:
--   bounds: 1 .. 4096
--   example: connection refused
--   help: Only events and error logs that hold this text, in any case of the letters A to Z.
-- param limit: UInt32
--   default: 10
--   bounds: 1 .. 10
--   example: 10
--   help: The most rows to answer with.
--
-- column aspect: String
--   help: warning_events, error_logs, matching_logs, failed_requests, p95_ms or alive.
-- column before: Float64
--   help: Number in the window before; milliseconds for p95_ms.
-- column after: Float64
--   help: The same in the window after.
-- column looked_at_before: UInt64
--   help: Events, log records or requests that `before` rests on.
-- column looked_at_after: UInt64
--   help: Those that `after` rests on.
-- column last_seen: String
--   help: When it was last seen, RFC 3339 in UTC, or empty.
-- column before_seconds: Float64
--   help: Length of the window before.
-- column after_seconds: Float64
--   help: Length of the window after; 0 where it has not begun.
-- column clusters: Array(String)
--   help: Clusters in which it was seen before, at most 100; an empty name is of what names no cluster. Nothing for alive.
--   wide: yes
-- column silent_clusters: Array(String)
--   help: Those of them from which nothing that counts as alive came after. Events that name no cluster are not held
--     against another collector's that do.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    {changed_at:DateTime64(9, 'UTC')} AS changed,
    changed - toIntervalSecond({before_s:UInt32}) AS before_since,
    changed + toIntervalSecond({settle_s:UInt32}) AS after_since,
    {until:DateTime64(9, 'UTC')} AS after_until,
    toDateTime64('1970-01-01 00:00:00', 9, 'UTC') AS never,
    ${like_text},
    -- (warnings before, after, events before, after, last warning, others before, after, clusters of warnings before, of
    -- others after)
    (
        WITH
            warns
                AND ({reason:String} = '' OR reason_told = {reason:String}) -- when: reason
                AND ({text:String} = '' OR lower(message_told) LIKE like_text) AS is_meant
        SELECT (
            sumIf(happened, is_meant AND NOT is_later), sumIf(happened, is_meant AND is_later),
            countIf(NOT is_later), countIf(is_later), maxIf(last, is_meant),
            countIf(NOT warns AND NOT is_later), countIf(NOT warns AND is_later),
            groupUniqArrayIf(100)(cluster, is_meant AND NOT is_later), groupUniqArrayIf(1000)(cluster, NOT warns AND is_later)
        )
        FROM (
            SELECT
                EventTime >= after_since AS is_later,
                max(Type) = 'Warning' AS warns,
                argMax(Reason, (EventTime, Count)) AS reason_told,
                argMax(Message, (EventTime, Count)) AS message_told,
                toString(max(ClusterName)) AS cluster,
                -- Of an event that is older than the window, what it grew by, and the one time that brought it here.
                toUInt64(
                    if(min(FirstTime) >= if(is_later, after_since, before_since), max(Count), max(Count) - min(Count) + 1)
                ) AS happened,
                toDateTime64(max(EventTime), 9, 'UTC') AS last
            FROM otel_k8s_events
            WHERE EventTime >= before_since
                AND EventTime < after_until
                AND (EventTime < changed OR EventTime >= after_since)
                -- As events_told_once has it, of both windows.
                AND (
                    ClusterUid != ''
                    OR (EventId, ClusterName) NOT IN (
                        SELECT EventId, arrayJoin(if(ClusterUid = '', [''], ['', toString(ClusterName)]))
                        FROM otel_k8s_events
                        WHERE EventTime >= before_since
                            AND EventTime < after_until
                            AND (ClusterUid != '' OR ClusterName != '')
                            AND EventId IN (
                                SELECT EventId
                                FROM otel_k8s_events
                                WHERE ClusterUid = '' AND EventTime >= before_since AND EventTime < after_until
                            )
                    )
                )
                AND ({namespace:String} = '' OR Namespace = {namespace:String}) -- when: namespace
                AND ({pod:String} = '' OR {pod:String} LIKE '%*' OR Name = {pod:String}) -- when: pod
                AND ({pod:String} NOT LIKE '%*' OR startsWith(Name, left({pod:String}, -1)))
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${events_of_composition}) -- when: composition
            GROUP BY
                is_later,
                Namespace,
                Kind,
                Name,
                ${event_identity}
        )
    ) AS told,
    -- (error logs before, after, matching before, after, logs before, after, last error, last match, clusters of error logs
    -- before, of matching before, of logs after)
    (
        SELECT (
            countIf(level >= 17 AND matches AND NOT is_later), countIf(level >= 17 AND matches AND is_later),
            countIf(matches AND NOT is_later), countIf(matches AND is_later),
            countIf(NOT is_later), countIf(is_later),
            maxIf(time, level >= 17 AND matches), maxIf(time, matches),
            groupUniqArrayIf(100)(cluster, level >= 17 AND matches AND NOT is_later),
            groupUniqArrayIf(100)(cluster, matches AND NOT is_later),
            groupUniqArrayIf(1000)(cluster, is_later)
        )
        FROM (
            SELECT
                level_of(SeverityNumber, SeverityText, Body) AS level,
                {text:String} = '' OR lower(Body) LIKE like_text AS matches,
                Timestamp >= after_since AS is_later,
                toDateTime64(Timestamp, 9, 'UTC') AS time,
                toString(ClusterName) AS cluster
            FROM otel_logs
            WHERE Timestamp >= before_since
                AND Timestamp < after_until
                AND toStartOfFiveMinutes(Timestamp) >= before_since - INTERVAL 5 MINUTE
                AND toStartOfFiveMinutes(Timestamp) < after_until
                AND (Timestamp < changed OR Timestamp >= after_since)
                AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
                AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
                AND ({pod:String} = '' OR {pod:String} LIKE '%*' OR ResourceAttributes['k8s.pod.name'] = {pod:String}) -- when: pod
                AND (
                    {pod:String} NOT LIKE '%*'
                    OR startsWith(ResourceAttributes['k8s.pod.name'], left({pod:String}, -1))
                )
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${of_composition}) -- when: composition
                -- Kubernetes events arrive as log records too.
                AND NOT mapContains(LogAttributes, 'k8s.event.reason')
                AND NOT multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
        )
    ) AS logged,
    -- (failed before, after, requests before, after, last failure, p95 before, after, spans before, after, clusters of
    -- failed before, of requests before, of spans after)
    (
        SELECT (
            countIf(is_request AND is_error AND NOT is_later), countIf(is_request AND is_error AND is_later),
            countIf(is_request AND NOT is_later), countIf(is_request AND is_later),
            maxIf(time, is_request AND is_error),
            ifNotFinite(toFloat64(quantileTDigestIf(0.95)(ms, is_request AND NOT is_later)), 0),
            ifNotFinite(toFloat64(quantileTDigestIf(0.95)(ms, is_request AND is_later)), 0),
            countIf(NOT is_later), countIf(is_later),
            groupUniqArrayIf(100)(cluster, is_request AND is_error AND NOT is_later),
            groupUniqArrayIf(100)(cluster, is_request AND NOT is_later),
            groupUniqArrayIf(1000)(cluster, is_later)
        )
        FROM (
            SELECT
                -- The second spelling is that of rows which exporters wrote before 2024.
                SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER') AS is_request,
                StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS is_error,
                if(Duration < 9223372036854775808, Duration, 0) / 1e6 AS ms,
                Timestamp >= after_since AS is_later,
                toDateTime64(Timestamp, 9, 'UTC') AS time,
                toString(ClusterName) AS cluster
            FROM otel_traces
            WHERE Timestamp >= before_since
                AND Timestamp < after_until
                AND (Timestamp < changed OR Timestamp >= after_since)
                AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
                AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
                AND ({pod:String} = '' OR {pod:String} LIKE '%*' OR ResourceAttributes['k8s.pod.name'] = {pod:String}) -- when: pod
                AND (
                    {pod:String} NOT LIKE '%*'
                    OR startsWith(ResourceAttributes['k8s.pod.name'], left({pod:String}, -1))
                )
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${of_composition}) -- when: composition
        )
    ) AS traced,
    if({service:String} = '', told.6, 0) + logged.5 + traced.8 AS alive_before,
    if({service:String} = '', told.7, 0) + logged.6 + traced.9 AS alive_after,
    arrayConcat(if({service:String} = '', told.9, []), logged.11, traced.12) AS heard
SELECT
    line.1 AS aspect,
    -- A subquery could be without a row, says its type; these count, and always have one.
    assumeNotNull(toFloat64(line.2)) AS before,
    assumeNotNull(toFloat64(line.3)) AS after,
    assumeNotNull(toUInt64(line.4)) AS looked_at_before,
    assumeNotNull(toUInt64(line.5)) AS looked_at_after,
    if(assumeNotNull(line.6) <= never, '', iso(assumeNotNull(line.6))) AS last_seen,
    toFloat64({before_s:UInt32}) AS before_seconds,
    greatest(
        0, (toUnixTimestamp64Nano(after_until) - toUnixTimestamp64Nano(after_since)) / 1e9
    ) AS after_seconds,
    arraySort(line.7) AS clusters,
    arrayFilter(
        name -> NOT has(heard, name) AND (name != '' OR aspect != 'warning_events'), clusters
    ) AS silent_clusters
FROM (
    SELECT arrayJoin([
        ('warning_events', toFloat64(told.1), toFloat64(told.2), told.3, told.4, told.5, told.8),
        ('error_logs', toFloat64(logged.1), toFloat64(logged.2), logged.5, logged.6, logged.7, logged.9),
        ('matching_logs', toFloat64(logged.3), toFloat64(logged.4), logged.5, logged.6, logged.8, logged.10),
        ('failed_requests', toFloat64(traced.1), toFloat64(traced.2), traced.3, traced.4, traced.5, traced.10),
        ('p95_ms', traced.6, traced.7, traced.3, traced.4, never, traced.11),
        ('alive', toFloat64(alive_before), toFloat64(alive_after), alive_before, alive_after, never, [])
    ]) AS line
)
WHERE told.3 + told.4 + alive_before + alive_after > 0
    AND (aspect != 'matching_logs' OR {text:String} != '')
LIMIT {limit:UInt32}
