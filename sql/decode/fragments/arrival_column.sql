    -- When the ingester got the request, which it writes on each message (ingest/wire.py); without it, now.
    -- Times are held against it and not against the clock, so that a batch that is sent again later is judged the same.
    arrival_unix_nano UInt64 MATERIALIZED if(received_unix_nano = 0, toUInt64(toUnixTimestamp64Nano(now64(9))), received_unix_nano)
