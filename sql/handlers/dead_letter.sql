-- name: dead_letter
-- summary: One item that could not be stored, whole: its bytes, its origin, its reason.
-- description: The item is a serialised ResourceLogs, ResourceSpans or ResourceMetrics of OTLP that holds this one item
--     with its resource and scope, in base64; empty if it was too large to be kept. `otelhouse deadletter show` prints
--     it in words.
-- doors: rest, mcp, cli, docs
-- signals: none
-- role: operator
-- limit rows: 10
-- limit seconds: 20
--
-- param id: String
--   bounds: 8 .. 32
--   example: 1f819025ebfac24cd41f3db77de533c8
--   help: Name of the letter, as the question dead_letters gives it; its beginning is enough.
-- param limit: UInt32
--   default: 2
--   bounds: 1 .. 10
--   example: 1
--   help: The most letters to answer with, where several names begin so. An item may be a mebibyte.
--
-- column id: String
--   help: Name of the letter.
-- column received: String
--   help: When the item arrived, RFC 3339 in UTC.
-- column signal: String
--   help: Its signal.
-- column service: String
--   help: Service that it came from.
-- column cluster: String
--   help: Kubernetes cluster that it came from, by name.
-- column cluster_uid: String
--   help: Kubernetes cluster that it came from, by uid.
--   wide: yes
-- column sender: String
--   help: Who sent it.
-- column item_time_unix_nano: UInt64
--   help: The time that the item gives for itself, in nanoseconds since 1970; 0 if it gives none.
--   wide: yes
-- column state: String
--   help: open, or stored.
-- column attempts: UInt32
--   help: How often it was sent again.
--   wide: yes
-- column size: UInt64
--   help: Bytes of the item with its resource and scope.
--   wide: yes
-- column code: Int32
--   help: Error code of ClickHouse; 0 if the house found it itself.
--   wide: yes
-- column token: String
--   help: Deduplication token of the batch that it came in.
--   wide: yes
-- column item: String
--   help: The item, in base64.
--   wide: yes
-- column reason: String
--   help: Why it could not be stored, and how to mend it.
SELECT
    Id AS id,
    concat(replaceOne(toString(ReceivedAt, 'UTC'), ' ', 'T'), 'Z') AS received,
    Signal AS signal,
    ServiceName AS service,
    ClusterName AS cluster,
    ClusterUid AS cluster_uid,
    Sender AS sender,
    ItemTimeUnixNano AS item_time_unix_nano,
    State AS state,
    Attempt AS attempts,
    ItemSize AS size,
    Code AS code,
    Token AS token,
    base64Encode(Item) AS item,
    Reason AS reason
FROM otel_dead_letters FINAL
-- Before the other columns are read, items among them. With FINAL that is right only for columns of the sorting key.
PREWHERE startsWith(Id, {id:String})
ORDER BY ReceivedAt DESC, Id DESC
LIMIT {limit:UInt32}
