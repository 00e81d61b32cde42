"""What it takes to insert batches, bad rows included: threads, the search for bad rows, and a place for them.

In: the parts of one INSERT and its token. Out: once ClickHouse holds what it can, what became of each parcel. There are
two of these in a house, one for what comes in and one for the drain, so that an INSERT that hangs in the one holds up
nothing in the other.
"""

from ingest.burial import Burial
from ingest.counters import Counters
from ingest.inserting import Inserter
from ingest.isolation import Isolation
from ingest.spooling import Spooling
from sql.time_bounds import Bounds
from store.port import Store


class Insertion:
    """Used on one event loop."""

    def __init__(
        self, store: Store, counters: Counters, bounds: Bounds, spooling: Spooling | None, threads: int
    ) -> None:
        self.inserter = Inserter(store, counters, threads)
        self.isolation = Isolation(self.inserter, counters, bounds)
        self.burial = Burial(self.inserter, spooling, counters)

    def close(self) -> None:
        """Let the threads go."""
        self.inserter.close()
        self.isolation.close()
