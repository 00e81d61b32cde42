toUnixTimestamp64Nano(IngestedAt) AS ingested,
cityHash64(
    Timestamp, TraceId, SpanId, SeverityNumber, SeverityText, ServiceName, Body, LogAttributes, ResourceAttributes
) AS id,
ClusterName AS cluster,
ClusterUid AS cluster_uid,
ResourceAttributes['k8s.namespace.name'] AS namespace,
CompositionId AS composition_id,
mapContains(LogAttributes, 'k8s.event.reason') AS about_object,
LogAttributes['k8s.namespace.name'] AS object_namespace,
ServiceName AS service,
ResourceAttributes['k8s.pod.name'] AS pod,
TraceId AS trace_id,
Level AS level,
-- Whole wherever `data` is; the bytes of a row are bounded, and a larger one is known by its beginning.
lowerUTF8(substringUTF8(Body, 1, {row_bytes:UInt64})) AS text,
up_to(toJSONString(CAST(
    (
        stream_time(Timestamp),
        SeverityText,
        level,
        ServiceName,
        Body,
        ClusterName,
        namespace,
        pod,
        CompositionId,
        TraceId,
        SpanId,
        LogAttributes,
        ResourceAttributes
    ),
    'Tuple(
        time String,
        severity String,
        level UInt8,
        service String,
        body String,
        cluster String,
        namespace String,
        pod String,
        compositionId String,
        traceId String,
        spanId String,
        attributes Map(String, String),
        resource Map(String, String)
    )'
)), {row_bytes:UInt64}) AS data
