SELECT Logs, Start, Step, Days, Seconds FROM bench_fleet
