-- The nodes of the cluster, by shard and replica: their native addresses as this node knows them.
SELECT shard_num, replica_num, host_name, port
FROM system.clusters
WHERE cluster = {cluster:String}
ORDER BY shard_num, replica_num
