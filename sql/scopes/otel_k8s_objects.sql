-- What is known of objects serves questions about every signal: it tells which rows belong to a composition or a workload.
-- Objects without a namespace are seen by no reader of some namespaces.
-- signal: every
-- clusters:
ClusterName IN (${values}) OR ClusterUid IN (${values})
-- namespaces:
Namespace IN (${values})
-- compositions:
CompositionId IN (${values})
