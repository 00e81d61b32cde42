-- As the row says itself, or from a pod of which it became known later.
(
    CompositionId = {composition:String}
    OR (ResourceAttributes['k8s.pod.uid'], ResourceAttributes['k8s.cluster.uid']) IN (
        SELECT Uid, arrayJoin([toString(ClusterUid), ''])
        FROM otel_k8s_objects
        WHERE CompositionId = {composition:String} AND Kind = 'Pod'
    )
)
