-- Log records {first} to {first} + {rows} of a fleet: 3 clusters, 40 namespaces, 200 services of very different loudness, 2,000
-- pods, 600 compositions; ten attributes of the resource, six of the record. They lie evenly from {start} on, one each
-- {step} nanoseconds. A fifth of them belong to a trace. One in a million says what nothing else says.
INSERT INTO otel_logs
(
    Timestamp, TraceId, SpanId, SeverityText, SeverityNumber, ServiceName, Body, ResourceAttributes, ScopeName, LogAttributes
)
WITH
    sipHash64(number) AS dice,
    toUInt32(pow((dice % 100003) / 100003, 3) * 200) AS service,
    service % 40 AS namespace,
    service * 10 + bitShiftRight(dice, 20) % 10 AS pod,
    pod % 3 AS cluster,
    lower(hex(MD5(concat('composition ', toString(service * 3 + cluster))))) AS digest,
    concat(substring(digest, 1, 8), '-', substring(digest, 9, 4), '-', substring(digest, 13, 4), '-',
        substring(digest, 17, 4), '-', substring(digest, 21, 12)) AS composition,
    bitShiftRight(dice, 32) % 1000 AS chance,
    bitShiftRight(dice, 12) % 100000 AS some,
    bitShiftRight(dice, 40) % 5000 AS ms
SELECT
    fromUnixTimestamp64Nano({start:Int64} + toInt64(number) * {step:Int64}) AS Timestamp,
    if(dice % 5 = 0, lower(hex(MD5(concat('trace ', toString(intDiv(number, 25)))))), '') AS TraceId,
    if(dice % 5 = 0, lower(hex(sipHash64(number, 1))), '') AS SpanId,
    multiIf(chance < 10, 'ERROR', chance < 50, 'WARN', chance < 850, 'INFO', 'DEBUG') AS SeverityText,
    multiIf(chance < 10, 17, chance < 50, 13, chance < 850, 9, 5) AS SeverityNumber,
    concat('service-', toString(service)) AS ServiceName,
    multiIf(
        number % 1000000 = 77777, concat('quarantined parcel zx', toString(number), ' refuses to be weighed'),
        chance < 3, concat('connection refused by postgres-', toString(some % 20), ':5432 after ', toString(ms), ' ms, giving up'),
        chance < 10, concat('panic in handler: index ', toString(some), ' out of range, goroutine ', toString(ms)),
        chance < 30, concat('retrying request ', toString(some), ' to upstream inventory, attempt ', toString(ms % 5)),
        chance < 50, concat('cache miss ratio above threshold: 0.', toString(some % 100), ' in region eu-', toString(ms % 4)),
        chance < 300, concat('GET /api/v1/orders/', toString(some), ' 200 ', toString(ms), 'ms user=', toString(some * 7 % 99991)),
        chance < 500, concat('POST /api/v1/cart/', toString(some), '/items 201 ', toString(ms), 'ms'),
        chance < 650, concat('{"level":"info","msg":"payment accepted","order":', toString(some), ',"amount":', toString(ms), '.50}'),
        chance < 850, concat('user ', toString(some), ' logged in from 10.', toString(ms % 256), '.', toString(some % 256), '.17'),
        concat('scheduler tick ', toString(some), ': ', toString(ms % 40), ' jobs queued, ', toString(ms % 7), ' running')
    ) AS Body,
    map(
        'k8s.cluster.name', concat('cluster-', toString(cluster)),
        'k8s.cluster.uid', concat('00000000-0000-4000-8000-00000000000', toString(cluster)),
        'k8s.container.name', 'app',
        'k8s.deployment.name', concat('service-', toString(service)),
        'k8s.namespace.name', concat('namespace-', toString(namespace)),
        'k8s.node.name', concat('node-', toString(pod % 60)),
        'k8s.pod.name', concat('service-', toString(service), '-7d9f8c6b5-', toString(pod)),
        'k8s.pod.uid', lower(hex(MD5(concat('pod ', toString(pod))))),
        'krateo.composition.id', composition,
        'service.name', concat('service-', toString(service))
    ) AS ResourceAttributes,
    'app.logger' AS ScopeName,
    map(
        'code.function', concat('handle_', toString(some % 50)),
        'http.request.method', if(chance < 300, 'GET', 'POST'),
        'http.route', concat('/api/v1/route-', toString(some % 80)),
        'log.file.path', concat('/var/log/pods/', toString(pod), '.log'),
        'order.id', toString(some * 31 + ms),
        'thread', toString(ms % 32)
    ) AS LogAttributes
FROM numbers({first:UInt64}, {rows:UInt64})
