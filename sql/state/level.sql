-- Column Level of otel_logs, and whether it is ours: both expressions as this server writes them.
SELECT
    type,
    default_kind,
    ifNull(
        type = 'UInt8'
        AND default_kind = 'MATERIALIZED'
        AND formatQuerySingleLineOrNull(concat('SELECT ', default_expression))
            = formatQuerySingleLineOrNull(concat('SELECT ', {expression:String})),
        false) AS ours
FROM system.columns
WHERE database = currentDatabase() AND table = 'otel_logs' AND name = 'Level'
