-- The latest that canaries wrote down for each cluster, signal and leg.
SELECT
    Cluster AS cluster,
    Signal AS signal,
    Leg AS leg,
    argMax(State, Timestamp) AS state,
    argMax(Milliseconds, Timestamp) AS milliseconds,
    argMax(Problem, Timestamp) AS problem,
    toUnixTimestamp64Nano(max(Timestamp)) AS sent
FROM otel_canary
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
GROUP BY cluster, signal, leg
ORDER BY cluster, signal, leg
LIMIT {limit:UInt32}
