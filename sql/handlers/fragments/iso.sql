-- A time as answers have it: RFC 3339 in UTC, with every digit.
(t -> concat(replaceOne(toString(t, 'UTC'), ' ', 'T'), 'Z')) AS iso
