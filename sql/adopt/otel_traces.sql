-- IngestedAt of rows that are here already is their own time: with now64(9) as default they would look new at every read.
-- The decoding view names the true time for new rows.
ALTER TABLE ${database}.otel_traces${on_cluster}
    ADD COLUMN IF NOT EXISTS `ClusterUid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.uid'] COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `ClusterName` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] COMMENT 'Kubernetes cluster, by name' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `CompositionId` LowCardinality(String) MATERIALIZED if(
        ResourceAttributes['krateo.composition.id'] != '', ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) COMMENT 'Krateo composition that owns the source' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `SampleRate` UInt64 MATERIALIZED greatest(toUInt64OrZero(SpanAttributes['SampleRate']), 1) COMMENT 'Spans that this one stands for' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `EndedBeforeStart` Bool DEFAULT false COMMENT 'The span ended before it started, so its Duration is 0' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `IngestedAt` DateTime64(9) DEFAULT Timestamp COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1,
    MODIFY SETTING non_replicated_deduplication_window = ${deduplication_window},
        replicated_deduplication_window = ${deduplication_window},
        replicated_deduplication_window_seconds = ${deduplication_seconds}
