"""How what is stored by this process reaches who watches it without waiting for a look: the store tells the streams.

In: the store and the streams. Out: a store that does the same, and says after each INSERT that ClickHouse holds it.
"""

from sse_proxy.streams import Streams
from store.port import Answer, Insert, InsertReceipt, Select, Store


class TellingStore:
    """A `store.port.Store` for those who insert."""

    def __init__(self, store: Store, streams: Streams) -> None:
        self._store = store
        self._streams = streams

    def insert(self, insert: Insert) -> InsertReceipt:
        """Write, and tell. Raises what the store raises."""
        receipt = self._store.insert(insert)
        self._streams.stored(insert.table)
        return receipt

    def select(self, select: Select) -> Answer:
        """Ask."""
        return self._store.select(select)

    def cancel(self, query_id: str) -> None:
        """Stop a statement."""
        self._store.cancel(query_id)

    def close(self) -> None:
        """Leave it open: whoever opened it closes it."""
