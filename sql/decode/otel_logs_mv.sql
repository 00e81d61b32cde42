-- OTLP logs -> otel_logs, one row a record. Conversion rules: docs/decode.md.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_logs_mv${on_cluster}
TO ${database}.otel_logs
AS
WITH
${value_functions}
SELECT
    now64(9) AS IngestedAt, -- when: otel_logs.IngestedAt
    -- When it happened, else when it was observed, else when it arrived: without any time
    -- it would stand in 1970, and retention would delete it at once.
    time(multiIf(record.time_unix_nano != 0, record.time_unix_nano,
                 record.observed_time_unix_nano != 0, record.observed_time_unix_nano,
                 arrival_unix_nano)) AS Timestamp,
    trace_id_text(record.trace_id) AS TraceId,
    span_id_text(record.span_id) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    -- A sender's own severity is never touched; without any, it is what the body tells of its level.
    toLowCardinality(if(level = 0, record.severity_text, ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'][intDiv(level, 4) + 1])) AS SeverityText,
    toUInt8(if(level = 0, bitAnd(record.severity_number, 255), level)) AS SeverityNumber,
    ServiceName,
    Body,
    ResourceSchemaUrl, -- when: otel_logs.ResourceSchemaUrl
    ScopeSchemaUrl, -- when: otel_logs.ScopeSchemaUrl
    record.event_name AS EventName, -- when: otel_logs.EventName
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    attribute_map(record.attributes) AS LogAttributes
FROM
(
    SELECT
        arrival_unix_nano,
        ServiceName,
        ResourceSchemaUrl,
        ResourceAttributes,
        ScopeSchemaUrl,
        ScopeName,
        ScopeVersion,
        ScopeAttributes,
        record,
        text(record.body) AS Body,
        multiIf(record.severity_text != '', [], record.severity_number != 0, [], [Body]) AS silent,
        -- In lambdas, so that ClickHouse does not compile their expressions each time that it only wants to know types. `told`
        -- is the beginning of the body up to where it tells its level; who has a severity is not asked.
        arrayMap(
            (told, Body) -> ${severity_level},
            arrayMap(
                body -> extract(
                    replaceRegexpAll(substring(body, 1, 1000), '\x1b\\[[0-9;]*[A-Za-z]', ''),
                    ${severity_told}
                ),
                silent
            ),
            silent
        )[1] AS level
    FROM
    (
        SELECT
            arrival_unix_nano,
            service_name(pairs[1]) AS ServiceName,
            ResourceSchemaUrl,
            sorted_map(pairs[1]) AS ResourceAttributes,
            toLowCardinality(scoped.schema_url) AS ScopeSchemaUrl,
            scoped.scope.name AS ScopeName,
            toLowCardinality(scoped.scope.version) AS ScopeVersion,
            sorted_map(pairs[2]) AS ScopeAttributes,
            scoped.log_records AS records
        FROM
        (
            SELECT
                arrival_unix_nano,
                ResourceSchemaUrl,
                scoped,
                arrayMap(attributes -> text_pairs(attributes), [resource_attributes, scoped.scope.attributes]) AS pairs
            FROM
            (
                SELECT
                    arrival_unix_nano,
                    resource.attributes AS resource_attributes,
                    toLowCardinality(schema_url) AS ResourceSchemaUrl,
                    scope_logs
                FROM ${database}.otlp_logs
            )
            ARRAY JOIN scope_logs AS scoped
        )
    )
    ARRAY JOIN records AS record
)
