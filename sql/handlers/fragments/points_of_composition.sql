-- As the point says itself; one that says nothing, about an object of which it became known later.
(
    CompositionId = {composition:String}
    OR (
        CompositionId = ''
        AND (
            firstNonDefault(
                ResourceAttributes['k8s.pod.uid'],
                ResourceAttributes['k8s.deployment.uid'],
                ResourceAttributes['k8s.statefulset.uid'],
                ResourceAttributes['k8s.daemonset.uid'],
                ResourceAttributes['k8s.replicaset.uid'],
                ResourceAttributes['k8s.job.uid'],
                ResourceAttributes['k8s.cronjob.uid']
            ),
            ResourceAttributes['k8s.cluster.uid']
        ) IN (
            SELECT Uid, arrayJoin([toString(ClusterUid), ''])
            FROM otel_k8s_objects
            WHERE CompositionId = {composition:String}
        )
    )
)
