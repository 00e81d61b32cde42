-- The sieve that every log record goes through, so it must be nearly free: one look for an attribute, one search in the body.
-- The two shapes of an event, and the finer test, stand in otel_k8s_events_mv.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_k8s_event_records_mv${on_cluster}
TO ${database}.otel_k8s_event_records
AS
SELECT
    Timestamp,
    SeverityText,
    Body,
    ResourceAttributes,
    LogAttributes,
    IngestedAt -- when: otel_logs.IngestedAt
    now64(9) AS IngestedAt -- unless: otel_logs.IngestedAt
FROM ${database}.otel_logs
WHERE mapContains(LogAttributes, 'k8s.event.reason') OR multiSearchAny(Body, ['"involvedObject"', '"regarding"'])
