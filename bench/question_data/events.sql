-- Kubernetes events of the same pods, flat as the k8sevents receiver sends them; otel_k8s_events fills by its view.
INSERT INTO otel_logs (Timestamp, SeverityText, Body, ResourceAttributes, LogAttributes)
WITH
    sipHash64(number, 2) AS dice,
    toUInt32(pow((dice % 100003) / 100003, 3) * 200) AS service,
    service * 10 + bitShiftRight(dice, 20) % 10 AS pod,
    pod % 3 AS cluster,
    lower(hex(MD5(concat('composition ', toString(service * 3 + cluster))))) AS digest,
    concat(substring(digest, 1, 8), '-', substring(digest, 9, 4), '-', substring(digest, 13, 4), '-',
        substring(digest, 17, 4), '-', substring(digest, 21, 12)) AS composition,
    bitShiftRight(dice, 32) % 100 AS chance
SELECT
    fromUnixTimestamp64Nano({start:Int64} + toInt64(number) * {step:Int64}) AS Timestamp,
    if(chance < 30, 'Warning', 'Normal') AS SeverityText,
    multiIf(
        chance < 15, 'Back-off restarting failed container app in pod',
        chance < 30, 'Readiness probe failed: HTTP probe failed with statuscode: 503',
        chance < 60, 'Successfully pulled image "registry/app:1.2.3"', 'Started container app'
    ) AS Body,
    map(
        'k8s.cluster.name', concat('cluster-', toString(cluster)),
        'k8s.cluster.uid', concat('00000000-0000-4000-8000-00000000000', toString(cluster)),
        'k8s.object.api_version', 'v1',
        'k8s.object.kind', 'Pod',
        'k8s.object.name', concat('service-', toString(service), '-7d9f8c6b5-', toString(pod)),
        'k8s.object.uid', lower(hex(MD5(concat('pod ', toString(pod))))),
        'krateo.composition.id', composition
    ) AS ResourceAttributes,
    map(
        'k8s.event.count', toString(1 + dice % 9),
        'k8s.event.name', concat('event-', toString(number)),
        'k8s.event.reason', multiIf(chance < 15, 'BackOff', chance < 30, 'Unhealthy', chance < 60, 'Pulled', 'Started'),
        'k8s.event.uid', lower(hex(MD5(concat('event ', toString(number))))),
        'k8s.namespace.name', concat('namespace-', toString(service % 40))
    ) AS LogAttributes
FROM numbers({first:UInt64}, {rows:UInt64})
