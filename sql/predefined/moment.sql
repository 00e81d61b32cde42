-- A moment as an asker writes it, in nanoseconds since 1970: now, how long ago, seconds (or milli-, micro-, nanoseconds) since
-- 1970, or RFC 3339. What is none of these fails, and the text that cannot be read is the mend.
fromUnixTimestamp64Nano(
    CAST(
        ifNull(
            toString(
                multiIf(
                    {${name}:Nullable(String)} IS NULL, ${default},
                    {${name}:Nullable(String)} = 'now', toUnixTimestamp64Nano(asked_now),
                    match(ifNull({${name}:Nullable(String)}, ''), '^([0-9]{1,9}(ns|us|ms|s|m|h|d|w))+$$'),
                        toUnixTimestamp64Nano(asked_now) - arraySum(
                            part -> toInt64(part[1]) * transform(
                                part[2],
                                ['ns', 'us', 'ms', 's', 'm', 'h', 'd', 'w'],
                                [1, 1000, 1000000, 1000000000, 60000000000, 3600000000000, 86400000000000, 604800000000000],
                                0
                            ),
                            extractAllGroupsVertical(ifNull({${name}:Nullable(String)}, ''), '([0-9]+)([a-z]+)')
                        ),
                    match(ifNull({${name}:Nullable(String)}, ''), '^[0-9]{1,10}([.][0-9]{1,9})?$$'),
                        toInt64(toDecimal128OrZero(ifNull({${name}:Nullable(String)}, ''), 9) * 1000000000),
                    match(ifNull({${name}:Nullable(String)}, ''), '^([0-9]{13}|[0-9]{16}|[0-9]{19})$$'),
                        toInt64OrNull(rightPad(ifNull({${name}:Nullable(String)}, ''), 19, '0')),
                    toUnixTimestamp64Nano(parseDateTime64BestEffortOrNull(ifNull({${name}:Nullable(String)}, ''), 9, 'UTC'))
                )
            ),
            '${mend}'
        ),
        'Int64'
    ),
    'UTC'
)
