-- Indexes for questions about a composition, a pod and a piece of text. Rows that are here already get them when their parts
-- are merged; `ALTER TABLE otel_logs MATERIALIZE INDEX idx_body_ngrams` gives them at once, for some CPU.
-- Why these: docs/decisions/0013-indexes-for-questions.md.
-- The earlier text had one filter of n-grams for each granule.
-- earlier text: 65902a2a10d355ca8c6fa34a542811c473967d01efcedb9695738bea58ad7d4d
-- only with: otel_logs.CompositionId
ALTER TABLE ${database}.otel_logs${on_cluster}
    ADD INDEX IF NOT EXISTS idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_pod_uid `__otel_materialized_k8s.pod.uid` TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_body_ngrams lower(Body) TYPE ngrambf_v1(3, 16384, 2, 0) GRANULARITY 4
