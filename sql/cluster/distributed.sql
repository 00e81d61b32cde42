-- All shards' parts of a table as one table; docs/decisions/0015-sharding-keys.md. It takes the columns of this node's part.
CREATE TABLE IF NOT EXISTS ${database}.${table}${on_cluster} AS ${shard_database}.${table}
ENGINE = Distributed(${cluster}, ${shard_database}, ${table}, ${sharding_key})
