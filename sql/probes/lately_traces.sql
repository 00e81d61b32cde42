-- The newest start of a span since a moment, nanoseconds since 1970, 0 if there is none; see lately_logs.sql.
SELECT toUnixTimestamp64Nano(max(Timestamp)) AS newest
FROM otel_traces
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
