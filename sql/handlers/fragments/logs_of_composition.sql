-- As the record says itself; one that says nothing, as a pod of which it became known later. Uids are asked for alone at
-- first, since that is what an index serves; a uid is one of its cluster, where the record names that.
(
    CompositionId = {composition:String}
    OR (
        CompositionId = ''
        AND `__otel_materialized_k8s.pod.uid` IN (
            SELECT Uid
            FROM otel_k8s_objects
            WHERE CompositionId = {composition:String} AND Kind = 'Pod'
        )
        AND (`__otel_materialized_k8s.pod.uid`, toString(ClusterUid)) IN (
            SELECT Uid, arrayJoin([toString(ClusterUid), ''])
            FROM otel_k8s_objects
            WHERE CompositionId = {composition:String} AND Kind = 'Pod'
        )
    )
)
