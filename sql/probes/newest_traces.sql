-- The newest start of a span, nanoseconds since 1970, 0 if there is none, and whether the canary sent it; see
-- newest_logs.sql.
WITH (SELECT max(Timestamp) FROM otel_traces) AS last
SELECT
    toUnixTimestamp64Nano(last) AS newest,
    (SELECT count() FROM otel_traces WHERE ServiceName = 'otelhouse-canary' AND Timestamp >= last) AS synthetic
