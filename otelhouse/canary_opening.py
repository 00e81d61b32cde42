"""The canary of one house: in `up` a heart of its own, in a process that only answers what another one wrote down.

In: settings, the registry, and once the doors are open where they are. Out: a `CanaryRoom` that says how it stands.
It never holds up the house: it lives on threads that nobody waits for, and a house whose doors it cannot get through,
because it would not trust their certificate, says so in the log and runs without.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from canary.book import Book, Standing
from canary.figures import Figures
from canary.watch import Canary, Heart
from identity.gates import Gates
from identity.token_format import Kind
from otelhouse import canary_ways
from otelhouse.canary_following import Following
from otelhouse.canary_records import StoredRecords
from otelhouse.canary_ways import Shown
from otelhouse.house_access import Access
from otelhouse.settings import Settings
from store.port import Store

_log = logging.getLogger(__name__)

TOKEN_ID = "otelhouse-canary"  # noqa: S105  a name
STOP_SECONDS = 2.0
FOLLOW_SECONDS = 5.0
"""Between two looks at what another process wrote down."""


class CanaryRoom:
    """How the way stands, as far as this process knows. Made on a running event loop."""

    def __init__(self, settings: Settings, registry: CollectorRegistry, began_in: Path) -> None:
        self._settings = settings
        self._registry = registry
        self._began_in = began_in
        self._book: Book | None = None
        self.mode = "off"

    def standings(self) -> Sequence[Standing]:
        """For each cluster."""
        return self._book.standings() if self._book is not None else ()

    def start(self, store: Store, listening: Mapping[str, str], gates: Gates, closing: AsyncExitStack) -> None:
        """Beat against the house that listens there, until it closes. Raises `StartError` for a file it cannot read."""
        settings = self._settings
        urls = canary_ways.listened(settings, listening)
        client = settings.client
        if client.ca is None and any(url.startswith("https:") for url in urls.values()):
            _log.warning("the doors speak TLS, and no canary runs: name the CA to trust in client.ca")
            return
        own = Shown(gates.own_token(Kind.INGEST, TOKEN_ID), gates.own_token(Kind.READ, TOKEN_ID))
        shown = canary_ways.tokens(settings, self._began_in, own)
        files = (self._whole(path) for path in (client.ca, client.certificate, client.key))
        records = StoredRecords(store, settings.canary.timeout_s)
        ways = canary_ways.ways(settings, urls, Access("", *files), shown, records)
        ways = replace(ways, one_release=True)
        clusters = canary_ways.clusters(settings)
        book, figures = self._open_book(clusters)
        heart = Heart(Canary(ways, settings.canary, clusters, book, figures), settings.canary.period_s, figures)
        closing.push_async_callback(asyncio.to_thread, heart.stop, STOP_SECONDS)
        heart.start()
        self.mode = "running"

    def follow(self, store: Store, closing: AsyncExitStack) -> None:
        """Know what canaries of other processes write down; where `canary.enabled`, miss those that do not come."""
        canary = self._settings.canary
        expected = canary_ways.clusters(self._settings) if canary.enabled else ()
        book, figures = self._open_book(expected)
        named = frozenset(expected) - {""}
        standing_in = () if named else expected
        records = StoredRecords(store, canary.timeout_s)
        following = Following(records, book, figures, named, standing_in, canary.enabled)
        task = asyncio.create_task(_keep_looking(following), name="canary-following")
        closing.push_async_callback(_end, task)
        self.mode = "followed"

    def _open_book(self, clusters: Sequence[str]) -> tuple[Book, Figures]:
        canary = self._settings.canary
        # A beat may take its whole time, and is no less a beat for that.
        silent_after = canary.period_s * canary.silent_after + canary.give_up_s
        self._book = Book(clusters, silent_after)
        figures = Figures(self._registry, self._book)
        for cluster in clusters:
            figures.expect(cluster)
        return self._book, figures

    def _whole(self, path: Path | None) -> Path | None:
        """The embedded engine changes the working folder, which a relative path means."""
        return None if path is None else self._began_in / path.expanduser()


async def _keep_looking(following: Following) -> None:
    while True:
        await asyncio.to_thread(following.look)
        await asyncio.sleep(FOLLOW_SECONDS)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
