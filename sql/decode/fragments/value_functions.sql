    -- Each use of a function below is a copy of it in the query, and ClickHouse plans the query anew for every INSERT: about
    -- 3 ms of CPU time for each use of `text`. So the views call it as seldom as they can.
    --
    -- ES6 number text. ClickHouse finds the same digits; it writes a positive exponent without its plus sign, and nan and inf.
    -- A chain of replacements over the whole column costs a third of what branches cost.
    x -> replaceOne(replaceOne(replaceOne(replaceOne(toString(x), 'e', 'e+'), 'e+-', 'e-'), 'nan', 'NaN'), 'inf', 'Infinity') AS double_text,
    v -> multiIf(v.value = 'string_value', v.string_value,
                 v.value = 'int_value', toString(v.int_value),
                 v.value = 'double_value', double_text(v.double_value),
                 v.value = 'bool_value', if(v.bool_value, 'true', 'false'),
                 v.value = 'bytes_value', base64Encode(v.bytes_value),
                 '') AS text,
    attributes -> arrayMap(kv -> (kv.key, text(kv.value)), attributes) AS text_pairs,
    pairs -> CAST(arraySort(pair -> pair.1, pairs), 'Map(LowCardinality(String), String)') AS sorted_map,
    attributes -> sorted_map(text_pairs(attributes)) AS attribute_map,
    pairs -> toLowCardinality(arrayFirst(pair -> pair.1 = 'service.name', pairs).2) AS service_name,
    -- An id of the wrong length, or all zeros, is no id (opentelemetry/proto/trace/v1, logs/v1).
    -- Without AND: to optimize one takes ClickHouse 2 ms here, for each use and each INSERT.
    id -> multiIf(length(id) != 16, '', id = unhex('00000000000000000000000000000000'), '', lower(hex(id))) AS trace_id_text,
    id -> multiIf(length(id) != 8, '', id = unhex('0000000000000000'), '', lower(hex(id))) AS span_id_text,
    -- OTLP's unsigned nanoseconds as the signed ones of DateTime64(9).
    ns -> fromUnixTimestamp64Nano(toInt64(ns), 'UTC') AS time
