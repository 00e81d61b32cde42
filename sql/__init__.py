"""Every word the house says to ClickHouse, and the catalogue that names them.

Statements live in .sql files: `schema/` is today's truth, `migrations/` the way there, `decode/` what turns OTLP into
rows, `handlers/` the named questions, `troubleshooting/` SQL for people at a prompt. The Python beside them loads,
renders and checks; it writes no SQL of its own. This room speaks to ClickHouse through `store.port` alone.
"""
