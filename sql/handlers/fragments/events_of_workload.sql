-- About the workload itself, or about an object of which it became known that it belongs to it.
(
    (Name = {workload:String} AND Kind != 'Pod')
    OR (Uid, ClusterUid) IN (
        SELECT Uid, arrayJoin([toString(ClusterUid), ''])
        FROM otel_k8s_objects
        WHERE WorkloadName = {workload:String}
    )
)
