-- Whether every shard of a cluster answers: the small table is counted on each of them, and a lost one makes this fail.
SELECT count() AS rows FROM otel_canary
