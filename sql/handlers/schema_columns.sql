-- name: schema_columns
-- summary: The columns of the house's tables, with their types.
-- description: In the order of the table. A column whose kind is ALIAS is computed when it is read.
-- doors: mcp, docs
-- signals: none
-- limit rows: 10000
-- limit seconds: 20
--
-- param table: String
--   default:
--   example: otel_logs
--   help: Only this table, by its exact name.
-- param limit: UInt32
--   default: 10000
--   bounds: 1 .. 10000
--   example: 200
--   help: The most rows to answer with.
--
-- column table: String
--   help: Name of the table.
-- column column: String
--   help: Name of the column.
-- column type: String
--   help: Its type, as ClickHouse writes it.
-- column kind: String
--   help: DEFAULT, MATERIALIZED or ALIAS; empty for one that is written as it is.
-- column key: Bool
--   help: Whether it is in the sorting key.
-- column comment: String
--   help: What it is for, if it says.
SELECT
    table,
    name AS column,
    type,
    default_kind AS kind,
    toBool(is_in_sorting_key) AS key,
    comment
FROM ${own_columns}
WHERE {table:String} = '' OR table = {table:String} -- when: table
ORDER BY table, position
LIMIT {limit:UInt32}
