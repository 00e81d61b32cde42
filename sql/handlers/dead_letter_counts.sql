-- name: dead_letter_counts
-- summary: How many items could not be stored, by reason and service, most first.
-- description: Items that agree in signal, service, cluster, reason and state are counted together. The question
--     dead_letters lists them one by one.
-- doors: rest, mcp, cli, docs
-- signals: none
-- role: operator
-- limit rows: 10000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 1d
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included, by when the items arrived. Not given, it lies one day before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param state: String
--   default: open
--   choices: open, stored, any
--   example: any
--   help: Only letters in this state. A letter is stored once it was sent again with success.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most groups to answer with.
--
-- column letters: UInt64
--   help: Dead letters in the group.
-- column signal: String
--   help: Their signal.
-- column service: String
--   help: Service that they came from.
-- column cluster: String
--   help: Kubernetes cluster that they came from.
--   wide: yes
-- column state: String
--   help: open, or stored.
--   wide: yes
-- column last: String
--   help: When the newest of them arrived, RFC 3339 in UTC.
-- column first: String
--   help: When the oldest of them arrived, RFC 3339 in UTC.
--   wide: yes
-- column newest: String
--   help: Name of the newest letter, for the question dead_letter.
--   wide: yes
-- column reason: String
--   help: Why they could not be stored, and how to mend it.
WITH
    ${iso}
SELECT
    count() AS letters,
    Signal AS signal,
    ServiceName AS service,
    ClusterName AS cluster,
    State AS state,
    iso(max(ReceivedAt)) AS last,
    iso(min(ReceivedAt)) AS first,
    argMax(Id, (ReceivedAt, Id)) AS newest,
    Reason AS reason
FROM otel_dead_letters FINAL
WHERE ReceivedAt >= {since:DateTime64(9, 'UTC')}
    AND ReceivedAt < {until:DateTime64(9, 'UTC')}
    AND ({state:String} = 'any' OR State = {state:String})
GROUP BY Signal, ServiceName, ClusterName, State, Reason
ORDER BY letters DESC, last DESC, reason, service, cluster, signal, state
LIMIT {limit:UInt32}
