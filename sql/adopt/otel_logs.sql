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
    ADD COLUMN IF NOT EXISTS `Level` UInt8 MATERIALIZED if(
        SeverityNumber > 0, SeverityNumber,
        arrayMap(start -> arrayMap(named -> toUInt8(transform(
            lower(substring(multiIf(
                SeverityText != '', SeverityText,
                match(start, '^[IWEF][0-9]{4} [0-9]{2}:'), substring(start, 1, 1),
                named != '', named,
                firstNonDefault(
                    extract(substring(start, 1, 120), '\\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|CRIT(?:ICAL)?|ALERT|EMERG|FATAL|PANIC)\\b'),
                    if(match(start, '^(Traceback|Unhandled|Uncaught|Exception in thread)\\b'), 'error', ''),
                    if(match(start, '^(panic|fatal error)\\b'), 'fatal', ''))
            ), 1, 3)),
            ['tra', 't', '10', 'deb', 'd', '20', 'inf', 'not', 'i', '30', 'war', 'w', '40', 'err', 'sev', 'e', '50', 'fat', 'cri', 'ale', 'eme', 'pan', 'dpa', 'f', '60'],
            [1, 1, 1, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 17, 17, 17, 17, 21, 21, 21, 21, 21, 21, 21, 21],
            0)),
            [extract(start, '(?i)\\b(?:level|levelname|loglevel|lvl|severity)["\']?\\s*[=:]\\s*["\']?(trace|debug|info|notice|warn|err|severe|crit|fatal|alert|emerg|panic|dpanic|[1-6]0\\b)')]
        )[1],
        multiIf(
            SeverityNumber > 0, [],
            SeverityText != '', [''],
            position(Body, '\x1b') > 0, [replaceRegexpAll(substring(Body, 1, 1000), '\x1b\\[[0-9;]*[A-Za-z]', '')],
            [substring(Body, 1, 1000)])
        )[1]) COMMENT 'Severity 1 to 24, by number, else by text, else by what the body says of itself; 0 if not known' CODEC(ZSTD(1)),
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
