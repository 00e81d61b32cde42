-- Which of the house's two databases this node has.
SELECT name FROM system.databases WHERE name IN ({database:String}, {shard_database:String})
