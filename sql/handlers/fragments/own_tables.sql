(SELECT name, total_rows, sorting_key, comment FROM system.tables WHERE database = currentDatabase())
