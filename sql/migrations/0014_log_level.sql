-- How severe a record is, stored, so that who asks for the errors of a composition need not read the bodies of the others.
-- Rows that are here already have it worked out at each read until their parts are merged; `ALTER TABLE otel_logs
-- MATERIALIZE COLUMN Level` stores it at once. Why so: docs/decisions/0014-severity-from-the-body.md.
-- only with: otel_logs.CompositionId
ALTER TABLE ${database}.otel_logs${on_cluster}
    ADD COLUMN IF NOT EXISTS `Level` UInt8 MATERIALIZED if(
        SeverityNumber > 0, SeverityNumber,
        arrayMap(start -> arrayMap(named -> toUInt8(transform(
            lower(substring(multiIf(
                SeverityText != '', SeverityText,
                match(start, '^[IWEF][0-9]{4} [0-9]{2}:'), substring(start, 1, 1),
                named != '', named,
                firstNonDefault(
                    extract(substring(start, 1, 120), '\\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|CRIT(?:ICAL)?|ALERT|EMERG|FATAL|PANIC)\\b'),
                    if(match(start, '^(Traceback|Unhandled|Uncaught|Exception in thread)\\b'), 'error', ''),
                    if(match(start, '^(panic|fatal error)\\b'), 'fatal', ''))
            ), 1, 3)),
            ['tra', 't', '10', 'deb', 'd', '20', 'inf', 'not', 'i', '30', 'war', 'w', '40', 'err', 'sev', 'e', '50', 'fat', 'cri', 'ale', 'eme', 'pan', 'dpa', 'f', '60'],
            [1, 1, 1, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 17, 17, 17, 17, 21, 21, 21, 21, 21, 21, 21, 21],
            0)),
            [extract(start, '(?i)\\b(?:level|levelname|loglevel|lvl|severity)["\']?\\s*[=:]\\s*["\']?(trace|debug|info|notice|warn|err|severe|crit|fatal|alert|emerg|panic|dpanic|[1-6]0\\b)')]
        )[1],
        multiIf(
            SeverityNumber > 0, [],
            SeverityText != '', [''],
            position(Body, '\x1b') > 0, [replaceRegexpAll(substring(Body, 1, 1000), '\x1b\\[[0-9;]*[A-Za-z]', '')],
            [substring(Body, 1, 1000)])
        )[1]) COMMENT 'Severity 1 to 24, by number, else by text, else by what the body says of itself; 0 if not known' CODEC(ZSTD(1))
