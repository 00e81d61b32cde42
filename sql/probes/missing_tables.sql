-- Which of the tables that the questions read are not there: one row each.
SELECT table
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
    ]) AS table
)
WHERE table NOT IN (SELECT name FROM system.tables WHERE database = currentDatabase())
ORDER BY table
