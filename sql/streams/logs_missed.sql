-- Log records that ClickHouse got after one moment and until another, for a reader who missed them in a stream.
WITH
${up_to},
${stream_time}
SELECT
    ${logs_columns}
FROM otel_logs
WHERE IngestedAt > fromUnixTimestamp64Nano({after:Int64})
    AND IngestedAt <= fromUnixTimestamp64Nano({until:Int64})
ORDER BY ingested, Timestamp, id
LIMIT {limit:UInt64}
