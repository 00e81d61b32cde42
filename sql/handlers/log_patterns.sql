-- name: log_patterns
-- summary: What log records say, like ones counted together, most frequent first.
-- description: Counts come before content. Records of one service are alike if they differ only in numbers, times,
--     UUIDs, hexadecimal ids, IP addresses, ends of pod names and quoted text; of a JSON body its message counts, of
--     any text the first 300 characters. A severity that the collector does not give is read from the text. Where the
--     window holds more records than `sample`, a share of them, spread over the window, is looked at and `count` is an
--     estimate: `looked_at` is what it rests on.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: logs
-- limit rows: 1000
-- limit seconds: 30
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
-- param namespace: String
--   default:
--   example: payments
--   help: Only records from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only records from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only records of this Krateo composition, by its id.
-- param min_severity: String
--   default:
--   choices: , trace, debug, info, warn, error, fatal
--   example: warn
--   help: Only records at least this severe. Records of unknown severity are left out.
-- param text: String
--   default:
--   bounds: 1 .. 4096
--   example: connection refused
--   help: Only records whose body holds this text, in any case of the letters A to Z.
-- param sample: UInt32
--   default: 100000
--   bounds: 1000 .. 5000000
--   example: 500000
--   help: The most records to look at, more or less.
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most patterns to answer with.
--
-- column count: UInt64
--   help: Records like this, estimated where not all were looked at.
-- column severity: String
--   help: The highest severity of them: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or empty.
-- column service: String
--   help: Service that wrote them.
-- column pattern: String
--   help: What they have in common; <n>, <text>, <time>, <uuid>, <hex>, <ip> and <pod> stand for what they have not.
-- column last_seen: String
--   help: Time of the newest of them, RFC 3339 in UTC.
-- column first_seen: String
--   help: Time of the oldest of them in the window, RFC 3339 in UTC.
--   wide: yes
-- column example: String
--   help: The newest of them, as it was written.
--   wide: yes
-- column trace_id: String
--   help: Trace that the newest belongs to, or empty.
--   wide: yes
-- column looked_at: UInt64
--   help: Records like this that were looked at.
--   wide: yes
-- column records: UInt64
--   help: All records in the window that the filters let through.
--   wide: yes
WITH
    ${iso},
    ${level_of},
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names,
    ${pattern_of},
    ${like_text},
    matching AS (
        WITH level_of(SeverityNumber, SeverityText, Body) AS level
        SELECT Timestamp, ServiceName, Body, TraceId, SpanId, SeverityNumber, SeverityText
        FROM otel_logs
        WHERE ${logs_window}
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
            AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
            AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
            AND ({min_severity:String} = '' OR level >= 4 * indexOf(level_names, upper({min_severity:String})) - 3) -- when: min_severity
            AND ({text:String} = '' OR lower(Body) LIKE like_text) -- when: text
    ),
    assumeNotNull((SELECT count() FROM matching)) AS total,
    -- Of more records than are to be looked at only a share is, spread over the window.
    greatest(1, toUInt64(ceil(total / {sample:UInt32}))) AS every,
    patterns AS (
        SELECT
            ServiceName AS service,
            pattern_of(Body) AS pattern,
            count() AS looked_at,
            max(level_of(SeverityNumber, SeverityText, Body)) AS highest,
            min(Timestamp) AS first,
            max(Timestamp) AS last,
            argMax((Body, TraceId), (Timestamp, Body)) AS newest
        FROM matching
        -- The place in the block tells apart what is the same in everything, such as a burst under one time.
        WHERE every = 1 OR cityHash64(Timestamp, Body, TraceId, SpanId, rowNumberInBlock()) % every = 0
        GROUP BY service, pattern
    )
SELECT
    looked_at * every AS count,
    if(highest > 0, level_names[intDiv(highest - 1, 4) + 1], '') AS severity,
    service,
    pattern,
    iso(last) AS last_seen,
    iso(first) AS first_seen,
    newest.1 AS example,
    newest.2 AS trace_id,
    looked_at,
    total AS records
FROM patterns
ORDER BY looked_at DESC, highest DESC, service, pattern
LIMIT {limit:UInt32}
