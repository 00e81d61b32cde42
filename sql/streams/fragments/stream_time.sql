-- A time as streams have it: RFC 3339 in UTC, with the digits that it has.
(t -> replaceRegexpOne(concat(replaceOne(toString(t, 'UTC'), ' ', 'T'), 'Z'), '\\.?0+Z', 'Z')) AS stream_time
