-- Kubernetes events, in the two shapes that collectors send:
--   flat      the k8sevents receiver: Body is the message, the rest stands in attributes
--   watched   the k8sobjects receiver: Body is JSON, {"type": "ADDED", "object": {the Event}}, or the Event alone (pull mode);
--             the Event is of API v1 (involvedObject, message) or events.k8s.io/v1 (regarding, note)
-- JSON is read into maps rather than into one large tuple because a tuple costs ten times as much to plan.
-- Nothing here can throw: what is not JSON, or no event, is left out. DELETED is left out too: Kubernetes deletes every event
-- when it is an hour old, which is no news.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.otel_k8s_events_mv${on_cluster}
TO ${database}.otel_k8s_events
AS
SELECT
    ResourceAttributes['k8s.cluster.uid'] AS ClusterUid,
    ResourceAttributes['k8s.cluster.name'] AS ClusterName,
    if(flat, firstNonDefault(LogAttributes['k8s.namespace.name'], ResourceAttributes['k8s.namespace.name']), object['namespace']) AS Namespace,
    if(flat, ResourceAttributes['k8s.object.kind'], object['kind']) AS Kind,
    if(flat, ResourceAttributes['k8s.object.name'], object['name']) AS Name,
    if(flat, ResourceAttributes['k8s.object.uid'], object['uid']) AS Uid,
    if(flat, ResourceAttributes['k8s.object.api_version'], object['apiVersion']) AS ApiVersion,
    if(flat, ResourceAttributes['k8s.object.fieldpath'], object['fieldPath']) AS FieldPath,
    if(flat, LogAttributes['k8s.event.reason'], event['reason']) AS Reason,
    if(flat, LogAttributes['k8s.event.action'], event['action']) AS Action,
    initcap(if(flat, firstNonDefault(LogAttributes['k8s.event.type'], SeverityText), event['type'])) AS Type,
    if(flat, Body, firstNonDefault(event['message'], event['note'])) AS Message,
    greatest(1, toUInt32OrZero(if(flat, LogAttributes['k8s.event.count'],
        firstNonDefault(series['count'], event['count'], event['deprecatedCount'])))) AS Count,
    if(flat,
        firstNonDefault(LogAttributes['k8s.event.reporting_controller'], ResourceAttributes['k8s.event.source']),
        firstNonDefault(source['component'], event['reportingComponent'], event['reportingController'])) AS SourceComponent,
    if(flat,
        firstNonDefault(ResourceAttributes['k8s.node.name'], LogAttributes['k8s.event.reporting_instance']),
        firstNonDefault(source['host'], event['reportingInstance'])) AS SourceHost,
    if(flat, LogAttributes['k8s.event.uid'], metadata['uid']) AS EventUid,
    if(flat, LogAttributes['k8s.event.name'], metadata['name']) AS EventName,
    metadata['resourceVersion'] AS ResourceVersion,
    firstNonDefault(LogAttributes['krateo.io/composition-id'], ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']) AS CompositionId,
    EventTime,
    least(EventTime, if(claimed_first = 0, EventTime, claimed_first)) AS FirstTime,
    IngestedAt
FROM
(
    SELECT
        *,
        -- An event lives for an hour in Kubernetes. A time far from the record's own, or none, is a broken clock or a broken
        -- sender, and would spread one insert over more partitions than ClickHouse allows.
        if(abs(dateDiff('day', Timestamp, claimed_last)) > 31, Timestamp, claimed_last) AS EventTime
    FROM
    (
        SELECT
            *,
            parseDateTime64BestEffortOrZero(firstNonDefault(series['lastObservedTime'], event['lastTimestamp'],
                event['deprecatedLastTimestamp'], event['eventTime'], event['firstTimestamp']), 9, 'UTC') AS claimed_last,
            parseDateTime64BestEffortOrZero(firstNonDefault(substring(LogAttributes['k8s.event.start_time'], 1, 19),
                event['firstTimestamp'], event['deprecatedFirstTimestamp'], event['eventTime'],
                metadata['creationTimestamp']), 9, 'UTC') AS claimed_first
        FROM
        (
            SELECT
                *,
                JSONExtract(event['metadata'], 'Map(String, String)') AS metadata,
                JSONExtract(event['series'], 'Map(String, String)') AS series,
                JSONExtract(firstNonDefault(event['source'], event['deprecatedSource']), 'Map(String, String)') AS source,
                JSONExtract(firstNonDefault(event['involvedObject'], event['regarding']), 'Map(String, String)') AS object
            FROM
            (
                SELECT
                    *,
                    JSONExtract(if(watch['object'] = '', Body, watch['object']), 'Map(String, String)') AS event
                FROM
                (
                    SELECT
                        *,
                        LogAttributes['k8s.event.reason'] != '' AS flat,
                        JSONExtract(if(flat, '', Body), 'Map(String, String)') AS watch
                    FROM ${database}.otel_k8s_event_records
                )
                WHERE watch['type'] != 'DELETED'
            )
        )
    )
)
WHERE Reason != '' AND Kind != '' AND (flat OR event['kind'] IN ('Event', ''))
