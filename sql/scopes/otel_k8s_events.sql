-- Events of objects without a namespace are seen by no reader of some namespaces.
-- signal: events
-- clusters:
ClusterName IN (${values}) OR ClusterUid IN (${values})
-- namespaces:
Namespace IN (${values})
-- compositions:
CompositionId IN (${values})
-- synthetic:
Namespace = 'otelhouse-canary'
