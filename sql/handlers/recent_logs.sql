-- name: recent_logs
-- summary: The newest log records, newest first.
-- description: Filters narrow, and all of those given must hold. Text is looked for anywhere in the body, in any
--     case of the letters A to Z (others must match as they stand), and as it is: no character in it is special.
--     A record whose source gave a severity text and no number counts by its text, and one with neither by what its
--     body says of itself (level=error, ERROR, Traceback).
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs
-- limit rows: 10000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param service: String
--   default:
--   example: checkout
--   help: Only records of this service, by its exact name.
-- param min_severity: String
--   default:
--   choices: , trace, debug, info, warn, error, fatal
--   example: warn
--   help: Only records at least this severe. Records of unknown severity are left out.
-- param text: String
--   default:
--   bounds: 1 .. 4096
--   example: connection refused
--   help: Only records whose body holds this text.
-- param trace_id: String
--   default:
--   hex: 32
--   example: 5b8efff798038103d269b633813fc60c
--   help: Only records of this trace, 32 hexadecimal digits.
-- param namespace: String
--   default:
--   example: payments
--   help: Only records from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only records of this Krateo composition, by its id.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only records from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param attribute: String
--   default:
--   example: http.route
--   help: Only records that have this attribute, on the record or on its resource.
-- param attribute_value: String
--   default:
--   example: /api/cart
--   help: With `attribute`, only where it has exactly this value; alone, where any attribute has it.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most records to answer with.
--
-- column time: String
--   help: When it happened, RFC 3339 in UTC.
-- column severity: String
--   help: Severity in the words of the source, or by its number, or empty.
-- column service: String
--   help: Service that wrote it.
-- column body: String
--   help: The message; JSON text if it was an array or a map.
-- column trace_id: String
--   help: Trace it belongs to, or empty.
-- column span_id: String
--   help: Span it belongs to, or empty.
--   wide: yes
-- column attributes: Map(String, String)
--   help: Attributes of the record.
--   wide: yes
-- column resource: Map(String, String)
--   help: Attributes of what wrote it.
--   wide: yes
-- column position: String
--   help: Where the record stands in the order of this answer.
--   machines: yes
WITH
    ${iso},
    ${level_of}, -- when: min_severity -- unless: composition
    -- Numbers of the OpenTelemetry log data model: each name begins a range of four.
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] AS names,
    ${like_text},
    -- Rows that agree in all that is told of them are the same to whoever goes through pages.
    cityHash64(SeverityText, SeverityNumber, ServiceName, Body, TraceId, SpanId, LogAttributes, ResourceAttributes) AS key,
    fromUnixTimestamp64Nano(least(toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}), {page_at:Int64}), 'UTC') AS before,
    fromUnixTimestamp64Nano({page_at:Int64}, 'UTC') AS last_given,
    -- Where the records of this page stand in the table's key. To find them takes the columns of the filters alone; all
    -- others are long to read, and are read there and nowhere else.
    (
        SELECT groupUniqArray((bucket, service, at))
        FROM (
            SELECT toStartOfFiveMinutes(Timestamp) AS bucket, ServiceName AS service, Timestamp AS at
            FROM otel_logs
            WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
                AND Timestamp < before
                -- The same once more in terms of the key's first column: ClickHouse does not derive it, since Timestamp
                -- itself is in the key too, as its third. The five minutes make it true in every time zone of a server.
                AND toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
                AND toStartOfFiveMinutes(Timestamp) < before
                ${logs_filters}
            -- The first term is the key's, so ClickHouse reads backwards from the end and stops at the limit. Which of
            -- those of one time come first is seen only when they are read.
            ORDER BY bucket DESC, at DESC
            LIMIT {limit:UInt32} WITH TIES
            UNION ALL -- when: page_key
            -- Those of the very time of the last one that was given: some of them may not have been. -- when: page_key
            SELECT DISTINCT toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp -- when: page_key
            FROM otel_logs -- when: page_key
            WHERE Timestamp = last_given -- when: page_key
                AND toStartOfFiveMinutes(Timestamp) >= last_given - INTERVAL 5 MINUTE -- when: page_key
                AND toStartOfFiveMinutes(Timestamp) <= last_given -- when: page_key
        )
    ) AS page
SELECT
    iso(Timestamp) AS time,
    multiIf(SeverityText != '', SeverityText, SeverityNumber BETWEEN 1 AND 24, upper(names[intDiv(SeverityNumber - 1, 4) + 1]), '') AS severity,
    ServiceName AS service,
    Body AS body,
    TraceId AS trace_id,
    SpanId AS span_id,
    LogAttributes AS attributes,
    ResourceAttributes AS resource,
    concat(toString(toUnixTimestamp64Nano(Timestamp)), '-', toString(key)) AS position
FROM otel_logs
PREWHERE (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp) IN (SELECT arrayJoin(page))
WHERE true
    ${logs_filters}
    AND (Timestamp < last_given OR key >= {page_key:UInt64}) -- when: page_key
ORDER BY Timestamp DESC, key
LIMIT {limit:UInt32} OFFSET {page_skip:UInt64}
-- Buffering reads far ahead of what the limit needs: 1.5 million rows for 100, against 0.1 million without.
-- The page's records lie in some granules each: read by all cores, though they are few rows by ClickHouse's measure.
-- The errors of a composition lie where their index says, some in each of a hundred granules: to look at one column of
-- a granule after the other, so as to read less of the last, costs more there than to read them all.
-- Indexes are asked before anything is read. While it is read, as ClickHouse 26.1 and later would, each thread asks them
-- for each stretch: 1.8 times the CPU for a trace, and no less for a text that stands in the newest records.
SETTINGS read_in_order_use_buffering = 0,
    optimize_move_to_prewhere = 0, -- when: composition -- when: min_severity = error, fatal
    use_skip_indexes_on_data_read = 0,
    merge_tree_min_rows_for_concurrent_read = 8192,
    merge_tree_min_bytes_for_concurrent_read = 131072
