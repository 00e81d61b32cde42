-- Kubernetes events that ClickHouse got at the given moments, in the order of streams.
WITH
${up_to},
${event_time}
SELECT
    ${events_columns}
FROM otel_k8s_events
WHERE IngestedAt >= fromUnixTimestamp64Nano({first:Int64})
    AND IngestedAt <= fromUnixTimestamp64Nano({last:Int64})
    AND toUnixTimestamp64Nano(IngestedAt) IN {moments:Array(Int64)}
ORDER BY ingested, EventTime, id
LIMIT {limit:UInt64}
