-- Which of the tables and views are not there that bring rows from the Null tables into the tables: one row each. Without
-- one of them an INSERT would succeed and its rows be gone.
SELECT name
FROM (
    SELECT arrayJoin([
        'otlp_logs',
        'otlp_traces',
        'otlp_metrics',
        'otlp_metric_streams',
        'otel_logs_mv',
        'otel_traces_mv',
        'otel_traces_trace_id_ts_mv',
        'otlp_metric_streams_mv',
        'otel_metrics_gauge_mv',
        'otel_metrics_sum_mv',
        'otel_metrics_histogram_mv',
        'otel_metrics_exponential_histogram_mv',
        'otel_metrics_summary_mv',
        'otel_k8s_event_records_mv',
        'otel_k8s_events_mv'
    ]) AS name
)
WHERE name NOT IN (SELECT name FROM system.tables WHERE database = currentDatabase())
ORDER BY name
