-- name: log_counts
-- summary: How many log records match, by severity and service, the most severe first.
-- description: The filters are those of question recent_logs, so this counts what that one shows. A severity that
--     the source does not give is read from the text; where nothing tells it, it is empty.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs
-- limit rows: 1000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param service: String
--   default:
--   example: checkout
--   help: Only records of this service, by its exact name.
-- param min_severity: String
--   default:
--   choices: , trace, debug, info, warn, error, fatal
--   example: warn
--   help: Only records at least this severe. Records of unknown severity are left out.
-- param text: String
--   default:
--   bounds: 1 .. 4096
--   example: connection refused
--   help: Only records whose body holds this text.
-- param trace_id: String
--   default:
--   hex: 32
--   example: 5b8efff798038103d269b633813fc60c
--   help: Only records of this trace, 32 hexadecimal digits.
-- param namespace: String
--   default:
--   example: payments
--   help: Only records from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only records of this Krateo composition, by its id.
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only records from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param attribute: String
--   default:
--   example: http.route
--   help: Only records that have this attribute, on the record or on its resource.
-- param attribute_value: String
--   default:
--   example: /api/cart
--   help: With `attribute`, only where it has exactly this value; alone, where any attribute has it.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 1000
--   example: 20
--   help: The most rows to answer with.
--
-- column severity: String
--   help: TRACE, DEBUG, INFO, WARN, ERROR or FATAL; empty where it is not known.
-- column service: String
--   help: Service that wrote them.
-- column count: UInt64
--   help: Number of records.
-- column first_seen: String
--   help: Time of the first of them in the window, RFC 3339 in UTC.
-- column last_seen: String
--   help: Time of the last of them in the window.
WITH
    ${iso},
    ${level_of},
    -- Numbers of the OpenTelemetry log data model: each name begins a range of four.
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] AS names,
    ${like_text},
    intDiv(level_of(SeverityNumber, SeverityText, Body) + 3, 4) AS rank
SELECT
    upper(names[rank]) AS severity,
    ServiceName AS service,
    count() AS count,
    iso(min(Timestamp)) AS first_seen,
    iso(max(Timestamp)) AS last_seen
FROM otel_logs
WHERE ${logs_window}
    ${logs_filters}
GROUP BY rank, service
ORDER BY rank DESC, count DESC, service
LIMIT {limit:UInt32}
