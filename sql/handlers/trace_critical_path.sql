-- name: trace_critical_path
-- summary: The spans that made one trace take as long as it took, from its start to its end.
-- description: A span waits for that child which ended last, before that child for the one that ended last before it
--     began, and so on down; whatever ran beside them made nothing longer. `path_ns` is the time in which nothing but
--     this span itself was waited for, and all of them add up to the duration of the root: the longest of several
--     roots, or, where no root arrived, the longest span without its parent. What runs on after its parent counts up to
--     the parent's end. A child of another service that begins before its parent shows two clocks that differ: it is
--     moved into its parent together with all below it, and says so. Spans more than 200 levels deep are left out.
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
--   default: 200
--   bounds: 1 .. 10000
--   example: 20
--   help: The most spans to answer with.
--
-- column depth: UInt64
--   help: Levels below the root; 0 for the root.
-- column service: String
--   help: Service that recorded the span.
-- column span: String
--   help: Name of the span.
-- column kind: String
--   help: Server, Client, Producer, Consumer, Internal or Unspecified.
--   wide: yes
-- column offset_ns: Int64
--   help: When it comes onto the path, in nanoseconds after the start of the root.
-- column duration_ns: UInt64
--   help: Duration of the whole span in nanoseconds.
-- column path_ns: UInt64
--   help: Nanoseconds on the path that are its own.
-- column share: Nullable(Float64)
--   help: path_ns of the duration of the root, 0 to 1; null where that is 0.
-- column error: Bool
--   help: Whether the span's status is Error.
-- column status_message: String
--   help: What the span says about its error.
--   wide: yes
-- column moved_ns: Int64
--   help: By how many nanoseconds it was moved because its clock and its parent's differ.
--   wide: yes
-- column span_id: String
--   help: Id of the span.
--   wide: yes
-- column parent_span_id: String
--   help: Id of its parent, or empty.
--   wide: yes
-- column roots: UInt64
--   help: Spans of the trace without a parent that arrived: of more than one, the longest is looked at here.
--   wide: yes
-- column trace_spans: UInt64
--   help: Spans of the whole trace.
--   wide: yes
WITH RECURSIVE
    (
        -- When the trace was, in whole seconds; see trace.sql.
        SELECT
            if(count() > 0, toDateTime64(min(Start), 9, 'UTC'), toDateTime64('1970-01-01 00:00:00', 9, 'UTC')) AS first,
            if(count() > 0, toDateTime64(max(End), 9, 'UTC'), toDateTime64('2262-01-01 00:00:00', 9, 'UTC')) AS last
        FROM otel_traces_trace_id_ts
        WHERE TraceId = lower({trace_id:String})
    ) AS seen,
    -- One node for each id however often it was stored. Read once, and kept as a constant.
    (
        SELECT groupArray((id, parent, begin, end, service, span, kind, failed, message))
        FROM (
            WITH
                toUnixTimestamp64Nano(Timestamp) AS started,
                -- Exporters that subtracted without looking stored an end before the start as nearly 2^64.
                started + if(Duration < 9223372036854775808, toInt64(Duration), 0) AS ended
            SELECT
                SpanId AS id,
                argMin(ParentSpanId, (started, ParentSpanId)) AS parent,
                min(started) AS begin,
                max(ended) AS end,
                argMin(ServiceName, (started, ParentSpanId)) AS service,
                argMin(SpanName, (started, ParentSpanId)) AS span,
                argMin(SpanKind, (started, ParentSpanId)) AS kind,
                max(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS failed,
                max(StatusMessage) AS message
            FROM otel_traces
            WHERE TraceId = lower({trace_id:String})
                AND Timestamp >= seen.1
                AND Timestamp < seen.2 + INTERVAL 1 SECOND
                AND SpanId != ''
            GROUP BY id
        )
    ) AS collected,
    nodes AS (
        SELECT
            node.1 AS id, node.2 AS parent, node.3 AS begin, node.4 AS end, node.5 AS service, node.6 AS span,
            node.7 AS kind, node.8 AS failed, node.9 AS message,
            multiIf(parent = '', 0, parent NOT IN (SELECT arrayJoin(collected.1)), 1, 2) AS rank -- root, orphan, child
        FROM (SELECT arrayJoin(collected) AS node)
    ),
    (
        SELECT groupArray((parent, children))
        FROM (
            SELECT parent, groupArray((id, begin, end, service)) AS children
            FROM nodes
            WHERE parent NOT IN ('', id)
            GROUP BY parent
        )
    ) AS gathered,
    families AS (
        SELECT family.1 AS parent, family.2 AS children FROM (SELECT arrayJoin(gathered) AS family)
    ),
    -- (id, service, own begin and end, the part of them that lies in the parent's part: its begin and end, moved by)
    path AS (
        SELECT
            (id, service, begin, end, begin, end, toInt64(0)) AS node,
            '' AS above,
            [(begin, id)] AS place,
            toUInt64(0) AS depth
        FROM (
            SELECT id, service, begin, end
            FROM nodes
            ORDER BY rank, end - begin DESC, begin, id
            LIMIT 1
        )
        UNION ALL
        SELECT
            arrayJoin(
                -- From the end of the part backwards: what was waited for last, then what ended before that began. A lambda
                -- copies what it takes from outside for each element, so marks are made and not a list of those chosen.
                arrayFilter(
                    (one, is_waited_for) -> is_waited_for,
                    arraySort(
                        one -> (-one.6, one.5, one.1),
                        arrayFilter(
                            one -> one.6 > one.5 AND NOT has(path.place.2, one.1), -- no span is its own ancestor twice
                            arrayMap(
                                one -> (
                                    one.1, one.2, one.3 + one.4, one.5 + one.4,
                                    greatest(one.3 + one.4, path.node.5), least(one.5 + one.4, path.node.6), one.4
                                ),
                                -- (id, service, begin, how far to move, end). Nothing begins before what caused it: there two
                                -- clocks differ, and the child is put into the middle of its parent, or at its start.
                                arrayMap(
                                    child -> (
                                        child.1, child.4, child.2,
                                        if(
                                            child.4 != path.node.2 AND child.2 + path.node.7 < path.node.3,
                                            path.node.3 - child.2
                                                + greatest(0, intDiv(path.node.4 - path.node.3 - child.3 + child.2, 2)),
                                            path.node.7
                                        ),
                                        child.3
                                    ),
                                    families.children
                                )
                            )
                        )
                    ) AS candidates,
                    arrayFold(
                        (done, one) -> (
                            if(one.6 <= done.1, one.5, done.1),
                            arrayPushBack(done.2, toUInt8(one.6 <= done.1))
                        ),
                        candidates,
                        (path.node.6, CAST([], 'Array(UInt8)'))
                    ).2
                )
            ) AS next,
            path.node.1,
            arrayPushBack(path.place, (next.5, next.1)),
            path.depth + 1
        FROM path
        INNER JOIN families ON families.parent = path.node.1
        WHERE path.depth < 200
    ),
    -- Named in one place alone: ClickHouse walks anew for each place that names what it walks. Each step counts towards
    -- its own span and, as time waited for, towards the one above, so that one pass tells both.
    steps AS (
        SELECT
            line.2 AS id,
            anyIf(step.node.5, line.1) AS part_begin,
            anyIf(step.node.6, line.1) AS part_end,
            anyIf(step.node.7, line.1) AS moved,
            anyIf(step.place, line.1) AS place,
            anyIf(step.depth, line.1) AS depth,
            sumIf(step.node.6 - step.node.5, NOT line.1) AS waited
        FROM path AS step
        ARRAY JOIN [(true, step.node.1), (false, step.above)] AS line
        WHERE line.2 != '' -- nothing is above the root
        GROUP BY id
    )
SELECT
    steps.depth AS depth,
    nodes.service AS service,
    nodes.span AS span,
    nodes.kind AS kind,
    part_begin - min(part_begin) OVER () AS offset_ns,
    toUInt64(nodes.end - nodes.begin) AS duration_ns,
    toUInt64(part_end - part_begin - steps.waited) AS path_ns,
    round(path_ns / nullIf(max(part_end - part_begin) OVER (), 0), 6) AS share,
    toBool(nodes.failed) AS error,
    nodes.message AS status_message,
    moved AS moved_ns,
    nodes.id AS span_id,
    nodes.parent AS parent_span_id,
    -- What else began without a parent that arrived: it is not on this path, and may have a longer one.
    assumeNotNull((SELECT countIf(rank < 2) FROM nodes)) AS roots,
    length(collected) AS trace_spans
FROM steps
INNER JOIN nodes ON nodes.id = steps.id
ORDER BY steps.place
LIMIT {limit:UInt32}
