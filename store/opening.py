"""The one way to open a door to ClickHouse.

In: `StoreSettings`. Out: a `Store`. Which door it is shows nowhere else. The embedded engine's library (half a
gigabyte on disk, 200 MiB in memory) is loaded only where it is asked for.
Refuses a folder that another process holds, with `MisconfiguredError`; a server that does not answer is no error
here, since it may come later: the first question or insert says so.
"""

from collections.abc import Sequence

from store.port import Store
from store.settings import StoreSettings


def open_store(settings: StoreSettings, readable: Sequence[str] = ()) -> Store:
    """Open the embedded engine, or a door to the server at `settings.url`; the caller closes it.

    `readable`: tables that a store of `open_reader` on the same engine may read. A server knows that by itself.
    """
    if settings.embedded:
        from store import embedded  # noqa: PLC0415 - loads the engine itself

        return embedded.EmbeddedStore(settings, readable)
    from store import server  # noqa: PLC0415 - pairs with the line above: one door's libraries at a time

    return server.ServerStore(settings)


def open_reader(settings: StoreSettings) -> Store:
    """Open a door for statements that are not ours: it reads the tables that are readable, and does nothing else.

    At a server `settings` name the user whose rights and profile see to that; whether they do is for the caller to
    look at. The embedded engine must be open in this process, with `readable` tables.
    """
    if settings.embedded:
        from store import embedded  # noqa: PLC0415 - as above

        return embedded.EmbeddedReader(settings)
    from store import server  # noqa: PLC0415 - as above

    return server.ServerReader(settings)


def open_questions(settings: StoreSettings) -> Store:
    """Open a door for questions of ours, which reads every table and does nothing else.

    At a server `settings` name the user whose rights see to that. The embedded engine must be open in this process.
    """
    if settings.embedded:
        from store import embedded  # noqa: PLC0415 - as above

        return embedded.EmbeddedQuestions(settings)
    from store import server  # noqa: PLC0415 - as above

    return server.ServerReader(settings)
