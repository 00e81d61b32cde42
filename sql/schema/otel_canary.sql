-- What the canary found, one row for each beat, signal and leg of the way; docs/canary.md says what the words mean.
-- sharding: cityHash64(toString(Cluster), Run, Beat)
CREATE TABLE IF NOT EXISTS ${database}.otel_canary${on_cluster}
(
    `Timestamp` DateTime64(9) COMMENT 'When the beat was sent' CODEC(Delta(8), ZSTD(1)),
    `Cluster` LowCardinality(String) COMMENT 'Cluster that it was sent for, by name; empty for none' CODEC(ZSTD(1)),
    `Run` String COMMENT 'Process of the canary, 8 hex digits' CODEC(ZSTD(1)),
    `Beat` UInt64 COMMENT 'Number of the beat in that run, from 1' CODEC(Delta(8), ZSTD(1)),
    `Signal` LowCardinality(String) COMMENT 'log, span, event, or the kind of metric' CODEC(ZSTD(1)),
    `Leg` LowCardinality(String) COMMENT 'accept-grpc, accept-http, stored, rest, stream, mcp or kept' CODEC(ZSTD(1)),
    `State` LowCardinality(String) COMMENT 'ok, late, lost, doubled, out_of_order, altered, failed or skipped' CODEC(ZSTD(1)),
    `Milliseconds` Float64 COMMENT 'From sending until it was seen there; 0 if it was not' CODEC(ZSTD(1)),
    `Problem` String COMMENT 'What is wrong, in words' CODEC(ZSTD(1)),
    `IngestedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toMonday(Timestamp)
ORDER BY (Timestamp, Cluster, Signal, Leg)
TTL toDateTime(Timestamp) + toIntervalDay(${canary_days}) -- when: canary_days
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
