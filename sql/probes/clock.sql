-- What time ClickHouse thinks it is, in Unix seconds.
SELECT toFloat64(now64(6)) AS seconds
