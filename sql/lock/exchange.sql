-- Compare and swap: ClickHouse alters one table one statement at a time, and refuses to rename a column that is not there. So of
-- two that rename the same column, exactly one succeeds.
ALTER TABLE ${database}.otel_schema_lock RENAME COLUMN ${expected} TO ${wanted}
