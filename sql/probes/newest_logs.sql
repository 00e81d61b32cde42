-- The newest time of a log record, nanoseconds since 1970, 0 if there is none, which parts know without reading a row;
-- and whether the canary sent it (not 0), for which the key leads to its few rows.
WITH (SELECT max(Timestamp) FROM otel_logs) AS last
SELECT
    toUnixTimestamp64Nano(last) AS newest,
    (
        SELECT count()
        FROM otel_logs
        WHERE ServiceName = 'otelhouse-canary'
            AND Timestamp >= last
            AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes(last)
    ) AS synthetic
