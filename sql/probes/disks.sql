-- How much room each disk has that the house's tables may lie on, in bytes; an object store has no end, and is none of
-- them. Before there are tables, the disks of the default policy.
WITH policies AS (
    SELECT DISTINCT storage_policy FROM system.tables WHERE database = currentDatabase() AND storage_policy != ''
)
SELECT name, path, least(free_space, unreserved_space) AS free, total_space AS total
FROM system.disks
WHERE type = 'Local' AND total_space > 0 AND name IN (
    SELECT arrayJoin(disks)
    FROM system.storage_policies
    WHERE policy_name IN (SELECT storage_policy FROM policies)
        OR (policy_name = 'default' AND (SELECT count() FROM policies) = 0)
)
ORDER BY name
