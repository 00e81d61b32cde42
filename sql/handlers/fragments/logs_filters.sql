AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
AND ({trace_id:String} = '' OR TraceId = lower({trace_id:String})) -- when: trace_id
AND ({text:String} = '' OR lower(Body) LIKE like_text) -- when: text
AND ({composition:String} = '' OR ${logs_of_composition}) -- when: composition
AND ({namespace:String} = '' OR ${logs_of_namespace}) -- when: namespace
AND ({cluster:String} = '' OR ResourceAttributes['k8s.cluster.name'] = {cluster:String}) -- when: cluster
AND ${logs_with_attribute} -- when: attribute
AND ${logs_with_value} -- when: attribute_value
AND ({composition:String} = '' OR {min_severity:String} NOT IN ('error', 'fatal') OR ${errors_of_composition}) -- when: min_severity -- when: composition
-- The number alone first, which most records have: the body, by which the others are judged, is long to read. -- when: min_severity -- unless: composition
AND ({min_severity:String} = '' OR SeverityNumber = 0 OR SeverityNumber >= 4 * indexOf(names, {min_severity:String}) - 3) -- when: min_severity -- unless: composition
AND ({min_severity:String} = '' OR SeverityNumber > 0 OR level_of(SeverityNumber, SeverityText, Body) >= 4 * indexOf(names, {min_severity:String}) - 3) -- when: min_severity -- unless: composition
-- Who asks for a composition needs columns that only our tables have. Level, which is one of them, spares the body. -- when: min_severity -- when: composition
AND ({composition:String} = '' OR {min_severity:String} = '' OR Level >= 4 * indexOf(names, {min_severity:String}) - 3) -- when: min_severity -- when: composition
