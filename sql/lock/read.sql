-- The lock's state, by the clock of the engine (Unix seconds), and when the engine was started.
SELECT
    (SELECT any(name) FROM system.columns WHERE database = currentDatabase() AND table = 'otel_schema_lock') AS state,
    toUnixTimestamp(now()) AS now,
    toUnixTimestamp(now()) - toInt64(uptime()) AS started
