-- Open letters with their items, oldest first, a page at a time: what is sent again.
-- Each filter holds where it is not empty. The next page begins behind the last row's ReceivedUnixNano and Id.
SELECT
    Id,
    Signal,
    Reason,
    Code,
    Sender,
    ClusterName,
    ClusterUid,
    ServiceName,
    toUnixTimestamp64Nano(ReceivedAt) AS ReceivedUnixNano,
    ItemTimeUnixNano,
    base64Encode(Item) AS ItemBase64,
    ItemSize,
    Token,
    State,
    Attempt
FROM otel_dead_letters FINAL
-- Before the other columns are read, items among them. With FINAL that is right only for columns of the sorting key.
PREWHERE (toUnixTimestamp64Nano(ReceivedAt), Id) > ({after_received:Int64}, {after_id:String})
    AND toUnixTimestamp64Nano(ReceivedAt) <= {until:Int64}
    AND (empty({ids:Array(String)}) OR has({ids:Array(String)}, Id))
WHERE State = 'open'
    AND ({signal:String} = '' OR Signal = {signal:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({text:String} = '' OR position(Reason, {text:String}) > 0)
ORDER BY ReceivedAt, Id
LIMIT {limit:UInt32}
