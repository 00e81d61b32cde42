-- Kubernetes events by the moment when ClickHouse got them: how many there are.
-- Merges make one of several rows of this table, so a number alone would not tell that others are there now; `mix` does.
-- It also tells when a row has got its composition from a copy that it was merged with.
-- The row with the moment 0 is always there, for ClickHouse's own clock.
SELECT 0 AS ingested, toUInt64(0) AS n, toUInt64(0) AS mix, toUnixTimestamp64Nano(now64(9)) AS clock
UNION ALL
SELECT
    toUnixTimestamp64Nano(IngestedAt) AS ingested,
    count() AS n,
    groupBitXor(${event_id} * if(CompositionId = '', 1, 11400714819323198485)) AS mix,
    0 AS clock
FROM otel_k8s_events
WHERE IngestedAt > fromUnixTimestamp64Nano({after:Int64})
GROUP BY ingested
ORDER BY ingested
