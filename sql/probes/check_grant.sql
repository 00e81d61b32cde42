-- Whether this user may do that: 1 or 0.
CHECK GRANT ${right} ON ${on}
