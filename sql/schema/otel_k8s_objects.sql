-- Kubernetes objects as the directory of the house knows them; written by the house, never by a sender. It says what was
-- found out about an object after its telemetry had come, and what is still known of one that is gone.
-- An object has a row for each composition that it was ever found to be in; written again, rows of one key become one:
-- the first time and the last stay, and of the rest what was written last. Read with FINAL, or with GROUP BY ClusterUid, Uid.
-- Why so: docs/decisions/0012-k8s-objects-sort-key.md.
-- sharding: cityHash64(toString(ClusterUid), Uid)
CREATE TABLE IF NOT EXISTS ${database}.otel_k8s_objects${on_cluster}
(
    `ClusterUid` LowCardinality(String) COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    `ClusterName` SimpleAggregateFunction(anyLast, LowCardinality(String)) COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    `Namespace` LowCardinality(String) COMMENT 'Namespace of the object; empty for a cluster-wide one' CODEC(ZSTD(1)),
    `Kind` LowCardinality(String) COMMENT 'Kind of the object' CODEC(ZSTD(1)),
    `Name` String COMMENT 'Name of the object' CODEC(ZSTD(1)),
    `Uid` String COMMENT 'Uid of the object' CODEC(ZSTD(1)),
    `ApiGroup` SimpleAggregateFunction(anyLast, LowCardinality(String)) COMMENT 'API group of the object; empty for the core group' CODEC(ZSTD(1)),
    `Version` SimpleAggregateFunction(anyLast, LowCardinality(String)) COMMENT 'Version in that group' CODEC(ZSTD(1)),
    `CompositionId` String COMMENT 'Krateo composition that owns the object, or empty' CODEC(ZSTD(1)),
    `WorkloadKind` SimpleAggregateFunction(anyLast, LowCardinality(String)) COMMENT 'Kind of the workload at the top of its owners; empty if not known' CODEC(ZSTD(1)),
    `WorkloadName` SimpleAggregateFunction(anyLast, String) COMMENT 'Name of that workload' CODEC(ZSTD(1)),
    `Owners` SimpleAggregateFunction(anyLast, Array(Tuple(uid String, group String, kind String, name String, controller Bool))) COMMENT 'Its ownerReferences' CODEC(ZSTD(1)),
    `Labels` SimpleAggregateFunction(anyLast, Map(String, String)) COMMENT 'Its labels' CODEC(ZSTD(1)),
    `FirstSeen` SimpleAggregateFunction(min, DateTime64(9)) COMMENT 'When the house first knew of it in this composition' CODEC(Delta(8), ZSTD(1)),
    `LastSeen` SimpleAggregateFunction(max, DateTime64(9)) COMMENT 'When it was last known to be so' CODEC(Delta(8), ZSTD(1)),
    `Deleted` SimpleAggregateFunction(max, UInt8) COMMENT '1 once it is gone; a uid never comes back' CODEC(ZSTD(1)),
    `IngestedAt` SimpleAggregateFunction(max, DateTime64(9)) DEFAULT now64(9) COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1)),

    INDEX idx_uid Uid TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (ClusterUid, Namespace, Kind, Name, Uid, CompositionId)
TTL toDateTime(LastSeen) + toIntervalDay(${objects_days}) -- when: objects_days
SETTINGS index_granularity = 1024,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
