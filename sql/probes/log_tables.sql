-- ClickHouse's own log tables that keep their rows for ever, the largest first.
SELECT name, ifNull(total_bytes, 0) AS bytes
FROM system.tables
WHERE database = 'system' AND engine LIKE '%MergeTree' AND name LIKE '%\_log%' AND position(engine_full, ' TTL ') = 0
ORDER BY bytes DESC, name
