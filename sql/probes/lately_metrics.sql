-- The newest time of a data point since a moment, nanoseconds since 1970, 0 if there is none; see lately_logs.sql.
SELECT toUnixTimestamp64Nano(toDateTime64(max(newest), 9)) AS newest
FROM (
    SELECT max(TimeUnix) AS newest FROM otel_metrics_gauge WHERE TimeUnix >= {since:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_sum WHERE TimeUnix >= {since:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_histogram WHERE TimeUnix >= {since:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_exponential_histogram WHERE TimeUnix >= {since:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_summary WHERE TimeUnix >= {since:DateTime64(9, 'UTC')}
)
