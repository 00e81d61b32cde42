-- name: schema_tables
-- summary: The tables of the house: what each is for, how it is sorted, and how many rows it has.
-- description: Sorted by name. What a query filters by should begin like the sorting key. Rows are those of all parts,
--     whoever asks.
-- doors: mcp, docs
-- signals: none
-- limit rows: 1000
-- limit seconds: 20
--
-- param limit: UInt32
--   default: 1000
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column table: String
--   help: Name of the table.
-- column rows: Nullable(UInt64)
--   help: Rows in it; null for what keeps none.
-- column sorting_key: String
--   help: What its rows are sorted by.
-- column comment: String
--   help: What it is for, if it says.
SELECT
    name AS table,
    total_rows AS rows,
    sorting_key,
    comment
FROM ${own_tables}
ORDER BY name
LIMIT {limit:UInt32}
