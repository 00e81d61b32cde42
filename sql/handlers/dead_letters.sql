-- name: dead_letters
-- summary: Items that could not be stored, newest first: which, from whom, why.
-- description: A dead letter is one log record, span or data point that ClickHouse can never hold as it is, kept with its
--     bytes. Its reason says the field and the mend. `otelhouse deadletter retry` sends letters again once the reason is
--     gone. The question dead_letter shows one whole.
-- doors: rest, mcp, cli, docs
-- signals: none
-- role: operator
-- limit rows: 10000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 1d
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included, by when the item arrived. Not given, it lies one day before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param state: String
--   default: open
--   choices: open, stored, any
--   example: any
--   help: Only letters in this state. A letter is stored once it was sent again with success.
-- param signal: String
--   default:
--   choices: , logs, traces, metrics
--   example: logs
--   help: Only items of this signal.
-- param service: String
--   default:
--   example: checkout
--   help: Only items of this service, by its exact name.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only items from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param sender: String
--   default:
--   example: 10.0.0.7
--   help: Only items from this sender.
-- param text: String
--   default:
--   bounds: 1 .. 4096
--   example: before its arrival
--   help: Only letters whose reason holds this text.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most letters to answer with.
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
--   help: Kubernetes cluster that it came from.
--   wide: yes
-- column sender: String
--   help: Who sent it.
--   wide: yes
-- column item_time: String
--   help: The time that the item gives for itself; RFC 3339 in UTC where it is one, else its nanoseconds since 1970.
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
-- column reason: String
--   help: Why it could not be stored, and how to mend it.
WITH
    ${iso}
SELECT
    Id AS id,
    iso(ReceivedAt) AS received,
    Signal AS signal,
    ServiceName AS service,
    ClusterName AS cluster,
    Sender AS sender,
    if(
        ItemTimeUnixNano BETWEEN 1 AND 9223372036854775807,
        iso(fromUnixTimestamp64Nano(toInt64(ItemTimeUnixNano), 'UTC')),
        toString(ItemTimeUnixNano)
    ) AS item_time,
    State AS state,
    Attempt AS attempts,
    ItemSize AS size,
    Code AS code,
    Reason AS reason
FROM otel_dead_letters FINAL
WHERE ReceivedAt >= {since:DateTime64(9, 'UTC')}
    AND ReceivedAt < {until:DateTime64(9, 'UTC')}
    AND ({state:String} = 'any' OR State = {state:String})
    AND ({signal:String} = '' OR Signal = {signal:String}) -- when: signal
    AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
    AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
    AND ({sender:String} = '' OR Sender = {sender:String}) -- when: sender
    AND ({text:String} = '' OR position(Reason, {text:String}) > 0) -- when: text
ORDER BY ReceivedAt DESC, Id DESC
LIMIT {limit:UInt32}
