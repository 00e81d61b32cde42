-- What canaries sent with times in a window: for each row the text that has its line, the fields that its checksum is
-- over (canary/items.py has them in the same order), and when ClickHouse got it. Times may be kept in whole seconds.
-- FINAL is left out on purpose: what came twice should be seen twice.
SELECT kind, line, fields, ingested
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
        toUnixTimestamp64Nano(IngestedAt) AS ingested
    FROM otel_logs
    WHERE ServiceName = 'otelhouse-canary'
        AND Timestamp >= {since:DateTime64(9, 'UTC')}
        AND Timestamp <= {until:DateTime64(9, 'UTC')}
        AND toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
        AND toStartOfFiveMinutes(Timestamp) <= {until:DateTime64(9, 'UTC')}
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
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_traces
    WHERE ServiceName = 'otelhouse-canary'
        AND Timestamp >= {since:DateTime64(9, 'UTC')}
        AND Timestamp <= {until:DateTime64(9, 'UTC')}
    UNION ALL
    SELECT
        'gauge',
        Attributes['otelhouse.canary'],
        [toString(toUnixTimestamp(TimeUnix)), toString(Value)],
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_metrics_gauge
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix <= {until:DateTime64(9, 'UTC')}
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
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_metrics_sum
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix <= {until:DateTime64(9, 'UTC')}
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
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_metrics_histogram
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix <= {until:DateTime64(9, 'UTC')}
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
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_metrics_exponential_histogram
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix <= {until:DateTime64(9, 'UTC')}
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
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_metrics_summary
    WHERE ServiceName = 'otelhouse-canary'
        AND TimeUnix >= {since:DateTime64(9, 'UTC')}
        AND TimeUnix <= {until:DateTime64(9, 'UTC')}
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
        toUnixTimestamp64Nano(IngestedAt)
    FROM otel_k8s_events
    WHERE Namespace = 'otelhouse-canary'
        AND EventTime >= {since:DateTime64(9, 'UTC')}
        AND EventTime <= {until:DateTime64(9, 'UTC')}
)
ORDER BY ingested, kind
LIMIT {limit:UInt32}
