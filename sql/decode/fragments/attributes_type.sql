Array(Tuple(key String, value ${value_type}))
