(
    SELECT
        front.name AS name,
        if(front.engine = 'Distributed', part.total_rows, front.total_rows) AS total_rows,
        if(front.engine = 'Distributed', part.sorting_key, front.sorting_key) AS sorting_key,
        front.comment AS comment
    FROM (SELECT * FROM system.tables WHERE database = currentDatabase()) AS front
    LEFT JOIN
    (
        SELECT name, sum(total_rows) AS total_rows, any(sorting_key) AS sorting_key
        FROM cluster('${cluster}', system.tables)
        WHERE database = concat(currentDatabase(), '_shard')
        GROUP BY name
    ) AS part ON part.name = front.name
)
