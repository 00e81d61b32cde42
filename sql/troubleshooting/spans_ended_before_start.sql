-- Spans whose end lies before their start, by service, over the last day. Their Duration is stored as 0.
-- The cause is nearly always a clock that was set back, or an SDK that mixes two clocks: look at the hosts first.
SELECT
    ServiceName,
    SpanName,
    count() AS spans,
    max(Timestamp) AS newest,
    topK(3)(ResourceAttributes['host.name']) AS hosts
FROM otel_traces
WHERE Timestamp >= now64(9) - INTERVAL 1 DAY AND EndedBeforeStart
GROUP BY ServiceName, SpanName
ORDER BY spans DESC
LIMIT 100
