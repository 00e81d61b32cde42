"""The one way to open a door to ClickHouse.

In: `StoreSettings`. Out: a `Store`. Which door it is shows nowhere else. The embedded engine's library (half a
gigabyte on disk, 200 MiB in memory) is loaded only where it is asked for.
Refuses a folder that another process holds, with `MisconfiguredError`; a server that does not answer is no error
here, since it may come later: the first question or insert says so.
"""

from store.port import Store
from store.settings import StoreSettings


def open_store(settings: StoreSettings) -> Store:
    """Open the embedded engine, or a door to the server at `settings.url`; the caller closes it."""
    if settings.embedded:
        from store import embedded  # noqa: PLC0415 - loads the engine itself

        return embedded.EmbeddedStore(settings)
    from store import server  # noqa: PLC0415 - pairs with the line above: one door's libraries at a time

    return server.ServerStore(settings)
