-- The lock of `otelhouse migrate`: its one column is called `free`, or `held_TOKEN_SINCE_UNTIL`. No row is ever in it.
CREATE TABLE IF NOT EXISTS ${database}.otel_schema_lock (free UInt8) ENGINE = Memory
