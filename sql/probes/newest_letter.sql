-- How many dead letters wait for somebody, and when the newest of them came.
SELECT count() AS letters, toString(max(ReceivedAt)) AS newest
FROM otel_dead_letters FINAL
WHERE State = 'open'
