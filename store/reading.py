"""A store for those who only ask, on one that may do more.

In: a store. Out: one on the same connections that sends `readonly = 2` with each question, so that ClickHouse refuses
whatever writes; an INSERT is refused here. For a user of its own, `store.opening.open_questions`.
"""

from dataclasses import replace

from store import errors
from store.port import Answer, Insert, InsertReceipt, Select, Store

READ_ONLY = 2
"""ClickHouse's word for: nothing but reading, and a statement may still set what is about reading."""


class ReadOnly:
    """A `store.port.Store` for questions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert(self, insert: Insert) -> InsertReceipt:
        """Refuse: who asks writes nothing."""
        raise errors.MisconfiguredError(f"this store reads only, and {insert.table} is to be written")

    def select(self, select: Select) -> Answer:
        """Ask. Raises a `StoreError`."""
        return self._store.select(replace(select, settings={"readonly": READ_ONLY, **select.settings}))

    def cancel(self, query_id: str) -> None:
        """Stop a statement."""
        self._store.cancel(query_id)

    def close(self) -> None:
        """Leave it open: whoever opened it closes it."""
