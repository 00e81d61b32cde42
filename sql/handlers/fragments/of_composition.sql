-- As the row says itself; one that says nothing, as a pod of which it became known later. The short column rules out most
-- rows before the map of attributes is read.
(
    CompositionId IN ({composition:String}, '')
    AND (
        CompositionId = {composition:String}
        OR (ResourceAttributes['k8s.pod.uid'], ResourceAttributes['k8s.cluster.uid']) IN (
            SELECT Uid, arrayJoin([toString(ClusterUid), ''])
            FROM otel_k8s_objects
            WHERE CompositionId = {composition:String} AND Kind = 'Pod'
        )
    )
)
