-- A record is of the namespace of its resource. A Kubernetes event that was sent as a flat record says by itself which
-- object it is about, and its resource may be the collector that watched it: there both must be in the scope.
-- signal: logs
-- clusters:
ClusterName IN (${values}) OR ClusterUid IN (${values})
-- namespaces:
ResourceAttributes['k8s.namespace.name'] IN (${values})
AND (NOT mapContains(LogAttributes, 'k8s.event.reason') OR LogAttributes['k8s.namespace.name'] IN (${values}))
-- compositions:
CompositionId IN (${values})
-- synthetic:
ServiceName = 'otelhouse-canary'
-- own:
ServiceName = 'otelhouse-self'
