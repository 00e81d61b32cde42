-- Columns of all tables that are, or may be, ours.
SELECT table, name, type
FROM system.columns
WHERE database = currentDatabase() AND (startsWith(table, 'otel_') OR startsWith(table, 'otlp_'))
ORDER BY table, position
