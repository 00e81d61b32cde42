"""One client of a stream that is a real browser: its EventSource, on the clock of this machine.

In: where the house listens, and what sends events there. Out: when each was sent and stored, and when the page's
listener was called for it; all in nanoseconds since 1970. Without Chromium there is nothing to measure, and it is None.
"""

import asyncio
from collections.abc import Callable, Mapping

from bench import chromium
from bench.chromium import Installation, Page
from bench.unavailable import UnavailableError

_PATIENCE = 60.0
_QUIET = 3.0
"""Seconds after which the page has nothing more to load."""
_PAUSE = 0.1
"""Seconds between two looks at the page: each costs the browser a little, so there is none before all was sent."""
_WATCH = """
window.got = [];
window.source = new EventSource("/notifications/");
source.addEventListener("krateo", event => {
  const moment = performance.timeOrigin + performance.now();
  got.push([JSON.parse(event.data).metadata.name, moment]);
});
new Promise(done => source.addEventListener("open", done, {once: true})).then(() => true)
"""
_LOADED = "document.readyState === 'complete' && location.protocol === 'http:'"


def find() -> Installation | None:
    """The browser of this machine; None where there is none."""
    try:
        return chromium.find()
    except UnavailableError:
        return None


def watched(
    house: str, browser: Installation | None, send: Callable[[], Mapping[int, int]]
) -> tuple[Mapping[int, int], Mapping[int, int]] | None:
    """Open a page that watches, send, and give when what was sent was stored, and when it was seen."""
    if browser is None:
        return None
    try:
        return asyncio.run(_watched(house, browser, send))
    except UnavailableError:
        return None


async def _watched(
    house: str, browser: Installation, send: Callable[[], Mapping[int, int]]
) -> tuple[Mapping[int, int], Mapping[int, int]]:
    async with chromium.opened(f"{house}/livez", browser) as page:
        await _until(page, _LOADED)
        await page.run(_WATCH)
        await asyncio.sleep(_QUIET)
        stored = await asyncio.to_thread(send)
        await _until(page, f"got.length >= {len(stored)}")
        got = await page.run("got")
    return stored, {int(name.removeprefix("at-")): round(moment * 1e6) for name, moment in got}


async def _until(page: Page, script: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not await page.run(script):  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(_PAUSE)
