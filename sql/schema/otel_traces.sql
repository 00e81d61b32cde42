-- Spans. Columns down to Links, their types and the keys are those of the OpenTelemetry Collector's ClickHouse exporter;
-- what follows is ours and is named by no INSERT.
-- sharding: cityHash64(TraceId)
CREATE TABLE IF NOT EXISTS ${database}.otel_traces${on_cluster}
(
    `Timestamp` DateTime64(9) COMMENT 'Start of the span' CODEC(Delta(8), ZSTD(1)),
    `TraceId` String COMMENT 'Trace, 32 hex digits' CODEC(ZSTD(1)),
    `SpanId` String COMMENT 'Span, 16 hex digits' CODEC(ZSTD(1)),
    `ParentSpanId` String COMMENT 'Span that called this one; empty for a root' CODEC(ZSTD(1)),
    `TraceState` String COMMENT 'W3C trace state' CODEC(ZSTD(1)),
    `SpanName` LowCardinality(String) COMMENT 'Operation' CODEC(ZSTD(1)),
    `SpanKind` LowCardinality(String) COMMENT 'Unspecified, Internal, Server, Client, Producer or Consumer' CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String) COMMENT 'Resource attribute service.name, or empty' CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the source, sorted by key' CODEC(ZSTD(1)),
    `ScopeName` String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    `ScopeVersion` String COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    `SpanAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the span, sorted by key' CODEC(ZSTD(1)),
    `Duration` UInt64 COMMENT 'Nanoseconds; 0 if the span ends before it starts' CODEC(ZSTD(1)),
    `StatusCode` LowCardinality(String) COMMENT 'Unset, Ok or Error' CODEC(ZSTD(1)),
    `StatusMessage` String COMMENT 'What went wrong, if StatusCode is Error' CODEC(ZSTD(1)),
    `Events` Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) COMMENT 'Span events, in the order sent' CODEC(ZSTD(1)),
    `Links` Nested(TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) COMMENT 'Span links, in the order sent' CODEC(ZSTD(1)),

    `ClusterUid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.uid'] COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    `ClusterName` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    `CompositionId` LowCardinality(String) MATERIALIZED if(
        ResourceAttributes['krateo.composition.id'] != '', ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) COMMENT 'Krateo composition that owns the source' CODEC(ZSTD(1)),
    `SampleRate` UInt64 MATERIALIZED greatest(toUInt64OrZero(SpanAttributes['SampleRate']), 1) COMMENT 'Spans that this one stands for' CODEC(T64, ZSTD(1)),
    `EndedBeforeStart` Bool DEFAULT false COMMENT 'The span ended before it started, so its Duration is 0' CODEC(ZSTD(1)),
    `IngestedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1)),
    `ResourceAttributeItems` Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(ResourceAttributes, 'Array(Tuple(String, String))')) COMMENT 'ResourceAttributes as key=value',
    `SpanAttributeItems` Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(SpanAttributes, 'Array(Tuple(String, String))')) COMMENT 'SpanAttributes as key=value',

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
    INDEX idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1,
    INDEX idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
TTL toDateTime(Timestamp) + toIntervalDay(${traces_days}) -- when: traces_days
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds}
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
