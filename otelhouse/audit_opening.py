"""The audit trail of one house: where its lines go, and how they come to ClickHouse.

In: the settings, the release, and what brings rows to ClickHouse (the pipeline with its spool; the store alone in a
process that does not receive). Out: a running `AuditTrail`. Refuses to start, with `StartError`, where the file cannot
be written: a house that cannot say what was done in it does not open.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from identity.audit import AuditTrail, Journal, Row, Sink
from identity.audit_file import AuditFile
from identity.audit_log import LogJournal
from otelhouse import __version__
from otelhouse.opening import StartError
from otelhouse.settings import Settings
from sql import own_rows
from store.port import Store

Keep = Callable[[str, str, Sequence[bytes], int], Awaitable[None]]
"""Keeps rows for ClickHouse: the table, the token, the lines, how many. `ingest.pipeline.Pipeline.keep_rows` is one."""

KEEP_SECONDS = 60.0
"""The longest that one batch of rows may take; then it is tried again under the same token."""
FILE = "audit.jsonl"


def audit_file(settings: Settings, began_in: Path) -> Path | None:
    """The file of the trail, or None for our own log; a relative path is meant from `began_in`."""
    path = settings.identity.audit.file
    if path is None and settings.store.embedded:
        path = settings.store.path / FILE
    return None if path is None else began_in / path.expanduser()


def open_trail(settings: Settings, began_in: Path) -> AuditTrail:
    """Begin to record. To be called before anything else opens. Raises `StartError`."""
    path = audit_file(settings, began_in)
    journal: Journal = LogJournal()
    if path is not None:
        audit = settings.identity.audit
        file = AuditFile(path, max_bytes=audit.max_bytes, max_files=audit.max_files)
        try:
            file.append((), durable=True)
        except OSError as error:
            mend = "make it writable, or set another identity.audit.file"
            raise StartError(f"cannot write the audit trail to {path}: {error.strerror or error}; {mend}") from error
        journal = file
    return AuditTrail(journal, version=__version__)


def through_pipeline(keep: Keep, loop: asyncio.AbstractEventLoop) -> Sink:
    """Bring rows to ClickHouse as telemetry goes: by way of the spool, while `loop` runs."""

    def sink(rows: Sequence[Row]) -> None:
        kept = asyncio.run_coroutine_threadsafe(_keep(keep, rows), loop)
        try:
            kept.result(KEEP_SECONDS)
        except TimeoutError:
            kept.cancel()
            raise

    return sink


def through_store(store: Store) -> Sink:
    """Bring rows to ClickHouse at once, or raise; the trail comes again with them."""

    def sink(rows: Sequence[Row]) -> None:
        store.insert(own_rows.insert_for(own_rows.AUDIT, [own_rows.lines(rows)], _token(rows)))

    return sink


async def _keep(keep: Keep, rows: Sequence[Row]) -> None:
    await keep(own_rows.AUDIT, _token(rows), [own_rows.lines(rows)], len(rows))


def _token(rows: Sequence[Row]) -> str:
    """The same for the same rows, so that what is handed over twice is stored once."""
    ids = "".join(str(row.get("Id")) for row in rows)
    return f"audit-{hashlib.sha256(ids.encode()).hexdigest()[:32]}"
