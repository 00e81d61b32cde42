-- What a record itself says of its composition counts before what its source says: an event is about an object of one
-- composition, and may come by a collector of another.
-- only with: otel_logs.CompositionId
ALTER TABLE ${database}.otel_logs${on_cluster}
    MODIFY COLUMN `CompositionId` LowCardinality(String) MATERIALIZED multiIf(
        LogAttributes['krateo.io/composition-id'] != '', LogAttributes['krateo.io/composition-id'],
        ResourceAttributes['krateo.composition.id'] != '', ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) COMMENT 'Krateo composition that owns the source, or what the record is about' CODEC(ZSTD(1))
