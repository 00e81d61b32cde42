SELECT toString(getSetting('readonly')), toUInt64(getSetting('max_execution_time')), toUInt64(getSetting('max_memory_usage'))
