-- Kubernetes events that ClickHouse got after one moment and until another, for a reader who missed them in a stream.
WITH
${up_to},
${event_time}
SELECT
    ${events_columns}
FROM otel_k8s_events
WHERE IngestedAt > fromUnixTimestamp64Nano({after:Int64})
    AND IngestedAt <= fromUnixTimestamp64Nano({until:Int64})
ORDER BY ingested, EventTime, id
LIMIT {limit:UInt64}
