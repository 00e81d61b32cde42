-- Who did what to the house, one row a deed. Rows are only ever added; nothing here changes or deletes one before its
-- time. `Number` and `Previous` chain the lines that the rows were made of: docs/audit.md.
-- sharding: cityHash64(Id)
CREATE TABLE IF NOT EXISTS ${database}.otel_audit${on_cluster}
(
    `Timestamp` DateTime64(9) COMMENT 'When it was done' CODEC(Delta(8), ZSTD(1)),
    `Id` String COMMENT 'Of this deed; twice the same is one deed that was handed over twice' CODEC(ZSTD(1)),
    `Action` LowCardinality(String) COMMENT 'What was done, such as sign_in.refused, token.created, configuration.in_force' CODEC(ZSTD(1)),
    `Actor` String COMMENT 'Who: id of a token, subject of a JWT, anonymous, system; never a credential' CODEC(ZSTD(1)),
    `Peer` String COMMENT 'Network address that it came from; empty for the machine itself' CODEC(ZSTD(1)),
    `Outcome` LowCardinality(String) COMMENT 'ok, refused or failed' CODEC(ZSTD(1)),
    `Target` String COMMENT 'What it was done to' CODEC(ZSTD(1)),
    `Details` Map(LowCardinality(String), String) COMMENT 'More about it' CODEC(ZSTD(1)),
    `Times` UInt32 DEFAULT 1 COMMENT 'How often; the same refusal is one row a minute' CODEC(ZSTD(1)),
    `Lost` UInt32 COMMENT 'Deeds before this one that could not be kept' CODEC(ZSTD(1)),
    `Instance` LowCardinality(String) COMMENT 'Process of the house that recorded it' CODEC(ZSTD(1)),
    `Version` LowCardinality(String) COMMENT 'Its release' CODEC(ZSTD(1)),
    `Number` UInt64 COMMENT 'Of the line in its trail, without a gap' CODEC(ZSTD(1)),
    `Previous` String COMMENT 'SHA-256 of the line before it, in hexadecimal' CODEC(ZSTD(1)),
    `IngestedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toStartOfMonth(Timestamp)
ORDER BY (Timestamp, Id)
TTL toDateTime(Timestamp) + toIntervalDay(${audit_days}) -- when: audit_days
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
