TimeUnix >= {since:DateTime64(9, 'UTC')}
    AND TimeUnix < {until:DateTime64(9, 'UTC')}
    -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
    AND toStartOfHour(TimeUnix) >= {since:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR
    AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
