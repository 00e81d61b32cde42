-- Dead letters: log records, spans and data points that can never be stored as they are, with the reason and their bytes.
-- One letter is one row. It is written under an id that follows from its batch, so writing it again after a crash replaces it;
-- sending it again writes it once more with Attempt one higher and what came of it, and the row with the highest Attempt
-- stands. So read with FINAL. The sorting key is what never changes of a letter, and puts the newest last.
-- sharding: cityHash64(Id)
CREATE TABLE IF NOT EXISTS ${database}.otel_dead_letters${on_cluster}
(
    `Id` String COMMENT 'Name of the letter, 32 hex digits' CODEC(ZSTD(1)),
    `ReceivedAt` DateTime64(9) COMMENT 'When the item arrived' CODEC(Delta(8), ZSTD(1)),
    `Signal` LowCardinality(String) COMMENT 'logs, traces or metrics' CODEC(ZSTD(1)),
    `Reason` String COMMENT 'Why it cannot be stored, and how to mend it' CODEC(ZSTD(1)),
    `Code` Int32 COMMENT 'Error code of ClickHouse; 0 if ingest found it itself' CODEC(ZSTD(1)),
    `Sender` LowCardinality(String) COMMENT 'Who sent it' CODEC(ZSTD(1)),
    `ClusterName` LowCardinality(String) COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    `ClusterUid` LowCardinality(String) COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String) COMMENT 'Resource attribute service.name, or empty' CODEC(ZSTD(1)),
    `ItemTimeUnixNano` UInt64 COMMENT 'Time that the item gives for itself, in nanoseconds since 1970, or 0' CODEC(ZSTD(1)),
    `Item` String DEFAULT base64Decode(ItemBase64) COMMENT 'Serialised ResourceLogs, ResourceSpans or ResourceMetrics with this one item; empty if it was too large' CODEC(ZSTD(1)),
    `ItemBase64` String EPHEMERAL,
    `ItemSize` UInt64 COMMENT 'Bytes of the item, kept or not' CODEC(ZSTD(1)),
    `Token` String COMMENT 'Deduplication token of the batch it came in' CODEC(ZSTD(1)),
    `State` LowCardinality(String) DEFAULT 'open' COMMENT 'open, or stored once it was sent again with success' CODEC(ZSTD(1)),
    `Attempt` UInt32 DEFAULT 0 COMMENT 'How often it was sent again' CODEC(ZSTD(1)),
    `IngestedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When ClickHouse got this row' CODEC(Delta(8), ZSTD(1)),

    INDEX idx_id Id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(Attempt)
PARTITION BY toMonday(ReceivedAt)
ORDER BY (ReceivedAt, Id)
TTL toDateTime(IngestedAt) + toIntervalDay(${dead_letters_days}) -- when: dead_letters_days
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
