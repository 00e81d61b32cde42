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
    (t -> concat(replaceOne(toString(t, 'UTC'), ' ', 'T'), 'Z')) AS iso,
    -- A severity from 1 to 24, 0 where it is not known: by number, else by text, else by what the body says of itself,
    -- since collectors of container logs often give neither. The same expression stands in each question that needs it.
    (
        (number, text, body) -> (
            if(
                position(body, '\x1b') > 0,
                replaceRegexpAll(substring(body, 1, 1000), '\x1b\\[[0-9;]*[A-Za-z]', ''),
                substring(body, 1, 1000)
            ) AS start,
            extract(
                start,
                concat(
                    '(?i)\\b(?:level|levelname|loglevel|lvl|severity)["\']?\\s*[=:]\\s*["\']?',
                    '(trace|debug|info|notice|warn|err|severe|crit|fatal|alert|emerg|panic|dpanic|[1-6]0\\b)'
                )
            ) AS named,
            multiIf(
                text != '', text,
                match(start, '^[IWEF][0-9]{4} [0-9]{2}:'), substring(start, 1, 1),
                named != '', named,
                firstNonDefault(
                    extract(
                        substring(start, 1, 120),
                        '\\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|CRIT(?:ICAL)?|ALERT|EMERG|FATAL|PANIC)\\b'
                    ),
                    if(match(start, '^(Traceback|Unhandled|Uncaught|Exception in thread)\\b'), 'error', ''),
                    if(match(start, '^(panic|fatal error)\\b'), 'fatal', '')
                )
            ) AS word,
            toUInt8(
                if(
                    number > 0,
                    number,
                    transform(
                        lower(substring(word, 1, 3)),
                        [
                            'tra', 't', '10', 'deb', 'd', '20', 'inf', 'not', 'i', '30', 'war', 'w', '40',
                            'err', 'sev', 'e', '50', 'fat', 'cri', 'ale', 'eme', 'pan', 'dpa', 'f', '60'
                        ],
                        [1, 1, 1, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 17, 17, 17, 17, 21, 21, 21, 21, 21, 21, 21, 21],
                        0
                    )
                )
            )
        ).4
    ) AS level_of,
    ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] AS level_names,
    -- A log message without what differs from one time to the next. The same expression stands in each question that
    -- needs it; the order matters, since each mask goes over what the ones before it left.
    (
        body -> (
            replaceRegexpAll(body, '\x1b\\[[0-9;]*[A-Za-z]', '') AS plain,
            -- Of a record that is a JSON object, its message is what tells it from others.
            if(
                startsWith(plain, '{'),
                firstNonDefault(
                    JSONExtractString(plain, 'message'),
                    JSONExtractString(plain, 'msg'),
                    JSONExtractString(plain, 'object', 'message'),
                    JSONExtractString(plain, 'object', 'note'),
                    plain
                ),
                plain
            ) AS message,
            trimBoth(substringUTF8(message, 1, 300)) AS start,
            -- What is JSON still has its keys in quotation marks.
            if(
                match(start, '^[{\\[]["{\\[]'),
                start,
                replaceRegexpAll(
                    replaceRegexpAll(start, '"[^"]*"|`[^`]*`', '<text>'),
                    '(^|[^0-9A-Za-z])\'[^\']*\'', '\\1<text>'
                )
            ) AS unquoted,
            replaceRegexpAll(
                unquoted,
                '\\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?',
                '<time>'
            ) AS timeless,
            replaceRegexpAll(
                timeless,
                '\\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\\b',
                '<uuid>'
            ) AS anonymous,
            replaceRegexpAll(
                anonymous,
                '\\b[0-9]{1,3}(\\.[0-9]{1,3}){3}\\b(:[0-9]+)?|\\b[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{0,4}){3,7}\\b',
                '<ip>'
            ) AS placeless,
            -- Names of pods: Kubernetes makes their ends of these letters.
            replaceRegexpAll(
                placeless,
                '-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\\b',
                '-<pod>'
            ) AS podless,
            replaceRegexpAll(podless, '\\b[0-9]+([.,:][0-9]+)*\\b', '<n>') AS countless,
            replaceRegexpAll(countless, '\\b(0[xX][0-9a-fA-F]+|[0-9a-fA-F]{8,})\\b', '<hex>') AS hexless,
            replaceRegexpAll(hexless, '[0-9]+([.,:][0-9]+)*', '<n>') AS masked
        ).11
    ) AS pattern_of,
    -- LIKE is what both kinds of index on lower(Body) serve; its special characters are made ordinary.
    concat('%', replaceRegexpAll(lower({text:String}), '[%_\\\\]', '\\\\\\0'), '%') AS like_text,
    matching AS (
        WITH level_of(SeverityNumber, SeverityText, Body) AS level
        SELECT Timestamp, ServiceName, Body, TraceId, SeverityNumber, SeverityText
        FROM otel_logs
        WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
            AND Timestamp < {until:DateTime64(9, 'UTC')}
            -- In terms of the key's first column, which ClickHouse does not derive: see recent_logs.sql.
            AND toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
            AND toStartOfFiveMinutes(Timestamp) < {until:DateTime64(9, 'UTC')}
            AND ({service:String} = '' OR ServiceName = {service:String})
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String})
            AND ({cluster:String} = '' OR ClusterName = {cluster:String})
            AND ({composition:String} = '' OR CompositionId = {composition:String})
            AND ({min_severity:String} = '' OR level >= 4 * indexOf(level_names, upper({min_severity:String})) - 3)
            AND ({text:String} = '' OR lower(Body) LIKE like_text)
    ),
    assumeNotNull((SELECT count() FROM matching)) AS total,
    -- Of more records than are to be looked at only a share is, spread over the window, and the same each time.
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
        WHERE every = 1 OR cityHash64(Timestamp) % every = 0
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
