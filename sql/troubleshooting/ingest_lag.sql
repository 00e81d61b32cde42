-- How long rows took from their own time to the table, by service, over the last hour. A negative lag is a sender's clock that
-- runs ahead; minutes of lag are a queue between the sender and here.
SELECT
    signal,
    ServiceName,
    count() AS rows,
    quantile(0.5)(lag) AS median_seconds,
    quantile(0.99)(lag) AS p99_seconds
FROM
(
    SELECT 'logs' AS signal, ServiceName, dateDiff('millisecond', Timestamp, IngestedAt) / 1000 AS lag
    FROM otel_logs WHERE IngestedAt >= now64(9) - INTERVAL 1 HOUR
    UNION ALL
    SELECT 'traces', ServiceName, dateDiff('millisecond', Timestamp, IngestedAt) / 1000
    FROM otel_traces WHERE IngestedAt >= now64(9) - INTERVAL 1 HOUR
)
GROUP BY signal, ServiceName
ORDER BY p99_seconds DESC
LIMIT 100
