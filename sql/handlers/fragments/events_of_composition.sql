-- As the event says itself, or about the composition; one that says nothing, about an object of which it became known later.
(
    CompositionId = {composition:String}
    OR Uid = {composition:String}
    OR (
        CompositionId = ''
        AND (Uid, ClusterUid) IN (
            SELECT Uid, arrayJoin([toString(ClusterUid), ''])
            FROM otel_k8s_objects
            WHERE CompositionId = {composition:String}
        )
    )
)
