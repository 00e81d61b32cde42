-- An event that came from one collector with its cluster, and from another that did not say the cluster, counts once:
-- with its cluster. Where all say it, the innermost part finds nothing, by the key's first column.
(
    ClusterUid != ''
    OR (EventId, ClusterName) NOT IN (
        SELECT EventId, arrayJoin(if(ClusterUid = '', [''], ['', toString(ClusterName)]))
        FROM otel_k8s_events
        WHERE EventTime >= {since:DateTime64(9, 'UTC')}
            AND EventTime < {until:DateTime64(9, 'UTC')}
            AND (ClusterUid != '' OR ClusterName != '')
            AND EventId IN (
                SELECT EventId
                FROM otel_k8s_events
                WHERE ClusterUid = ''
                    AND EventTime >= {since:DateTime64(9, 'UTC')}
                    AND EventTime < {until:DateTime64(9, 'UTC')}
            )
    )
)
