-- name: storage
-- summary: What each table takes on disk, how well it is compressed, and how old it is.
-- description: What is stored at this moment, of tables that hold anything. More than 300 parts in a partition mean
--     that merges fall behind. Free space is of the fullest disk that the table lies on.
-- doors: rest, mcp, cli, docs
-- signals: none
-- role: operator
-- limit rows: 1000
-- limit seconds: 20
--
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most tables to answer with.
--
-- column table: String
--   help: Name of the table.
-- column rows: UInt64
--   help: Rows in it.
-- column bytes_on_disk: UInt64
--   help: Bytes that it takes, indexes included.
-- column bytes_uncompressed: UInt64
--   help: Bytes of its columns before compression.
--   wide: yes
-- column compression: Float64
--   help: How many bytes of columns became one.
-- column bytes_per_row: Float64
--   help: Bytes on disk for each row.
-- column parts: UInt64
--   help: Parts that it consists of.
-- column partitions: UInt64
--   help: Partitions that it is divided into.
--   wide: yes
-- column most_parts: UInt64
--   help: Parts in the partition that has most.
--   wide: yes
-- column oldest: String
--   help: Its oldest partition, which is a day or the Monday of a week.
-- column newest: String
--   help: Its newest partition.
--   wide: yes
-- column disk_free_bytes: UInt64
--   help: Bytes that are free on the disk.
SELECT
    table,
    sum(parts.rows) AS rows,
    sum(parts.bytes_on_disk) AS bytes_on_disk,
    sum(parts.data_uncompressed_bytes) AS bytes_uncompressed,
    round(bytes_uncompressed / greatest(sum(parts.data_compressed_bytes), 1), 2) AS compression,
    round(bytes_on_disk / greatest(rows, 1), 1) AS bytes_per_row,
    count() AS parts,
    uniqExact(partition) AS partitions,
    max(parts_in_partition) AS most_parts,
    min(partition) AS oldest,
    max(partition) AS newest,
    min(disks.unreserved_space) AS disk_free_bytes
FROM
(
    SELECT *, count() OVER (PARTITION BY table, partition) AS parts_in_partition
    FROM ${own_parts}
    -- The rows that the house keeps about itself are not telemetry.
    WHERE startsWith(table, 'otel_') AND table != 'otel_schema_migrations'
) AS parts
LEFT JOIN ${own_disks} AS disks ON disks.name = parts.disk_name
GROUP BY table
ORDER BY bytes_on_disk DESC, table
LIMIT {limit:UInt32}
