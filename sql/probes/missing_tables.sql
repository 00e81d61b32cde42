-- Which of the tables that the questions read are not there, and which columns of today's lack in those of ours: a row each.
SELECT missing
FROM (
    SELECT arrayJoin([
        'otel_logs',
        'otel_traces',
        'otel_traces_trace_id_ts',
        'otel_metrics_gauge',
        'otel_metrics_sum',
        'otel_metrics_histogram',
        'otel_metrics_exponential_histogram',
        'otel_metrics_summary'
    ]) AS missing
    WHERE missing NOT IN (SELECT name FROM system.tables WHERE database = currentDatabase())
    UNION ALL
    -- Of a release before this one: new processes wait for its migration, which refuses a column of this name that is
    -- somebody else's. A table that nobody adopted has neither.
    SELECT 'otel_logs.Level'
    FROM system.columns
    WHERE database = currentDatabase() AND table = 'otel_logs'
    HAVING countIf(name = 'CompositionId') > 0 AND countIf(name = 'Level' AND (type, default_kind) = ('UInt8', 'MATERIALIZED')) = 0
)
ORDER BY missing
