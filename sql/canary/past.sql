-- Beats of the canary of which nothing was lost on the way into ClickHouse, with the doors that took each kind (a door
-- may have refused some, and older releases sent each kind by one door): of so many one, the same ones whenever this is
-- asked.
SELECT
    Cluster AS cluster,
    Run AS run,
    Beat AS number,
    toUnixTimestamp64Nano(any(Timestamp)) AS sent,
    groupUniqArrayIf(concat(Leg, ' ', Signal), startsWith(Leg, 'accept-') AND State IN ('ok', 'late')) AS stored
FROM otel_canary
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
    AND Timestamp <= {until:DateTime64(9, 'UTC')}
    AND (Leg = 'stored' OR startsWith(Leg, 'accept-'))
    AND cityHash64(Run, Beat) % {every:UInt32} = 0
GROUP BY cluster, run, number
HAVING countIf(Leg = 'stored') > 0 AND countIf(Leg = 'stored' AND State NOT IN ('ok', 'late')) = 0
ORDER BY sent DESC
LIMIT {limit:UInt32}
