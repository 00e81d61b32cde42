(SELECT * FROM system.parts WHERE database = currentDatabase() AND active)
