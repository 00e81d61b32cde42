-- name: trace
-- summary: All spans of one trace, in waterfall order.
-- description: Each span stands below its parent, siblings in the order of their starts. A span whose parent never
--     arrived begins a tree of its own (placement orphan). Spans that are their own ancestors, and spans more than 200
--     levels deep, come last (placement unreached). A span that was stored twice is shown twice.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: traces
-- limit rows: 10000
-- limit seconds: 20
--
-- param trace_id: String
--   hex: 32
--   example: 5b8efff798038103d269b633813fc60c
--   help: The trace, 32 hexadecimal digits.
-- param limit: UInt32
--   default: 1000
--   bounds: 1 .. 10000
--   example: 200
--   help: The most spans to answer with, from the top of the waterfall.
--
-- column depth: UInt64
--   help: Levels below the root; 0 for a root.
-- column service: String
--   help: Service that recorded the span.
-- column span: String
--   help: Name of the span.
-- column kind: String
--   help: Server, Client, Producer, Consumer, Internal or Unspecified.
--   wide: yes
-- column offset_ns: Int64
--   help: Start, in nanoseconds after the first start in the trace.
-- column duration_ns: UInt64
--   help: Duration in nanoseconds.
-- column self_ns: UInt64
--   help: Nanoseconds of it in which no child was running.
-- column error: Bool
--   help: Whether the span's status is Error.
-- column status_message: String
--   help: What the span says about its error.
--   wide: yes
-- column events: UInt64
--   help: Number of events on the span.
--   wide: yes
-- column placement: String
--   help: How it came to its place: root, child, orphan or unreached.
--   wide: yes
-- column span_id: String
--   help: Id of the span.
--   wide: yes
-- column parent_span_id: String
--   help: Id of its parent, or empty.
--   wide: yes
-- column skew_ns: Int64
--   help: By how many nanoseconds it begins before its parent, which shows two clocks that differ; else 0.
--   wide: yes
-- column start: String
--   help: Start, RFC 3339 in UTC.
--   wide: yes
-- column attributes: Map(String, String)
--   help: Attributes of the span.
--   wide: yes
-- column resource: Map(String, String)
--   help: Attributes of what recorded it.
--   wide: yes
WITH RECURSIVE
    (
        -- When the trace was, in whole seconds. A trace that this table does not know is looked for at any time.
        -- DateTime64, since against a DateTime ClickHouse 26.7 drops parts whose times end within the last second.
        SELECT
            if(count() > 0, toDateTime64(min(Start), 9, 'UTC'), toDateTime64('1970-01-01 00:00:00', 9, 'UTC')) AS first,
            if(count() > 0, toDateTime64(max(End), 9, 'UTC'), toDateTime64('2262-01-01 00:00:00', 9, 'UTC')) AS last
        FROM otel_traces_trace_id_ts
        WHERE TraceId = lower({trace_id:String})
    ) AS seen,
    spans AS (
        SELECT
            *,
            toUnixTimestamp64Nano(Timestamp) AS begin,
            -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
            if(Duration < 9223372036854775808, Duration, 0) AS lasted
        FROM otel_traces
        WHERE TraceId = lower({trace_id:String})
            AND Timestamp >= seen.1
            AND Timestamp < seen.2 + INTERVAL 1 SECOND
    ),
    -- The tree alone: one node for each id however often it was stored. Read once, and kept as a constant.
    (
        SELECT groupArray((SpanId, first_parent, first_begin, last_end))
        FROM (
            SELECT
                SpanId,
                argMin(ParentSpanId, (begin, ParentSpanId)) AS first_parent,
                min(begin) AS first_begin,
                max(begin + lasted) AS last_end
            FROM spans
            WHERE SpanId != ''
            GROUP BY SpanId
        )
    ) AS collected,
    nodes AS (
        SELECT
            node.1 AS id,
            node.2 AS parent,
            node.3 AS begin,
            node.4 AS end,
            parent != '' AND parent IN (SELECT arrayJoin(collected.1)) AS has_parent
        FROM (SELECT arrayJoin(collected) AS node)
    ),
    -- Begins at the roots and follows each node's one parent, so it can never enter a cycle.
    tree AS (
        SELECT id, 0 AS depth, [(begin, id)] AS path
        FROM nodes
        WHERE NOT has_parent
        UNION ALL
        SELECT nodes.id, tree.depth + 1, arrayPushBack(tree.path, (nodes.begin, nodes.id))
        FROM tree
        INNER JOIN nodes ON nodes.parent = tree.id
        WHERE tree.depth < 200
    ),
    children AS (
        SELECT
            child.parent AS id,
            intervalLengthSum(greatest(child.begin, above.begin), least(child.end, above.end)) AS busy
        FROM nodes AS child
        INNER JOIN nodes AS above ON child.parent = above.id
        WHERE child.id != above.id
            AND least(child.end, above.end) > greatest(child.begin, above.begin)
        GROUP BY id
    )
SELECT
    tree.depth AS depth,
    ServiceName AS service,
    SpanName AS span,
    SpanKind AS kind,
    begin - min(begin) OVER () AS offset_ns,
    lasted AS duration_ns,
    toUInt64(lasted - least(lasted, children.busy)) AS self_ns,
    toBool(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS error,
    StatusMessage AS status_message,
    length(Events.Name) AS events,
    multiIf(
        empty(tree.path), 'unreached',
        tree.depth > 0, 'child',
        ParentSpanId = '', 'root',
        'orphan'
    ) AS placement,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    if(length(tree.path) > 1, greatest(0, tree.path[-2].1 - begin), 0) AS skew_ns,
    concat(replaceOne(toString(Timestamp, 'UTC'), ' ', 'T'), 'Z') AS start,
    SpanAttributes AS attributes,
    ResourceAttributes AS resource
FROM spans
LEFT JOIN tree ON tree.id = spans.SpanId
LEFT JOIN children ON children.id = spans.SpanId
ORDER BY empty(tree.path), tree.path, begin, SpanId
LIMIT {limit:UInt32}
