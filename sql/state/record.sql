INSERT INTO ${database}.otel_schema_migrations (Kind, Name, Checksum)
SELECT {kind:String}, {name:String}, {checksum:String}
