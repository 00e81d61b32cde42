"""What one question may cost, in ClickHouse's settings, and the cut of its answer.

In: the port's `Select`. Out: settings that make the engine keep its limits; rows, and whether some were left out.
It refuses limits that mean nothing, with `MisconfiguredError`.

The engine is asked for one row more than wanted: that row's presence is how "there were more" is known exactly. `limit`
cuts there, behind the statement's own LIMIT. `max_result_rows` is that number again: no answer that was cut goes over
it, and one that went round the cut is refused, not shortened.
"""

from store import errors, statements
from store.port import Cell, Limits, Select, Setting


def settings(select: Select) -> dict[str, Setting]:
    """Give the settings of a question: its limits, then its own, which may go over them."""
    beside = settings_beside_rows(select)
    if not statements.is_question(select.sql):
        return beside
    rows: dict[str, Setting] = {
        "limit": select.limits.rows + 1,
        "max_result_rows": most_rows(select.sql, select.limits.rows),
        "result_overflow_mode": "throw",
    }
    return rows | beside


def most_rows(sql: str, rows: int) -> int:
    """The rows above which ClickHouse refuses the answer of a question that may have so many: one more than that.

    Of a UNION each member may have as many, since `limit` cuts each by itself.
    """
    return (rows + 1) * statements.members(sql)


def settings_beside_rows(select: Select) -> dict[str, Setting]:
    """Give the same without the bound on rows."""
    limits = select.limits
    if limits.seconds <= 0 or min(limits.rows, limits.bytes_read, limits.memory_bytes, limits.result_bytes) < 0:
        raise errors.MisconfiguredError(f"limits must not be negative, and seconds above 0: {limits}")
    given: dict[str, Setting] = {"max_execution_time": limits.seconds, "timeout_overflow_mode": "throw"}
    if limits.bytes_read:
        given |= {"max_bytes_to_read": limits.bytes_read, "read_overflow_mode": "throw"}
    if limits.result_bytes:
        given |= {"max_result_bytes": limits.result_bytes, "result_overflow_mode": "throw"}
    if limits.memory_bytes:
        given["max_memory_usage"] = limits.memory_bytes
    return given | dict(select.settings)


def cut(rows: list[tuple[Cell, ...]], limits: Limits) -> tuple[list[tuple[Cell, ...]], bool]:
    """Cut an answer to its limit; True if rows were left out."""
    return rows[: limits.rows], len(rows) > limits.rows
