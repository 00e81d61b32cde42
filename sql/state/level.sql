-- Column Level of otel_logs, and whether it is ours: by our comment, or by the expression, both as this server writes
-- them. The comment is what stays where another release of ClickHouse wrote the expression down in another way.
SELECT
    type,
    default_kind,
    ifNull(
        type = 'UInt8'
        AND default_kind = 'MATERIALIZED'
        AND (
            comment = {comment:String}
            OR formatQuerySingleLineOrNull(concat('SELECT ', default_expression))
                = formatQuerySingleLineOrNull(concat('SELECT ', {expression:String}))),
        false) AS ours
FROM system.columns
WHERE database = currentDatabase() AND table = 'otel_logs' AND name = 'Level'
