"""All objects of one kind in one cluster, in pages.

In: an API server. Out: the objects, one page in memory at a time, and the resourceVersion that they are of. No
resourceVersion is asked for, so a list is read from the quorum, and never older than what was seen before. A page that
is too large is asked for again with half as many objects. Raises what the server says; 410 where the list took so long
that its place in the history is gone.
"""

from collections.abc import Callable, Iterator
from typing import Any

from enrich.kubernetes_api import KubernetesApi, TooLargeError
from enrich.kubernetes_kinds import Resource, document
from enrich.kubernetes_views import View
from enrich.objects import KubernetesObject


class Lister:
    """Lists one kind."""

    def __init__(self, api: KubernetesApi, resource: Resource, view: View, page_size: int) -> None:
        self._api = api
        self._resource = resource
        self._view = view
        self._page_size = page_size
        self.version = ""
        """resourceVersion of the last list, known once it has begun."""

    def pages(self, before_each: Callable[[], None]) -> Iterator[KubernetesObject]:
        """Every object; `before_each` is called before each page, and may raise to end it."""
        following = ""
        while True:
            before_each()
            page = self._page(following)
            metadata = page.get("metadata") or {}
            self.version = metadata.get("resourceVersion") or ""
            yield from self._view.read(page)
            following = metadata.get("continue") or ""
            if not following:
                return

    def newest(self) -> str:
        """Give the resourceVersion that the server is at."""
        return (self._ask({"limit": "1"}).get("metadata") or {}).get("resourceVersion") or ""

    def _page(self, following: str) -> dict[str, Any]:
        while True:
            query = {"limit": str(self._page_size), **({"continue": following} if following else {})}
            try:
                return self._ask(query)
            except TooLargeError:
                if self._page_size == 1:
                    raise
                self._page_size //= 2

    def _ask(self, query: dict[str, str]) -> dict[str, Any]:
        return document(self._api.get(self._resource.path, {**self._view.query, **query}, self._view.list_accept))
