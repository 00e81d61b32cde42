-- The newest time of a log record since a moment, nanoseconds since 1970, 0 if there is none: for a reader who sees a part
-- of the records, which takes reading them, and so not all there are.
SELECT toUnixTimestamp64Nano(max(Timestamp)) AS newest
FROM otel_logs
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
    AND toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
