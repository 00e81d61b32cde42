(
    {composition:String} = ''
    OR firstNonDefault(
        ResourceAttributes['krateo.composition.id'],
        ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']
    ) = {composition:String}
    -- Of what says nothing and was found to belong to it later.
    OR (
        firstNonDefault(
            ResourceAttributes['krateo.composition.id'],
            ResourceAttributes['k8s.pod.labels.krateo.io/composition-id']
        ) = ''
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
