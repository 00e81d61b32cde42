(SELECT name, min(unreserved_space) AS unreserved_space FROM cluster('${cluster}', system.disks) GROUP BY name)
