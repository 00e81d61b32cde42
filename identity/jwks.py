"""The keys that JWTs are checked with: fetched when needed, kept for a while, never waited for without end.

In: a key id. Out: a public key, or the `Refusal` that says why there is none. Fetches run on a thread, one at a time
however many ask, and who asks waits `timeout_s` at most. Keys count for `cache_s`; when they cannot be fetched again,
those of before count until `keep_s` is over. A key id that is not known has the keys fetched again, at most every
`min_refresh_s`, so that made-up key ids cost the provider nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt

from identity import jwks_fetch
from identity.jwks_fetch import Keys, KeysError
from identity.redaction import redact
from identity.refusals import Reason, Refusal
from identity.settings import JwtSettings

RETRY_SECONDS = 5.0
"""Pause after a fetch that failed."""
SLACK_SECONDS = 0.5
"""More than a fetch may take itself; what is beyond is a name server or a disk that hangs."""

_log = logging.getLogger(__name__)

Fetch = Callable[[JwtSettings], Keys]


class KeySource:
    """The keys of one provider. Used on one event loop."""

    def __init__(
        self,
        settings: JwtSettings,
        fetch: Fetch = jwks_fetch.fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._problem = ""
        self._closed = False
        # A thread of its own: the loop's threads may all be waiting for long questions.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="otelhouse-jwks")

    @property
    def problem(self) -> str:
        """Why the keys could not be fetched the last time, or an empty text."""
        return self._problem

    async def key(self, key_id: str) -> jwt.PyJWK | Refusal:
        """The key with this id; an empty id is the provider's only key."""
        if self._age() > self._settings.cache_s:
            await self._refresh(RETRY_SECONDS)
        if not self._keys or self._age() > max(self._settings.cache_s, self._settings.keep_s):
            return self._no_keys()
        if (key := self._look_up(key_id)) is not None:
            return key
        await self._refresh(self._settings.min_refresh_s)
        return self._look_up(key_id) or self._unknown()

    def close(self) -> None:
        """Fetch nothing more. Safe twice."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, key_id: str) -> jwt.PyJWK | None:
        if key_id:
            return self._keys.get(key_id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _since_last_try(self) -> float:
        return self._clock() - self._tried_at

    async def _refresh(self, pause: float) -> None:
        """Wait for the fetch under way, or for a new one if the last was `pause` seconds ago; never without end."""
        if self._fetching is None or self._fetching.done():
            if self._closed or self._since_last_try() < pause:
                return
            self._fetching = asyncio.create_task(self._fetch_once())
        # Many may wait for the one fetch, so one of them going away does not end it.
        done, _ = await asyncio.wait({self._fetching}, timeout=self._settings.timeout_s + SLACK_SECONDS)
        for task in done:
            task.result()  # what is no `KeysError` is a mistake of ours, and must be seen

    async def _fetch_once(self) -> None:
        self._tried_at = self._clock()
        try:
            loop = asyncio.get_running_loop()
            self._keys = await loop.run_in_executor(self._thread, self._fetch, self._settings)
        except KeysError as error:
            self._failed(redact(str(error)))
            return
        self._fetched_at = self._clock()
        if self._problem:
            self._problem = ""
            _log.info("identity.jwt: the provider's keys can be had again")

    def _failed(self, problem: str) -> None:
        if problem != self._problem:
            _log.error("identity.jwt: the provider's keys cannot be had: %s", problem)
        self._problem = problem

    def _no_keys(self) -> Refusal:
        words = "the keys to check this credential with cannot be had now"
        return Refusal(Reason.NO_KEYS, words, retry_after=RETRY_SECONDS)

    def _unknown(self) -> Refusal:
        words = "this credential is signed with a key that its issuer does not publish, or not yet"
        left = self._settings.min_refresh_s - self._since_last_try()
        return Refusal(Reason.UNKNOWN_KEY, words, retry_after=max(1.0, left))
