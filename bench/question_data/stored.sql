SELECT table, sum(rows), sum(bytes_on_disk), count()
FROM system.parts
WHERE database = currentDatabase() AND active AND table IN ('otel_logs', 'otel_traces', 'otel_k8s_events')
GROUP BY table
ORDER BY table
