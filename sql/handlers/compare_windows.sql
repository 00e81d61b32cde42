-- name: compare_windows
-- summary: What changed since the window before: errors, latency, requests, new and vanished log messages.
-- description: A window is compared with the one before it, which is as long (see `baseline_offset`). First stands what
--     was looked at in both, logs and requests (spans of kind Server or Consumer); no row at all means that nothing was
--     there. Then come, each only where it changed: the share of failed requests and the number of error logs, if the
--     difference is larger than chance makes it in 99 of 100 cases and one window has 5 errors; the p95 of operations
--     with 20 requests in both windows, if it changed by half or more and by a millisecond; the number of requests, if
--     by half or more; log messages that are new, the most severe first; and those that are gone and came ten times
--     before. Messages are alike as in question log_patterns; where the windows hold more records than `sample`, a
--     share is looked at, and a rare message may look new.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces
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
-- param baseline_offset: UInt64
--   default: 0
--   bounds: 0 .. 31622400
--   example: 86400
--   help: Seconds from the start of the window before to the start of this one: 86400 compares with the day before. 0,
--     and whatever is less than the window is long, means directly before it.
-- param service: String
--   default:
--   example: checkout
--   help: Only this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only what comes from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only what comes from objects of this Krateo composition, by its id.
-- param sample: UInt32
--   default: 100000
--   bounds: 1000 .. 5000000
--   example: 500000
--   help: The most log records of both windows to compare messages of, more or less.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most rows to answer with.
--
-- column aspect: String
--   help: looked_at, error_share, error_logs, p95_ms, requests, new_log_pattern or gone_log_pattern.
-- column service: String
--   help: Service that it is about; empty for looked_at.
-- column subject: String
--   help: logs or requests; the span of a p95_ms; the message of a log pattern.
-- column before: Float64
--   help: Value in the window before: a number, a share from 0 to 1, or milliseconds.
-- column after: Float64
--   help: The same in the window.
-- column samples_before: UInt64
--   help: Requests or log records that `before` rests on.
--   wide: yes
-- column samples_after: UInt64
--   help: Those that `after` rests on.
--   wide: yes
-- column example: String
--   help: The newest record of a log pattern, as it was written; else empty.
--   wide: yes
-- column trace_id: String
--   help: Trace of that record, or empty.
--   wide: yes
-- column baseline_since: String
--   help: Start of the window before, RFC 3339 in UTC.
--   wide: yes
-- column baseline_until: String
--   help: End of the window before.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    ${pattern_of},
    toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')}) AS since_ns,
    toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) AS until_ns,
    -- The window before lies so many nanoseconds earlier, and is as long.
    greatest(until_ns - since_ns, toInt64({baseline_offset:UInt64}) * 1000000000) AS earlier_by,
    fromUnixTimestamp64Nano(greatest(0, since_ns - earlier_by), 'UTC') AS before_since,
    fromUnixTimestamp64Nano(greatest(0, until_ns - earlier_by), 'UTC') AS before_until,
    -- Two standard errors and a half: see error_rate_change.sql.
    2.576 AS significant,
    5 AS fewest_errors,
    20 AS fewest_requests,
    records AS (
        SELECT Timestamp, ServiceName AS service, Body, TraceId, SpanId, level_of(SeverityNumber, SeverityText, Body) AS level
        FROM otel_logs
        WHERE (
                (Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')})
                OR (Timestamp >= before_since AND Timestamp < before_until)
            )
            -- In terms of the key's first column, which ClickHouse does not derive: see recent_logs.sql.
            AND (
                (
                    toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
                    AND toStartOfFiveMinutes(Timestamp) < {until:DateTime64(9, 'UTC')}
                )
                OR (
                    toStartOfFiveMinutes(Timestamp) >= before_since - INTERVAL 5 MINUTE
                    AND toStartOfFiveMinutes(Timestamp) < before_until
                )
            )
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
    ),
    -- Read once, and kept as a constant: (service, log records before and after, errors among them before and after).
    (
        SELECT groupArray((service, logs_before, logs_after, before, after))
        FROM (
            SELECT
                service,
                countIf(Timestamp < {since:DateTime64(9, 'UTC')}) AS logs_before,
                countIf(Timestamp >= {since:DateTime64(9, 'UTC')}) AS logs_after,
                countIf(level >= 17 AND Timestamp < {since:DateTime64(9, 'UTC')}) AS before,
                countIf(level >= 17 AND Timestamp >= {since:DateTime64(9, 'UTC')}) AS after
            FROM records
            GROUP BY service
        )
    ) AS logged,
    arraySum(logged.2) AS logs_before,
    arraySum(logged.3) AS logs_after,
    -- Of more records than are to be looked at only a share is, spread over both windows.
    greatest(1, toUInt64(ceil((logs_before + logs_after) / {sample:UInt32}))) AS every,
    patterns AS (
        SELECT
            service,
            pattern_of(Body) AS pattern,
            countIf(Timestamp < {since:DateTime64(9, 'UTC')}) * every AS before,
            countIf(Timestamp >= {since:DateTime64(9, 'UTC')}) * every AS after,
            max(level) AS highest,
            argMax((Body, TraceId), (Timestamp, Body)) AS newest
        FROM records
        -- The place in the block tells apart what is the same in everything, such as a burst under one time.
        WHERE every = 1 OR cityHash64(Timestamp, Body, TraceId, SpanId, rowNumberInBlock()) % every = 0
        GROUP BY service, pattern
        -- What is new, unless everything is; and what is gone and was not so rare that it may be missing by chance.
        HAVING (before = 0 AND logs_before > 0) OR (after = 0 AND logs_after > 0 AND before >= 10 * every)
    ),
    -- (service, span, requests before and after, errors before and after, p95 before and after)
    (
        SELECT groupArray((service, span, before, after, errors_before, errors_after, p95_before, p95_after))
        FROM (
            WITH
                StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS is_error,
                Timestamp < {since:DateTime64(9, 'UTC')} AS is_before,
                -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
                if(Duration < 9223372036854775808, Duration, 0) / 1e6 AS ms
            SELECT
                ServiceName AS service,
                SpanName AS span,
                countIf(is_before) AS before,
                countIf(NOT is_before) AS after,
                countIf(is_before AND is_error) AS errors_before,
                countIf(NOT is_before AND is_error) AS errors_after,
                toFloat64(quantileTDigestIf(0.95)(ms, is_before)) AS p95_before,
                toFloat64(quantileTDigestIf(0.95)(ms, NOT is_before)) AS p95_after
            FROM otel_traces
            WHERE (
                    (Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')})
                    OR (Timestamp >= before_since AND Timestamp < before_until)
                )
                AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
                AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
                AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
                AND ({composition:String} = '' OR ${of_composition}) -- when: composition
                -- The second spelling is that of rows which exporters wrote before 2024.
                AND SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER')
            GROUP BY service, span
        )
    ) AS operated,
    arraySum(operated.3) AS requests_before,
    arraySum(operated.4) AS requests_after,
    services AS (
        SELECT
            operation.1 AS service,
            sum(operation.3) AS before,
            sum(operation.4) AS after,
            sum(operation.5) AS errors_before,
            sum(operation.6) AS errors_after,
            (errors_before + errors_after) / (before + after) AS pooled,
            if(
                before = 0 OR after = 0 OR pooled IN (0, 1), 0,
                (errors_after / after - errors_before / before) / sqrt(pooled * (1 - pooled) * (1 / before + 1 / after))
            ) AS z
        FROM (SELECT arrayJoin(operated) AS operation)
        GROUP BY service
    ),
    findings AS (
        SELECT
            'looked_at' AS aspect, 0 AS rank, toFloat64(0) AS weight, '' AS service, what.1 AS subject,
            toFloat64(what.2) AS before, toFloat64(what.3) AS after,
            what.2 AS samples_before, what.3 AS samples_after, '' AS example, '' AS trace_id
        FROM (SELECT arrayJoin([('logs', logs_before, logs_after), ('requests', requests_before, requests_after)]) AS what)
        WHERE what.2 + what.3 > 0
        UNION ALL
        SELECT
            'error_share', 1, abs(z), service, 'requests',
            errors_before / before, errors_after / after, before, after, '', ''
        FROM services
        WHERE abs(z) >= significant AND greatest(errors_before, errors_after) >= fewest_errors
        UNION ALL
        SELECT
            'error_logs', 2, abs(toFloat64(one.5) - one.4) / sqrt(one.4 + one.5) AS deviation, one.1, 'logs',
            toFloat64(one.4), toFloat64(one.5), one.2, one.3, '', ''
        FROM (SELECT arrayJoin(logged) AS one)
        WHERE deviation >= significant AND greatest(one.4, one.5) >= fewest_errors
        UNION ALL
        SELECT
            'p95_ms', 3, abs(log(greatest(one.8, 0.001) / greatest(one.7, 0.001))), one.1, one.2,
            round(one.7, 3), round(one.8, 3), one.3, one.4, '', ''
        FROM (SELECT arrayJoin(operated) AS one)
        WHERE least(one.3, one.4) >= fewest_requests
            AND abs(one.8 - one.7) >= 1
            AND (one.8 >= 1.5 * one.7 OR one.7 >= 1.5 * one.8)
        UNION ALL
        SELECT
            'requests', 4, abs(toFloat64(after) - before) / sqrt(before + after) AS deviation, service, 'requests',
            toFloat64(before), toFloat64(after), before, after, '', ''
        FROM services
        WHERE deviation >= significant
            AND greatest(before, after) >= fewest_requests
            AND (after >= 1.5 * before OR before >= 1.5 * after)
        UNION ALL
        SELECT
            if(before = 0, 'new_log_pattern', 'gone_log_pattern'), if(before = 0, 5, 6), highest * 1e12 + before + after,
            service, pattern, toFloat64(before), toFloat64(after), before, after, newest.1, newest.2
        FROM patterns
    )
SELECT
    aspect,
    service,
    subject,
    before,
    after,
    samples_before,
    samples_after,
    example,
    trace_id,
    iso(before_since) AS baseline_since,
    iso(before_until) AS baseline_until
FROM findings
ORDER BY rank, weight DESC, service, subject
LIMIT {limit:UInt32}
