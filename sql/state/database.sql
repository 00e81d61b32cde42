SELECT currentDatabase() AS database
