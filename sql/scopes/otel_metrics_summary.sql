-- signal: metrics
-- clusters:
ClusterName IN (${values}) OR ClusterUid IN (${values})
-- namespaces:
ResourceAttributes['k8s.namespace.name'] IN (${values})
-- compositions:
CompositionId IN (${values})
-- synthetic:
ServiceName = 'otelhouse-canary'
-- own:
ServiceName = 'otelhouse-self'
