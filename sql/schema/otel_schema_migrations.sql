-- What `otelhouse migrate` did here. Rows are only ever added; the newest of a kind and name holds.
CREATE TABLE IF NOT EXISTS ${database}.otel_schema_migrations${on_cluster}
(
    `Kind` LowCardinality(String) COMMENT 'migration, sink, view; found: was here before; adopted: was, and is ours now',
    `Name` String COMMENT 'Number and name of a migration, or name of the object',
    `Checksum` String COMMENT 'SHA-256 of what was applied; empty for found and adopted',
    `RecordedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When it was done'
)
ENGINE = ${replicated}MergeTree
ORDER BY (Kind, Name, RecordedAt)
