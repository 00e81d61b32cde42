(
    -- Of a table that is spread, those of this node's part, which has its sorting key.
    SELECT *
    FROM system.columns
    WHERE database = concat(currentDatabase(), '_shard')
        AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed')
        OR database = currentDatabase()
        AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'Distributed')
)
