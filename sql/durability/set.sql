ALTER TABLE ${database}.${table}${on_cluster} MODIFY SETTING fsync_after_insert = ${fsync}, fsync_part_directory = ${fsync}
