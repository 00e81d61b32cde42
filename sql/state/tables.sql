-- Tables and views that are, or may be, ours, and how they were made.
SELECT name, engine, create_table_query
FROM system.tables
WHERE database = currentDatabase() AND (startsWith(name, 'otel_') OR startsWith(name, 'otlp_'))
ORDER BY name
