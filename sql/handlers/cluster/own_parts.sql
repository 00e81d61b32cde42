(SELECT * FROM cluster('${cluster}', system.parts) WHERE database = concat(currentDatabase(), '_shard') AND active)
