INSERT INTO bench_fleet
SELECT {logs:UInt64}, {days:Float64}, {start:Int64}, {step:Int64}, {seconds:Float64}
