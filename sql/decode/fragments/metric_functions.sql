    -- The metric tables hold whole seconds from 1970 to 2106: a time outside is moved to the nearer end, not wrapped around.
    -- (Tables of an older exporter hold nanoseconds; the same value suits both.)
    ns -> fromUnixTimestamp64Nano(toInt64(if(ns >= 9223372036854775808, 0, least(ns, 4294967295999999999))), 'UTC') AS metric_time,
    -- as_double or as_int; 0 when neither was sent.
    point -> if(point.value = 'as_int', toFloat64(point.as_int), point.as_double) AS number_value
