-- The newest time of a Kubernetes event, nanoseconds since 1970, 0 if there is none, and whether the canary sent it; see
-- newest_logs.sql.
WITH (SELECT max(EventTime) FROM otel_k8s_events) AS last
SELECT
    toUnixTimestamp64Nano(last) AS newest,
    (SELECT count() FROM otel_k8s_events WHERE Namespace = 'otelhouse-canary' AND EventTime >= last) AS synthetic
