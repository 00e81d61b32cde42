-- The newest time of a log record, nanoseconds since 1970, 0 if there is none. Parts know their own: no row is read.
SELECT toUnixTimestamp64Nano(max(Timestamp)) AS newest FROM otel_logs
