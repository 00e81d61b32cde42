-- Where the errors of a composition lie: they are few, and a record of it lies in nearly every granule of its service. And
-- smaller compressed blocks, so that a record which lies alone in its granule is read without much around it. Rows that
-- are here already get both when their parts are merged; `ALTER TABLE otel_logs MATERIALIZE INDEX idx_composition_errors`
-- gives the index at once, for little CPU. Why so: docs/decisions/0013-indexes-for-questions.md.
-- only with: otel_logs.CompositionId
ALTER TABLE ${database}.otel_logs${on_cluster}
    ADD INDEX IF NOT EXISTS idx_composition_errors (
        if(SeverityNumber BETWEEN 1 AND 16, '', CompositionId),
        if(SeverityNumber BETWEEN 1 AND 16, '', `__otel_materialized_k8s.pod.uid`)
    ) TYPE bloom_filter(0.001) GRANULARITY 1,
    MODIFY SETTING min_compress_block_size = 16384
