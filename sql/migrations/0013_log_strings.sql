-- Strings as one stream each, and not their sizes and their bytes in two: what is asked of logs is mostly some records that
-- lie far apart, and takes as many reads as there are streams. Rows that are here already get it when their parts are
-- merged. Why so: docs/decisions/0013-indexes-for-questions.md.
-- only with: otel_logs.CompositionId
ALTER TABLE ${database}.otel_logs${on_cluster}
    MODIFY SETTING string_serialization_version = 'single_stream' -- when: size_streams
    MODIFY SETTING min_compress_block_size = 16384 -- unless: size_streams
