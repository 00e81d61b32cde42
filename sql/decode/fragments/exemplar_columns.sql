    arrayMap(exemplar -> attribute_map(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> metric_time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> number_value(exemplar), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> span_id_text(exemplar.span_id), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> trace_id_text(exemplar.trace_id), point.exemplars) AS `Exemplars.TraceId`
