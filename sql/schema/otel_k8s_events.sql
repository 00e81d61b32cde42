-- Kubernetes events, one row for each time that an event was seen to change; filled from otel_logs by otel_k8s_events_mv.
-- An event comes more than once: from two collectors, in two shapes, again when a watcher restarts. Rows that agree in the
-- sorting key are one event, and each adds what it knows: the longest-known time, the text that is not empty. It comes out
-- the same in whatever order they come. Read with FINAL, or with GROUP BY and the functions that the columns name.
-- Why so: docs/decisions/0004-k8s-events-sort-key.md.
-- sharding: cityHash64(toString(ClusterUid), toString(Namespace), toString(Kind), Name)
CREATE TABLE IF NOT EXISTS ${database}.otel_k8s_events${on_cluster}
(
    `ClusterUid` LowCardinality(String) COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    `ClusterName` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    `Namespace` LowCardinality(String) COMMENT 'Namespace of the object; empty for a cluster-wide one' CODEC(ZSTD(1)),
    `Kind` LowCardinality(String) COMMENT 'Kind of the object that the event is about' CODEC(ZSTD(1)),
    `Name` String COMMENT 'Name of the object' CODEC(ZSTD(1)),
    `Uid` SimpleAggregateFunction(max, String) COMMENT 'Uid of the object' CODEC(ZSTD(1)),
    `ApiVersion` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'API version of the object' CODEC(ZSTD(1)),
    `FieldPath` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Part of the object, as spec.containers{app}' CODEC(ZSTD(1)),
    `Reason` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'What happened, in one word' CODEC(ZSTD(1)),
    `Action` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'What the reporter did about it' CODEC(ZSTD(1)),
    `Type` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Normal or Warning' CODEC(ZSTD(1)),
    `Message` SimpleAggregateFunction(max, String) COMMENT 'What happened, in a sentence' CODEC(ZSTD(1)),
    `Count` UInt32 COMMENT 'How often it has happened, 1 or more' CODEC(ZSTD(1)),
    `SourceComponent` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Who reports it' CODEC(ZSTD(1)),
    `SourceHost` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Node or instance that reports it' CODEC(ZSTD(1)),
    `EventUid` SimpleAggregateFunction(max, String) COMMENT 'Uid of the event itself' CODEC(ZSTD(1)),
    `EventName` SimpleAggregateFunction(max, String) COMMENT 'Name of the event itself' CODEC(ZSTD(1)),
    `ResourceVersion` SimpleAggregateFunction(max, String) COMMENT 'Resource version of the event itself, if known' CODEC(ZSTD(1)),
    `CompositionId` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Krateo composition that owns the object' CODEC(ZSTD(1)),
    `FirstTime` SimpleAggregateFunction(min, DateTime64(9)) COMMENT 'When it first happened' CODEC(Delta(8), ZSTD(1)),
    `EventTime` SimpleAggregateFunction(max, DateTime64(9)) COMMENT 'When it last happened' CODEC(Delta(8), ZSTD(1)),
    `IngestedAt` SimpleAggregateFunction(min, DateTime64(9)) DEFAULT now64(9) COMMENT 'When ClickHouse first got it' CODEC(Delta(8), ZSTD(1)),
    `EventId` String MATERIALIZED multiIf(
        EventUid != '', EventUid,
        EventName != '', EventName,
        hex(sipHash64(Reason, Message, FirstTime))) COMMENT 'What tells the event from others of its object: uid, else name, else a digest' CODEC(ZSTD(1)),

    INDEX idx_uid Uid TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_event_time EventTime TYPE minmax GRANULARITY 1,
    INDEX idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toMonday(EventTime)
ORDER BY (ClusterUid, Namespace, Kind, Name, EventId, Count, if(ClusterUid = '', ClusterName, ''))
TTL toDateTime(EventTime) + toIntervalDay(${events_days}) -- when: events_days
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
