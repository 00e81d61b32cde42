-- What this node calls its shard and itself: the path of a replicated table is made of them.
SELECT macro FROM system.macros WHERE macro IN ('shard', 'replica') AND substitution != ''
