-- Spans of the traces that the logs name, five for every second of them.
INSERT INTO otel_traces
(
    Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration,
    StatusCode
)
WITH
    sipHash64(number, 3) AS dice,
    intDiv(number, 5) * 2 AS trace,
    toUInt32(pow((dice % 100003) / 100003, 3) * 200) AS service,
    service * 10 + bitShiftRight(dice, 20) % 10 AS pod,
    pod % 3 AS cluster,
    lower(hex(MD5(concat('composition ', toString(service * 3 + cluster))))) AS digest,
    concat(substring(digest, 1, 8), '-', substring(digest, 9, 4), '-', substring(digest, 13, 4), '-',
        substring(digest, 17, 4), '-', substring(digest, 21, 12)) AS composition
SELECT
    fromUnixTimestamp64Nano({start:Int64} + toInt64(trace * 25) * {step:Int64} + number % 5 * 1000000) AS Timestamp,
    lower(hex(MD5(concat('trace ', toString(trace))))) AS TraceId,
    lower(hex(sipHash64(number, 4))) AS SpanId,
    if(number % 5 = 0, '', lower(hex(sipHash64(toUInt64(number - 1), 4)))) AS ParentSpanId,
    concat('operation-', toString(dice % 30)) AS SpanName,
    if(number % 5 = 0, 'Server', 'Internal') AS SpanKind,
    concat('service-', toString(service)) AS ServiceName,
    map(
        'k8s.cluster.name', concat('cluster-', toString(cluster)),
        'k8s.namespace.name', concat('namespace-', toString(service % 40)),
        'k8s.pod.name', concat('service-', toString(service), '-7d9f8c6b5-', toString(pod)),
        'krateo.composition.id', composition,
        'service.name', concat('service-', toString(service))
    ) AS ResourceAttributes,
    map('http.request.method', 'GET', 'http.route', concat('/api/v1/route-', toString(dice % 80))) AS SpanAttributes,
    1000000 * (5 - number % 5) + dice % 900000 AS Duration,
    if(dice % 100 < 2, 'Error', 'Ok') AS StatusCode
FROM numbers({first:UInt64}, {rows:UInt64})
