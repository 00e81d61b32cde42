-- The Kubernetes events of the last while by identity, so that one that comes again is known as old; and whether some copy
-- of it carries a composition.
SELECT
    ${event_id} AS id,
    max(CompositionId != '') AS composed
FROM otel_k8s_events
WHERE IngestedAt > fromUnixTimestamp64Nano({after:Int64})
    AND IngestedAt <= fromUnixTimestamp64Nano({until:Int64})
GROUP BY id
LIMIT {limit:UInt64}
