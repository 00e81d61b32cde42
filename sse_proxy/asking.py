"""What a tap asks ClickHouse, in a thread of its own: the three statements of a feed in sql/streams/.

    census   how many rows there are of each moment of arrival: one narrow column
    rows     those of some moments
    known    the ids of what may come again

In: moments of arrival. Out: what the answers say, and whether they were cut. Each question is counted. What ClickHouse
refuses comes through as the `StoreError` that it is.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sse_proxy import rows, statements
from sse_proxy.feeds import Feed
from sse_proxy.figures import Figures
from sse_proxy.rows import Read
from sse_proxy.seen import MOST_KNOWN, Group
from sse_proxy.settings import StreamSettings
from store.port import Answer, Limits, Parameter, Select, Setting, Store

COMES_AGAIN_WITHIN = 3_900 * 10**9
"""Kubernetes keeps an event for an hour; so long may a collector that starts anew send it again."""
JSON_AS_IT_IS: dict[str, Setting] = {
    "output_format_json_escape_forward_slashes": 0,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_validate_utf8": 1,
}
STOPPED = frozenset({159, 394, 735})
"""ClickHouse's codes for what ran too long or was stopped: a `LimitError` that says nothing about the rows."""
_CENSUS = Limits(seconds=10.0, rows=500_000)
"""Of 32 bytes each, so its rows bound its bytes as well."""


@dataclass(frozen=True, slots=True)
class Census:
    """What was counted."""

    after: int
    """From this moment on, which is not in it."""
    groups: list[Group]
    clock: int
    """ClickHouse's."""
    cut: bool
    """There are more moments than were counted, all of them later."""


class Asking:
    """Belongs to one event loop; asks one thing at a time."""

    def __init__(self, feed: Feed, store: Store, settings: StreamSettings, figures: Figures) -> None:
        self._feed = feed
        self._store = store
        self._settings = settings
        self._figures = figures
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"tap-{feed.name}")

    def close(self) -> None:
        """Ask no more. Safe twice."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def census(self, after: int, now: int) -> Census:
        """Count; `now` stands for ClickHouse's clock where it does not tell its own."""
        answer = await self._select("census", _CENSUS, {"after": after})
        counted = [tuple(int(str(cell)) for cell in row) for row in answer.rows]
        clock = next((row[3] for row in counted if row[0] == 0), now)
        groups = [Group(moment, number, mix) for moment, number, mix, _ in counted if moment]
        return Census(after, groups, clock, answer.truncated)

    async def known(self, until: int) -> Iterator[tuple[int, bool]]:
        """What came before a moment and may come again: ids, and whether they carried a composition."""
        bounds: dict[str, Parameter] = {"after": until - COMES_AGAIN_WITHIN, "until": until, "limit": MOST_KNOWN // 2}
        answer = await self._select("known", Limits(seconds=30.0, rows=MOST_KNOWN // 2), bounds)
        return ((int(str(row[0])), bool(row[1])) for row in answer.rows)

    async def rows(self, groups: Sequence[Group]) -> tuple[list[Read], bool]:
        """Read the rows of these moments; gives them oldest first, and whether there are more than are ever read.

        Raises `LimitError` where they are too large.
        """
        at_once = self._settings.rows_at_once
        most = min(max(at_once, sum(group.rows for group in groups)) + at_once, self._settings.behind_rows)
        moments = [group.moment for group in groups]
        bounds: dict[str, Parameter] = {"first": moments[0], "last": moments[-1], "moments": moments, "limit": most + 1}
        bounds["row_bytes"] = self._settings.row_bytes
        limits = Limits(seconds=30.0, rows=most, result_bytes=self._settings.ring_bytes)
        answer = await self._select("rows", limits, bounds)
        return list(rows.read(self._feed, answer.rows)), answer.truncated

    async def _select(self, name: str, limits: Limits, bound: dict[str, Parameter]) -> Answer:
        self._figures.queries.labels(self._feed.name).inc()
        select = Select(statements.statement(f"{self._feed.name}_{name}"), bound, limits, JSON_AS_IT_IS)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.select, select)
