-- The newest time of a data point, nanoseconds since 1970, 0 if there is none, and whether the house sent it by itself; see
-- newest_logs.sql.
WITH (
    SELECT max(newest)
    FROM (
        SELECT toDateTime64(max(TimeUnix), 9) AS newest FROM otel_metrics_gauge
        UNION ALL
        SELECT toDateTime64(max(TimeUnix), 9) AS newest FROM otel_metrics_sum
        UNION ALL
        SELECT toDateTime64(max(TimeUnix), 9) AS newest FROM otel_metrics_histogram
        UNION ALL
        SELECT toDateTime64(max(TimeUnix), 9) AS newest FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT toDateTime64(max(TimeUnix), 9) AS newest FROM otel_metrics_summary
    )
) AS last
SELECT
    toUnixTimestamp64Nano(last) AS newest,
    (
        SELECT sum(n)
        FROM (
            SELECT count() AS n
            FROM otel_metrics_gauge
            WHERE ServiceName IN ('otelhouse-canary', 'otelhouse-self')
                AND TimeUnix >= last
            UNION ALL
            SELECT count() AS n
            FROM otel_metrics_sum
            WHERE ServiceName IN ('otelhouse-canary', 'otelhouse-self')
                AND TimeUnix >= last
            UNION ALL
            SELECT count() AS n
            FROM otel_metrics_histogram
            WHERE ServiceName IN ('otelhouse-canary', 'otelhouse-self')
                AND TimeUnix >= last
            UNION ALL
            SELECT count() AS n
            FROM otel_metrics_exponential_histogram
            WHERE ServiceName IN ('otelhouse-canary', 'otelhouse-self')
                AND TimeUnix >= last
            UNION ALL
            SELECT count() AS n
            FROM otel_metrics_summary
            WHERE ServiceName IN ('otelhouse-canary', 'otelhouse-self')
                AND TimeUnix >= last
        )
    ) AS synthetic
