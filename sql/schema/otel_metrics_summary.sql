-- Summary data points. Columns down to the first empty line, their types and the keys are those of the OpenTelemetry Collector's
-- ClickHouse exporter (v0.157 and later); what follows is ours and is named by no INSERT.
-- sharding: cityHash64(toString(MetricName), ResourceAttributes, Attributes)
CREATE TABLE IF NOT EXISTS ${database}.otel_metrics_summary${on_cluster}
(
    `ResourceAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the source, sorted by key' CODEC(ZSTD(1)),
    `ResourceSchemaUrl` String COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    `ScopeName` String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    `ScopeVersion` String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    `ScopeAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the scope, sorted by key' CODEC(ZSTD(1)),
    `ScopeDroppedAttrCount` UInt32 COMMENT 'Scope attributes that the sender left out' CODEC(ZSTD(1)),
    `ScopeSchemaUrl` String COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String) COMMENT 'Resource attribute service.name, or empty' CODEC(ZSTD(1)),
    `MetricName` LowCardinality(String) COMMENT 'Name of the metric' CODEC(ZSTD(1)),
    `MetricDescription` String COMMENT 'What it measures' CODEC(ZSTD(1)),
    `MetricUnit` String COMMENT 'Unit, in UCUM' CODEC(ZSTD(1)),
    `Attributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the data point, sorted by key' CODEC(ZSTD(1)),
    `StartTimeUnix` DateTime COMMENT 'Start of the time that the point sums up' CODEC(Delta(4), ZSTD(1)),
    `TimeUnix` DateTime COMMENT 'When it was measured' CODEC(Delta(4), ZSTD(1)),
    `Count` UInt64 COMMENT 'Measurements in the point' CODEC(Delta(8), ZSTD(1)),
    `Sum` Float64 COMMENT 'Sum of the measurements, 0 if not given' CODEC(ZSTD(1)),
    `ValueAtQuantiles` Nested(Quantile Float64, Value Float64) COMMENT 'Quantiles, 0 to 1, and their values' CODEC(ZSTD(1)),
    `Flags` UInt32 COMMENT 'Data point flags; bit 0 is no recorded value' CODEC(ZSTD(1)),

    `ClusterUid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.uid'] COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    `ClusterName` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    `CompositionId` LowCardinality(String) MATERIALIZED if(
        ResourceAttributes['krateo.composition.id'] != '', ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) COMMENT 'Krateo composition that owns the source' CODEC(ZSTD(1)),
    `IngestedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1)),

    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_time_minmax TimeUnix TYPE minmax GRANULARITY 1,
    INDEX idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(TimeUnix) + toIntervalDay(${metrics_days}) -- when: metrics_days
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
