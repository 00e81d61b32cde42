"""Where the reading of a request meets the enrichment, if the house has one.

In: a parsed request and its sender. Out: the same request with what could be found out about its resources and events.
Refuses nothing, and waits as long as the enrichment's own patience allows. Without an enrichment nothing happens here.
"""

from functools import partial
from typing import Protocol

from enrich.cluster_identity import NOBODY
from enrich.clusters import Cluster
from enrich.resources import Origin
from enrich.stage import Run
from enrich.work import Came, Work
from identity.sender import Sender
from ingest.nested import Tell
from ingest.wire import Request
from sql.signals import Signal


class Enricher(Protocol):
    """Implemented by `enrich.stage.Enrichment`."""

    async def enrich(self, came: Came, run: Run) -> Work:
        """Enrich the resources of a request, and its events that are text or attributes."""

    def tell(self, work: Work, number: int) -> Tell:
        """Be told the log records of a resource, by its number, whose bodies are text once nested values are."""

    async def enrich_maps(self, work: Work, run: Run) -> None:
        """Enrich events whose bodies were maps, once they have become text."""

    def count(self, work: Work) -> None:
        """Count what was found out."""


class Enriching:
    """One request on its way through the enrichment."""

    def __init__(self, enricher: Enricher | None, request: Request, run: Run, body: bytes = b"") -> None:
        """`run` runs something on a thread; `body` is what the request was read from, which spares time, or empty."""
        self._enricher = enricher
        self._request = request
        self._run = run
        self._body = body
        self._work: Work | None = None

    async def resources(self, sender: Sender) -> None:
        """Enrich what can be read without a look at nested values."""
        if self._enricher is not None:
            request, logs = self._request, self._request.signal is Signal.LOGS
            came = Came(request.resources, _origin(sender), self._body, logs=logs)
            self._work = await self._enricher.enrich(came, self._run)
            if logs:
                request.tell = partial(self._enricher.tell, self._work)

    async def maps(self) -> None:
        """Enrich what stood in nested values, once they have become text."""
        if self._enricher is not None and self._work is not None and self._request.signal is Signal.LOGS:
            await self._enricher.enrich_maps(self._work, self._run)

    def count(self) -> None:
        """Count, at the end."""
        if self._enricher is not None and self._work is not None:
            self._enricher.count(self._work)


def _origin(sender: Sender) -> Origin:
    bound = sender.cluster_uid or sender.cluster_name
    return Origin(sender.peer, Cluster(sender.cluster_uid, sender.cluster_name) if bound else NOBODY)
