ALTER TABLE ${database}.${table}${on_cluster} MODIFY TTL toDateTime(${time_column}) + toIntervalDay(${days})
