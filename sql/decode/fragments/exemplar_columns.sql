    exemplars.attributes AS `Exemplars.FilteredAttributes`,
    exemplars.at AS `Exemplars.TimeUnix`,
    exemplars.value AS `Exemplars.Value`,
    exemplars.span_id AS `Exemplars.SpanId`,
    exemplars.trace_id AS `Exemplars.TraceId`
