-- name: error_rate_change
-- summary: Whether the errors of each service became more or fewer than in the window before.
-- description: A window is compared with the one before it, which is as long (see `baseline_offset`). Of requests
--     (spans of kind Server or Consumer) the share that failed is compared; of log records the number of those of
--     severity ERROR or worse. Verdicts: up and down, if the difference is larger than chance makes it in 99 of 100
--     cases; unclear, if one is twice the other or more, and yet may be so by chance: of so few it cannot be told; same;
--     too_few, if neither window has `min_errors` errors, so that small numbers are not called a change;
--     no_errors, if neither has any; silent, if there is nothing now and was something before; no_baseline, if there
--     was nothing before. Every service that was there in either window has a row, so no row means that nothing was
--     there.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs, traces
-- limit rows: 10000
-- limit seconds: 30
--
-- param since: DateTime64(9, 'UTC')
--   default: 30m
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies half an hour before `until`.
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
-- param min_errors: UInt32
--   default: 5
--   bounds: 1 .. 1000000
--   example: 10
--   help: Errors that one of the windows must have before anything is called a change.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most rows to answer with.
--
-- column verdict: String
--   help: up, down, unclear, same, too_few, no_errors, silent or no_baseline.
-- column service: String
--   help: Name of the service; empty for what names none.
-- column source: String
--   help: requests or logs.
-- column errors: UInt64
--   help: Errors in the window.
-- column total: UInt64
--   help: Requests or log records in the window.
-- column errors_before: UInt64
--   help: Errors in the window before.
-- column total_before: UInt64
--   help: Requests or log records in the window before.
-- column error_share: Nullable(Float64)
--   help: errors / total, 0 to 1; null without any.
-- column error_share_before: Nullable(Float64)
--   help: errors_before / total_before, 0 to 1; null without any.
-- column p90_ms: Nullable(Float64)
--   help: 90 of 100 requests took at most so many milliseconds; null for logs, and without requests.
--   wide: yes
-- column p95_ms: Nullable(Float64)
--   help: 95 of 100 requests took at most so many milliseconds; null for logs, and without requests.
--   wide: yes
-- column p95_ms_before: Nullable(Float64)
--   help: The same in the window before.
--   wide: yes
-- column deviation: Float64
--   help: Difference in standard errors: above 2.576 it is up, below -2.576 down, unless the errors are too few.
--   wide: yes
-- column errors_since: String
--   help: When the errors of the window began, RFC 3339 in UTC: nine of ten came later, more or less. Empty without any,
--     and where more than one for twenty of them came in the window before: then they began earlier.
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
    toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')}) AS since_ns,
    toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) AS until_ns,
    -- The window before lies so many nanoseconds earlier, and is as long.
    greatest(until_ns - since_ns, toInt64({baseline_offset:UInt64}) * 1000000000) AS earlier_by,
    fromUnixTimestamp64Nano(greatest(0, since_ns - earlier_by), 'UTC') AS before_since,
    fromUnixTimestamp64Nano(greatest(0, until_ns - earlier_by), 'UTC') AS before_until,
    -- Two standard errors and a half: of a hundred services in which nothing changed, one is called a change by chance.
    2.576 AS significant,
    counted AS (
        SELECT
            ServiceName AS service,
            'requests' AS source,
            countIf(Timestamp >= {since:DateTime64(9, 'UTC')}) AS total,
            countIf(Timestamp < {since:DateTime64(9, 'UTC')}) AS total_before,
            countIf(is_error AND Timestamp >= {since:DateTime64(9, 'UTC')}) AS errors,
            countIf(is_error AND Timestamp < {since:DateTime64(9, 'UTC')}) AS errors_before,
            toFloat64(quantileTDigestIf(0.9)(ms, Timestamp >= {since:DateTime64(9, 'UTC')})) AS p90,
            toFloat64(quantileTDigestIf(0.95)(ms, Timestamp >= {since:DateTime64(9, 'UTC')})) AS p95,
            toFloat64(quantileTDigestIf(0.95)(ms, Timestamp < {since:DateTime64(9, 'UTC')})) AS p95_before,
            -- Seconds into the window, not the time itself, of which the digest's 32 bits would keep minutes.
            toFloat64(quantileTDigestIf(0.1)(
                dateDiff('millisecond', {since:DateTime64(9, 'UTC')}, Timestamp) / 1000,
                is_error AND Timestamp >= {since:DateTime64(9, 'UTC')}
            )) AS errors_after_s
        FROM
        (
            SELECT
                ServiceName,
                Timestamp,
                StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS is_error,
                -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
                if(Duration < 9223372036854775808, Duration, 0) / 1e6 AS ms
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
        )
        GROUP BY service
        UNION ALL
        SELECT
            ServiceName,
            'logs',
            countIf(Timestamp >= {since:DateTime64(9, 'UTC')}),
            countIf(Timestamp < {since:DateTime64(9, 'UTC')}),
            countIf(is_error AND Timestamp >= {since:DateTime64(9, 'UTC')}),
            countIf(is_error AND Timestamp < {since:DateTime64(9, 'UTC')}),
            nan,
            nan,
            nan,
            toFloat64(quantileTDigestIf(0.1)(
                dateDiff('millisecond', {since:DateTime64(9, 'UTC')}, Timestamp) / 1000,
                is_error AND Timestamp >= {since:DateTime64(9, 'UTC')}
            ))
        FROM
        (
            SELECT ServiceName, Timestamp, level_of(SeverityNumber, SeverityText, Body) >= 17 AS is_error
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
        )
        GROUP BY ServiceName
    ),
    (errors + errors_before) / (total + total_before) AS pooled,
    -- Of requests the share that fails is compared; of log records the number of errors, of which the others say nothing.
    if(source = 'logs', errors, errors / total) AS rate,
    if(source = 'logs', errors_before, errors_before / total_before) AS rate_before,
    multiIf(
        total = 0 OR total_before = 0 OR errors + errors_before = 0, 0,
        source = 'logs', (toFloat64(errors) - errors_before) / sqrt(errors + errors_before),
        pooled = 1, 0,
        (errors / total - errors_before / total_before)
            / sqrt(pooled * (1 - pooled) * (1 / total + 1 / total_before))
    ) AS z
SELECT
    multiIf(
        total = 0, 'silent',
        total_before = 0, 'no_baseline',
        errors + errors_before = 0, 'no_errors',
        greatest(errors, errors_before) < {min_errors:UInt32}, 'too_few',
        z >= significant, 'up',
        z <= -significant, 'down',
        greatest(rate, rate_before) >= 2 * least(rate, rate_before), 'unclear',
        'same'
    ) AS verdict,
    service,
    source,
    errors,
    total,
    errors_before,
    total_before,
    if(total > 0, round(errors / total, 6), NULL) AS error_share,
    if(total_before > 0, round(errors_before / total_before, 6), NULL) AS error_share_before,
    if(isNaN(p90), NULL, round(p90, 3)) AS p90_ms,
    if(isNaN(p95), NULL, round(p95, 3)) AS p95_ms,
    if(isNaN(p95_before), NULL, round(p95_before, 3)) AS p95_ms_before,
    round(toFloat64(z), 3) AS deviation,
    if(
        errors = 0 OR errors_before * 20 > errors, '',
        iso({since:DateTime64(9, 'UTC')} + toIntervalMillisecond(toInt64(errors_after_s * 1000)))
    ) AS errors_since,
    iso(before_since) AS baseline_since,
    iso(before_until) AS baseline_until
FROM counted
ORDER BY
    indexOf(['up', 'silent', 'no_baseline', 'down', 'unclear', 'too_few', 'same', 'no_errors'], verdict),
    abs(z) DESC,
    errors DESC,
    service,
    source
LIMIT {limit:UInt32}
