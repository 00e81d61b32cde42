-- Follows from what is asked beside it, and says it as index idx_composition_errors does, word for word: that is how
-- ClickHouse sees where the few errors lie. A record without a number may be an error by what its body says.
(
    if(SeverityNumber BETWEEN 1 AND 16, '', CompositionId) = {composition:String}
    OR if(SeverityNumber BETWEEN 1 AND 16, '', `__otel_materialized_k8s.pod.uid`) IN (
        SELECT Uid
        FROM otel_k8s_objects
        WHERE CompositionId = {composition:String} AND Kind = 'Pod'
    )
)
