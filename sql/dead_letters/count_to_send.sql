-- How many open letters there are to send again, by the filters of to_send.sql.
SELECT count() AS letters
FROM otel_dead_letters FINAL
WHERE State = 'open'
    AND toUnixTimestamp64Nano(ReceivedAt) <= {until:Int64}
    AND (empty({ids:Array(String)}) OR has({ids:Array(String)}, Id))
    AND ({signal:String} = '' OR Signal = {signal:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({text:String} = '' OR position(Reason, {text:String}) > 0)
