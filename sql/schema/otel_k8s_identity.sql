-- To which composition and workload an object belongs, for looking up row by row: what is known by now, where the row
-- itself was written before it was known. Made from otel_k8s_objects at first use, and read again within five minutes.
--
--     dictGetOrDefault('otel_k8s_identity', 'CompositionId', (toString(ClusterUid), ResourceAttributes['k8s.pod.uid']), '')
--
-- ClickHouse reads the table as its user `default`, from inside. Questions do without: they join the table, which is
-- divided among readers as a dictionary cannot be. docs/decisions/0012-k8s-objects-sort-key.md.
CREATE DICTIONARY IF NOT EXISTS ${database}.otel_k8s_identity${on_cluster}
(
    `ClusterUid` String,
    `Uid` String,
    `CompositionId` String,
    `Kind` String,
    `WorkloadKind` String,
    `WorkloadName` String
)
PRIMARY KEY ClusterUid, Uid
SOURCE(CLICKHOUSE(QUERY '
    SELECT
        toString(known.ClusterUid) AS ClusterUid,
        known.Uid AS Uid,
        argMaxIf(known.CompositionId, known.LastSeen, notEmpty(known.CompositionId)) AS CompositionId,
        any(known.Kind) AS Kind,
        argMaxIf(known.WorkloadKind, known.LastSeen, notEmpty(known.WorkloadName)) AS WorkloadKind,
        argMaxIf(known.WorkloadName, known.LastSeen, notEmpty(known.WorkloadName)) AS WorkloadName
    FROM ${database}.otel_k8s_objects AS known
    GROUP BY known.ClusterUid, known.Uid'
    INVALIDATE_QUERY 'SELECT count(), max(IngestedAt) FROM ${database}.otel_k8s_objects'))
LAYOUT(COMPLEX_KEY_HASHED_ARRAY())
LIFETIME(MIN 120 MAX 300)
COMMENT 'Composition and workload of a Kubernetes object, by uid of its cluster and its own'
