-- What was done here, the last word on each.
SELECT Kind, Name, argMax(Checksum, RecordedAt) AS Checksum
FROM ${database}.otel_schema_migrations
GROUP BY Kind, Name
ORDER BY Kind, Name
