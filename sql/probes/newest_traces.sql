-- The newest start of a span, nanoseconds since 1970, 0 if there is none, and whether the house sent it by itself; see
-- newest_logs.sql.
WITH (SELECT max(Timestamp) FROM otel_traces) AS last
SELECT
    toUnixTimestamp64Nano(last) AS newest,
    (
        SELECT count()
        FROM otel_traces
        WHERE ServiceName IN ('otelhouse-canary', 'otelhouse-self')
            AND Timestamp >= last
    ) AS synthetic
