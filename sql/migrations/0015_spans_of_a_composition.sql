-- Where the spans of a composition lie: the table is sorted by service, so a question that names none read a whole day of
-- all. Rows that are here already get it when their parts are merged; `ALTER TABLE otel_traces MATERIALIZE INDEX
-- idx_composition_id` gives it at once, for little CPU. Why so: docs/decisions/0013-indexes-for-questions.md.
-- only with: otel_traces.CompositionId
ALTER TABLE ${database}.otel_traces${on_cluster}
    ADD INDEX IF NOT EXISTS idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1
