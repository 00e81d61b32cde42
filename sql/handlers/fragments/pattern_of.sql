-- A log message without what differs from one time to the next. The order matters, since each
-- mask goes over what the ones before it left.
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
) AS pattern_of
