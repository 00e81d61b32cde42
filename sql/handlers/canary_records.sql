-- name: canary_records
-- summary: What the canary sent, as it is stored: each log record, span, data point and event.
-- description: The canary asks this at every window, and anybody may who wants to see for themselves. Every item has a
--     line with its run, beat, door, kind and a checksum over its fields (docs/canary.md). What came twice is there twice.
-- doors: rest, mcp, cli, docs
-- signals: none
-- synthetic: yes
-- limit rows: 10000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 15m
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies fifteen minutes before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param limit: UInt32
--   default: 1000
--   bounds: 1 .. 10000
--   example: 20
--   help: The most items to answer with.
--
-- column ingested_at: String
--   help: When ClickHouse got it, RFC 3339 in UTC.
-- column kind: String
--   help: log, span, gauge, sum, histogram, exponential_histogram, summary or event.
-- column line: String
--   help: The line that the item carries.
-- column fields: Array(String)
--   help: What the checksum is over, as it is stored.
--   wide: yes
WITH
    ${iso}
-- FINAL is left out on purpose: what came twice should be seen twice.
SELECT iso(at) AS ingested_at, kind, line, fields
FROM (
    SELECT
        'log' AS kind,
        Body AS line,
        [
            toString(toUnixTimestamp64Nano(Timestamp)),
            toString(SeverityNumber),
            toString(SeverityText),
            TraceId
        ] AS fields,
        IngestedAt AS at
    FROM otel_logs
    WHERE ServiceName = 'otelhouse-canary'
        AND ${logs_window}
        -- Kubernetes events come as log records too, and are looked for in their own table.
        AND mapContains(LogAttributes, 'otelhouse.canary')
    UNION ALL
    SELECT
        'span',
        SpanAttributes['otelhouse.canary'],
        [
            toString(toUnixTimestamp64Nano(Timestamp)),
            toString(Duration),
            toString(StatusCode),
            toString(SpanKind),
            TraceId
        ],
        IngestedAt
    FROM otel_traces
    WHERE ServiceName = 'otelhouse-canary'
        AND Timestamp >= {since:DateTime64(9, 'UTC')}
        AND Timestamp < {until:DateTime64(9, 'UTC')}
    -- Its metrics by service and day alone: they are few, and to think about their hours takes longer than to read them.
    UNION ALL
    SELECT
        'gauge',
        Attributes['otelhouse.canary'],
        [toString(toUnixTimestamp(TimeUnix)), toString(Value)],
        IngestedAt
    FROM otel_metrics_gauge
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix < {until:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT
        'sum',
        Attributes['otelhouse.canary'],
        [
            toString(toUnixTimestamp(TimeUnix)),
            toString(Value),
            toString(AggregationTemporality),
            if(IsMonotonic, 'true', 'false')
        ],
        IngestedAt
    FROM otel_metrics_sum
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix < {until:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT
        'histogram',
        Attributes['otelhouse.canary'],
        [
            toString(toUnixTimestamp(TimeUnix)),
            toString(Count),
            toString(Sum),
            toString(BucketCounts),
            toString(ExplicitBounds)
        ],
        IngestedAt
    FROM otel_metrics_histogram
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix < {until:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT
        'exponential_histogram',
        Attributes['otelhouse.canary'],
        [
            toString(toUnixTimestamp(TimeUnix)),
            toString(Count),
            toString(Sum),
            toString(Scale),
            toString(ZeroCount),
            toString(PositiveBucketCounts)
        ],
        IngestedAt
    FROM otel_metrics_exponential_histogram
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix < {until:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT
        'summary',
        Attributes['otelhouse.canary'],
        [
            toString(toUnixTimestamp(TimeUnix)),
            toString(Count),
            toString(Sum),
            toString(`ValueAtQuantiles.Quantile`),
            toString(`ValueAtQuantiles.Value`)
        ],
        IngestedAt
    FROM otel_metrics_summary
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix < {until:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT
        'event',
        Message,
        [
            toString(toUnixTimestamp(EventTime)),
            toString(Reason),
            toString(Type),
            toString(Kind),
            Name,
            toString(Count),
            EventUid
        ],
        IngestedAt
    FROM otel_k8s_events
    WHERE Namespace = 'otelhouse-canary'
        AND EventTime >= {since:DateTime64(9, 'UTC')}
        AND EventTime < {until:DateTime64(9, 'UTC')}
)
ORDER BY at, kind, line
LIMIT {limit:UInt32}
-- Asked once a minute at two windows, and each of its eight tables is read at the places that the key says: what ClickHouse
-- would think about beyond that costs more than it saves (measured: a quarter).
SETTINGS use_skip_indexes = 0, query_plan_merge_expressions = 0, query_plan_lift_up_union = 0
