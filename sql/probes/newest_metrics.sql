-- The newest time of a data point, nanoseconds since 1970, 0 if there is none. Parts know their own: no row is read.
SELECT toUnixTimestamp64Nano(toDateTime64(max(newest), 9)) AS newest
FROM (
    SELECT max(TimeUnix) AS newest FROM otel_metrics_gauge
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_sum
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_histogram
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_exponential_histogram
    UNION ALL
    SELECT max(TimeUnix) AS newest FROM otel_metrics_summary
)
