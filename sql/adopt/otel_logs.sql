-- IngestedAt of rows that are here already is their own time: with now64(9) as default they would look new at every read.
-- The decoding view names the true time for new rows.
ALTER TABLE ${database}.otel_logs${on_cluster}
    ADD COLUMN IF NOT EXISTS `EventName` String COMMENT 'Name of the event, if the record is one' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `ClusterUid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.uid'] COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `ClusterName` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `CompositionId` LowCardinality(String) MATERIALIZED multiIf(
        LogAttributes['krateo.io/composition-id'] != '', LogAttributes['krateo.io/composition-id'],
        ResourceAttributes['krateo.composition.id'] != '', ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) COMMENT 'Krateo composition that owns the source, or what the record is about' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `IngestedAt` DateTime64(9) DEFAULT Timestamp COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `__otel_materialized_k8s.namespace.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.namespace.name'] CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `__otel_materialized_k8s.container.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.container.name'] CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `__otel_materialized_k8s.pod.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.name'] CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `__otel_materialized_k8s.pod.uid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.uid'] CODEC(ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_pod_uid `__otel_materialized_k8s.pod.uid` TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_body_ngrams lower(Body) TYPE ngrambf_v1(3, 16384, 2, 0) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_composition_errors (
        if(SeverityNumber BETWEEN 1 AND 16, '', CompositionId),
        if(SeverityNumber BETWEEN 1 AND 16, '', `__otel_materialized_k8s.pod.uid`)
    ) TYPE bloom_filter(0.001) GRANULARITY 1,
    MODIFY SETTING min_compress_block_size = 16384,
        string_serialization_version = 'single_stream', -- when: size_streams
        non_replicated_deduplication_window = ${deduplication_window},
        replicated_deduplication_window = ${deduplication_window},
        replicated_deduplication_window_seconds = ${deduplication_seconds}
