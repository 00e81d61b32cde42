-- Beats of the canary of which nothing was lost on the way into ClickHouse, with the kinds that were found there (a door
-- may have refused others): of so many one, the same ones whenever this is asked.
SELECT
    Cluster AS cluster,
    Run AS run,
    Beat AS number,
    toUnixTimestamp64Nano(any(Timestamp)) AS sent,
    groupUniqArray(toString(Signal)) AS kinds
FROM otel_canary
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
    AND Timestamp <= {until:DateTime64(9, 'UTC')}
    AND Leg = 'stored'
    AND cityHash64(Run, Beat) % {every:UInt32} = 0
GROUP BY cluster, run, number
HAVING countIf(State NOT IN ('ok', 'late')) = 0
ORDER BY sent DESC
LIMIT {limit:UInt32}
