-- A severity from 1 to 24, 0 where it is not known: by number, else by text, else by what the body says of itself,
-- since collectors of container logs often give neither.
-- The number stands outside of all else: what is below is not evaluated for rows that have one. An array of one is how a
-- value gets a name here that is worked out once; a lambda's own names would be written out wherever they stand.
(
    (number, text, body) -> if(number > 0, number, arrayMap(
        start -> arrayMap(
            named -> toUInt8(
                transform(
                    lower(
                        substring(
                            multiIf(
                                text != '', text,
                                match(start, '^[IWEF][0-9]{4} [0-9]{2}:'), substring(start, 1, 1),
                                named != '', named,
                                firstNonDefault(
                                    extract(
                                        substring(start, 1, 120),
                                        concat(
                                            '\\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|CRIT(?:ICAL)?|',
                                            'ALERT|EMERG|FATAL|PANIC)\\b'
                                        )
                                    ),
                                    if(match(start, '^(Traceback|Unhandled|Uncaught|Exception in thread)\\b'), 'error', ''),
                                    if(match(start, '^(panic|fatal error)\\b'), 'fatal', '')
                                )
                            ),
                            1,
                            3
                        )
                    ),
                    [
                        'tra', 't', '10', 'deb', 'd', '20', 'inf', 'not', 'i', '30', 'war', 'w', '40',
                        'err', 'sev', 'e', '50', 'fat', 'cri', 'ale', 'eme', 'pan', 'dpa', 'f', '60'
                    ],
                    [1, 1, 1, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 17, 17, 17, 17, 21, 21, 21, 21, 21, 21, 21, 21],
                    0
                )
            ),
            [
                extract(
                    start,
                    concat(
                        '(?i)\\b(?:level|levelname|loglevel|lvl|severity)["\']?\\s*[=:]\\s*["\']?',
                        '(trace|debug|info|notice|warn|err|severe|crit|fatal|alert|emerg|panic|dpanic|[1-6]0\\b)'
                    )
                )
            ]
        )[1],
        [
            if(
                position(body, '\x1b') > 0,
                replaceRegexpAll(substring(body, 1, 1000), '\x1b\\[[0-9;]*[A-Za-z]', ''),
                substring(body, 1, 1000)
            )
        ]
    )[1])
) AS level_of
