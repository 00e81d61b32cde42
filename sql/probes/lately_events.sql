-- The newest time of a Kubernetes event since a moment, nanoseconds since 1970, 0 if there is none; see lately_logs.sql.
SELECT toUnixTimestamp64Nano(max(EventTime)) AS newest FROM otel_k8s_events WHERE EventTime >= {since:DateTime64(9, 'UTC')}
