-- Log records that ClickHouse got at the given moments, in the order of streams.
WITH
${up_to},
${stream_time}
SELECT
    ${logs_columns}
FROM otel_logs
WHERE IngestedAt >= fromUnixTimestamp64Nano({first:Int64})
    AND IngestedAt <= fromUnixTimestamp64Nano({last:Int64})
    AND toUnixTimestamp64Nano(IngestedAt) IN {moments:Array(Int64)}
ORDER BY ingested, Timestamp, id
LIMIT {limit:UInt64}
