ALTER TABLE ${database}.${table}${on_cluster} REMOVE TTL
