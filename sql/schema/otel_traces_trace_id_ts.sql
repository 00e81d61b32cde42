-- When each trace was seen: a reader turns a trace id into a short time range before it opens otel_traces.
-- Whole seconds, as the reference exporter has them: read it as min(Start) to max(End) + 1.
-- sharding: cityHash64(TraceId)
CREATE TABLE IF NOT EXISTS ${database}.otel_traces_trace_id_ts${on_cluster}
(
    `TraceId` String COMMENT 'Trace, 32 hex digits' CODEC(ZSTD(1)),
    `Start` DateTime COMMENT 'Start of the first span of one insert' CODEC(Delta(4), ZSTD(1)),
    `End` DateTime COMMENT 'Start of the last span of one insert' CODEC(Delta(4), ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
TTL toDateTime(Start) + toIntervalDay(${traces_days}) -- when: traces_days
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
