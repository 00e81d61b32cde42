-- What fleet stands in this database; one row once it is whole.
CREATE TABLE IF NOT EXISTS bench_fleet
(
    Logs UInt64 COMMENT 'Log records',
    Days Float64 COMMENT 'That they lie over',
    Start Int64 COMMENT 'Time of the first, nanoseconds since 1970',
    Step Int64 COMMENT 'Nanoseconds from one to the next',
    Seconds Float64 COMMENT 'That it took to make'
)
ENGINE = MergeTree
ORDER BY Start
