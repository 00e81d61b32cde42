"""The two doors to ClickHouse, one port.

The rest of the house says ``insert`` and ``select`` (`store.port`) and hears an answer or one of the errors of
`store.errors`. `store.server` speaks to a ClickHouse server, `store.embedded` carries the engine in this process.
This room imports no other room, and no other room imports a ClickHouse library.
"""
