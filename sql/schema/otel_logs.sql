-- Log records. Columns down to EventName, their types and the keys are those of the OpenTelemetry Collector's ClickHouse
-- exporter (v0.151 and later); what follows is ours and is named by no INSERT.
-- sharding: cityHash64(Timestamp, Body)
CREATE TABLE IF NOT EXISTS ${database}.otel_logs${on_cluster}
(
    `Timestamp` DateTime64(9) COMMENT 'When it happened; when that is not known, when it was observed' CODEC(Delta(8), ZSTD(1)),
    `TraceId` String COMMENT 'Trace it belongs to, 32 hex digits, or empty' CODEC(ZSTD(1)),
    `SpanId` String COMMENT 'Span it belongs to, 16 hex digits, or empty' CODEC(ZSTD(1)),
    `TraceFlags` UInt8 COMMENT 'W3C trace flags; bit 0 is sampled',
    `SeverityText` LowCardinality(String) COMMENT 'Severity in the words of the source' CODEC(ZSTD(1)),
    `SeverityNumber` UInt8 COMMENT 'Severity 1 to 24 (INFO is 9, ERROR is 17), 0 if not given',
    `ServiceName` LowCardinality(String) COMMENT 'Resource attribute service.name, or empty' CODEC(ZSTD(1)),
    `Body` String COMMENT 'Message; JSON text if it was an array or a map' CODEC(ZSTD(1)),
    `ResourceSchemaUrl` LowCardinality(String) COMMENT 'Schema URL of the resource' CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the source, sorted by key' CODEC(ZSTD(1)),
    `ScopeSchemaUrl` LowCardinality(String) COMMENT 'Schema URL of the instrumentation scope' CODEC(ZSTD(1)),
    `ScopeName` String COMMENT 'Name of the instrumentation scope' CODEC(ZSTD(1)),
    `ScopeVersion` LowCardinality(String) COMMENT 'Version of the instrumentation scope' CODEC(ZSTD(1)),
    `ScopeAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the scope, sorted by key' CODEC(ZSTD(1)),
    `LogAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the record, sorted by key' CODEC(ZSTD(1)),
    `EventName` String COMMENT 'Name of the event, if the record is one' CODEC(ZSTD(1)),
    `__otel_materialized_k8s.cluster.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.container.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.container.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.deployment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.deployment.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.namespace.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.namespace.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.node.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.node.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.pod.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.pod.uid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.uid'] CODEC(ZSTD(1)),
    `__otel_materialized_deployment.environment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['deployment.environment.name'] CODEC(ZSTD(1)),

    `ClusterUid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.uid'] COMMENT 'Kubernetes cluster, by uid' CODEC(ZSTD(1)),
    `ClusterName` LowCardinality(String) ALIAS `__otel_materialized_k8s.cluster.name` COMMENT 'Kubernetes cluster, by name',
    `CompositionId` LowCardinality(String) MATERIALIZED multiIf(
        LogAttributes['krateo.io/composition-id'] != '', LogAttributes['krateo.io/composition-id'],
        ResourceAttributes['krateo.composition.id'] != '', ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) COMMENT 'Krateo composition that owns the source, or what the record is about' CODEC(ZSTD(1)),
    `IngestedAt` DateTime64(9) DEFAULT now64(9) COMMENT 'When ClickHouse got it' CODEC(Delta(8), ZSTD(1)),
    `ResourceAttributeItems` Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(ResourceAttributes, 'Array(Tuple(String, String))')) COMMENT 'ResourceAttributes as key=value',
    `ScopeAttributeItems` Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(ScopeAttributes, 'Array(Tuple(String, String))')) COMMENT 'ScopeAttributes as key=value',
    `LogAttributeItems` Array(String) ALIAS arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(LogAttributes, 'Array(Tuple(String, String))')) COMMENT 'LogAttributes as key=value',
    -- Worked out for those alone that have no number, as arrays of one or none: an INSERT evaluates all branches of an if.
    `Level` UInt8 MATERIALIZED if(
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

    INDEX idx_trace_id TraceId TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_log_attr_value mapValues(LogAttributes) TYPE text(tokenizer = 'array'), -- when: text_index
    INDEX idx_lower_body lower(Body) TYPE text(tokenizer = 'splitByNonAlpha'), -- when: text_index
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1, -- unless: text_index
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1, -- unless: text_index
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1, -- unless: text_index
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1, -- unless: text_index
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1, -- unless: text_index
    INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1, -- unless: text_index
    INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1, -- unless: text_index
    INDEX idx_lower_body lower(Body) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 32, -- unless: text_index
    INDEX idx_ingested_at IngestedAt TYPE minmax GRANULARITY 1,
    INDEX idx_composition_id CompositionId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_pod_uid `__otel_materialized_k8s.pod.uid` TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body_ngrams lower(Body) TYPE ngrambf_v1(3, 16384, 2, 0) GRANULARITY 4,
    INDEX idx_composition_errors (
        if(SeverityNumber BETWEEN 1 AND 16, '', CompositionId),
        if(SeverityNumber BETWEEN 1 AND 16, '', `__otel_materialized_k8s.pod.uid`)
    ) TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
TTL toDateTime(Timestamp) + toIntervalDay(${logs_days}) -- when: logs_days
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window = ${deduplication_window},
    replicated_deduplication_window_seconds = ${deduplication_seconds},
    min_compress_block_size = 16384
    , string_serialization_version = 'single_stream' -- when: size_streams
    , fsync_after_insert = 1, fsync_part_directory = 1 -- when: fsync_inserts
