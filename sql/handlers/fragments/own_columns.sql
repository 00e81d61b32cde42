(SELECT * FROM system.columns WHERE database = currentDatabase())
