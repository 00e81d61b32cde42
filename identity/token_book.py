"""The tokens that count now: the tokens file, kept in step while the process runs.

In: the file's path. Out: for a token, its record or nothing. The file is looked at (one `stat`) once a second, whether
anybody asks or not: the first to ask after a quiet night must not be judged by the tokens of the evening. A changed one
is read on a thread of its own, so nobody waits for it. A symbolic link that points elsewhere, as Kubernetes swaps them,
is a change.

A file that cannot be used refuses the start. Later the tokens of before stay in force, `problem` says what is wrong,
and the log says it once: a slip of the pen must not shut out a fleet.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from identity import token_format, tokens_file
from identity.audit_line import Deed
from identity.sender import Sender
from identity.token_record import TokenRecord
from identity.tokens_file import Signature, TokensFile, TokensFileError

LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token of the file."""

    record: TokenRecord
    digest: bytes
    expires_at: float
    """Unix seconds; infinity where it does not expire."""
    sender: Sender
    """Whom an ingest token names, without the address; made once, since every request asks."""

    @classmethod
    def of(cls, record: TokenRecord) -> Self:
        """The same with what is asked often at hand."""
        return cls(record, record.digest, record.expires_at, record.sender())


def on_a_thread(work: Work) -> None:
    """Do `work` on a thread of its own; the end of the process does not wait for it."""
    threading.Thread(target=work, name="otelhouse-tokens", daemon=True).start()


class TokenBook:
    """All tokens of one file. Methods may be called from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        on_change: Callable[[Deed], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Work], None] = on_a_thread,
    ) -> None:
        """Read the file. Raises `TokensFileError`, which ends the start."""
        self._path = path
        self._on_change = on_change
        self._clock = clock
        self._start = start
        self._guard = threading.Lock()
        self._reading = False
        self._problem = ""
        self._signature: Signature = ()
        self._by_digest: Mapping[bytes, KnownToken] = {}
        self._by_id: Mapping[str, TokenRecord] = {}
        self._own: dict[bytes, KnownToken] = {}
        self._look_again = clock() + LOOK_SECONDS
        self._closed = threading.Event()
        self._take(tokens_file.read(path), announce=False)

    def watch(self) -> None:
        """Look at the file every second until `close`. Called once."""
        threading.Thread(target=self._watch, name="otelhouse-tokens-watch", daemon=True).start()

    def close(self) -> None:
        """Look no more. Safe twice."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            self._look()

    @property
    def problem(self) -> str:
        """What is wrong with the file now, or an empty text. The tokens of before stay in force meanwhile."""
        self._look()
        return self._problem

    def find(self, token: str) -> KnownToken | None:
        """The record of a token, expired ones included, or None."""
        if self._clock() >= self._look_again:
            self._look()
        digest = token_format.digest(token)
        known = self._by_digest.get(digest) or self._own.get(digest)
        # Looking up a hash tells nobody how near a guess was: one letter more gives another hash altogether.
        return known if known is not None and hmac.compare_digest(known.digest, digest) else None

    def keep(self, record: TokenRecord) -> None:
        """Let a token of this very process in, which stands in no file and ends with it."""
        self._own[record.digest] = KnownToken.of(record)

    def has_id(self, token_id: str) -> bool:
        """Whether a token has this id."""
        return token_id in self._by_id

    def __len__(self) -> int:
        """Tokens, expired ones included."""
        return len(self._by_id)

    def _look(self) -> None:
        with self._guard:
            now = self._clock()
            if self._reading or now < self._look_again:
                return
            self._look_again = now + LOOK_SECONDS
            try:
                seen = tokens_file.signature_of(self._path)
            except OSError as error:
                self._keep_old(f"{self._path}: cannot be read: {error.strerror or error}", ())
                return
            if seen == self._signature:
                return
            self._reading = True
        self._start(partial(self._read_again, seen))

    def _read_again(self, seen: Signature) -> None:
        try:
            content = tokens_file.read(self._path)
        except TokensFileError as error:
            with self._guard:
                self._reading = False
                # As it was seen before it was read: one that changed since is read again.
                self._keep_old(str(error), seen)
            return
        self._take(content, announce=True)

    def _keep_old(self, problem: str, signature: Signature) -> None:
        self._signature = signature
        if problem != self._problem:
            self._problem = problem
            _log.error("identity.tokens_file: %s; the %d tokens of before stay in force", problem, len(self._by_id))

    def _take(self, content: TokensFile, *, announce: bool) -> None:
        before = self._by_id
        with self._guard:
            self._by_digest = {record.digest: KnownToken.of(record) for record in content.records}
            self._by_id = {record.id: record for record in content.records}
            self._signature = content.signature
            self._reading = False
            self._problem = ""
        if content.warning:
            _log.warning("identity.tokens_file: %s: %s", self._path, content.warning)
        if announce:
            self._announce(before, self._by_id)

    def _announce(self, before: Mapping[str, TokenRecord], after: Mapping[str, TokenRecord]) -> None:
        changes = [
            *(("token.created", after[name]) for name in after.keys() - before.keys()),
            *(("token.revoked", before[name]) for name in before.keys() - after.keys()),
            *(("token.changed", after[name]) for name in after.keys() & before.keys() if after[name] != before[name]),
        ]
        _log.info("identity.tokens_file: read again: %d tokens, %d changes", len(after), len(changes))
        for action, record in sorted(changes, key=lambda change: change[1].id):
            if self._on_change is not None:
                self._on_change(Deed(action, "system", "", "ok", record.id, _details(record, self._path)))


def _details(record: TokenRecord, path: Path) -> dict[str, str]:
    role = {"role": record.role.value} if record.role else {}
    cluster = {"cluster_name": record.cluster_name} if record.cluster_name else {}
    return {"kind": record.kind.value, "seen_in": str(path)} | role | cluster
