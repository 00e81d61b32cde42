-- What each table takes on disk, how well it is compressed, and how many parts it has. More than 300 parts in a partition
-- means that inserts are too small or merges fall behind.
SELECT
    table,
    sum(rows) AS rows,
    formatReadableSize(sum(bytes_on_disk)) AS on_disk,
    round(sum(data_uncompressed_bytes) / greatest(sum(data_compressed_bytes), 1), 1) AS compression,
    count() AS parts,
    uniqExact(partition) AS partitions,
    min(min_date) AS oldest_day
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table
ORDER BY sum(bytes_on_disk) DESC
