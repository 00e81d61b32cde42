-- Log records by the moment when ClickHouse got them: how many there are. It reads one narrow column, however large rows are.
-- Rows of this table stay as they are, so their number says whether there are new ones, and `mix` is 0.
-- The row with the moment 0 is always there, for ClickHouse's own clock.
SELECT 0 AS ingested, toUInt64(0) AS n, toUInt64(0) AS mix, toUnixTimestamp64Nano(now64(9)) AS clock
UNION ALL
SELECT toUnixTimestamp64Nano(IngestedAt) AS ingested, count() AS n, toUInt64(0) AS mix, 0 AS clock
FROM otel_logs
WHERE IngestedAt > fromUnixTimestamp64Nano({after:Int64})
GROUP BY ingested
ORDER BY ingested
