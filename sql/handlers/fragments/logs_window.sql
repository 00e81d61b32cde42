Timestamp >= {since:DateTime64(9, 'UTC')}
    AND Timestamp < {until:DateTime64(9, 'UTC')}
    -- The same once more in terms of the key's first column: ClickHouse does not derive it, since Timestamp itself
    -- stands in the key too, as its third. The five minutes make it true in every time zone of a server.
    AND toStartOfFiveMinutes(Timestamp) >= {since:DateTime64(9, 'UTC')} - INTERVAL 5 MINUTE
    AND toStartOfFiveMinutes(Timestamp) < {until:DateTime64(9, 'UTC')}
