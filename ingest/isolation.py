"""Rows that ClickHouse refuses are taken apart until the bad item stands alone; all others are stored.

In: the parcels of one batch and its token. Out: once all that can be stored is stored, what became of each parcel
(`Outcome`): how many of its items can never be, why, and their dead letters. Raises what the store raises for reasons
that are not the rows'.

How a refused batch is taken apart without storing rows twice (the tables behind the Null tables are filled by several
materialized views, one after another):
- The Null tables' CONSTRAINTs (code 469) are checked before any view gets a row, so nothing is written. The rules
  behind them are known, so the offenders are found in Python (`dead_letters.sort_out`), and the rest goes again under
  the same token.
- A view that throws is different: the views before it have already written the whole batch to their own tables under
  the batch's token. What reading fields that OTLP does not define can break is found by the same step, and the same
  token completes the tables that miss the batch.
- What is refused even then is halved, down to single items, under tokens derived from the batch's own. Whoever does it
  again after a crash takes the same steps with the same tokens, so nothing is stored twice by that. Only here can a
  sibling table (Kubernetes events beside logs) hold a row twice; losing the neighbours' rows would be worse. It is
  logged and counted (`otelhouse_ingest_split_batches_total{written="maybe"}`), and takes a view that throws on data
  that no rule knows: a defect of the view.

An item is given up only if ClickHouse blames the row itself (`ABOUT_THE_ROWS`), or took other rows of the same batch:
otherwise a table or a view was changed by somebody, and the batch is kept (`MisconfiguredError`).
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ingest import dead_letters
from ingest.counters import Counters
from ingest.dead_letters import Offence
from ingest.inserting import Inserter
from ingest.wire import Parcel
from sql.signals import Signal
from sql.time_bounds import Bounds, TimeBounds
from store.errors import BadDataError, MisconfiguredError

_log = logging.getLogger(__name__)

ABOUT_THE_ROWS = frozenset({252, 436, 444, 469})
"""TOO_MANY_PARTS (rows over too many days in one INSERT), PROTOBUF_BAD_CAST, UNKNOWN_PROTOBUF_FORMAT and
VIOLATED_CONSTRAINT: codes that blame the rows alone."""
FUTILE = 40
"""INSERTs that fail in a row before it is plain that the rows are not the reason: halving a full batch down to one item
takes 17."""
MOST_INSERTS = 2_000
"""INSERTs that one batch is taken apart with. What is undecided then becomes dead letters, to be sent again later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one parcel."""

    parcel: Parcel
    """As it was stored, with `rejected` and `message` for its sender."""
    offences: tuple[Offence, ...] = ()
    """The items that were not."""


@dataclass(slots=True)
class _Search:
    """Where the halving of one batch stands."""

    signal: Signal
    token: str
    reason: BadDataError
    """What ClickHouse said last."""
    offences: dict[int, list[Offence]] = field(default_factory=dict)
    """By the parcel's place in the batch."""
    stored: int = 0
    """INSERTs that ClickHouse took; one of them proves that tables and views are in order."""
    tried: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A parcel, or a part of one."""

    place: int
    parcel: Parcel


class Isolation:
    """Stores batches. Used on one event loop; slow Python runs on a thread of its own."""

    def __init__(self, inserter: Inserter, counters: Counters, bounds: Bounds) -> None:
        self._inserter = inserter
        self._counters = counters
        self._bounds = bounds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="otelhouse-sort")

    async def store(self, parcels: Sequence[Parcel], token: str, *, others_pass: bool = False) -> list[Outcome]:
        """Store all that can be; gives what became of each parcel, in order.

        `others_pass`: ClickHouse took other batches since it refused this one, so tables and views are in order.
        """
        signal = parcels[0].signal
        try:
            await self._insert(parcels, token)
        except BadDataError as refused:
            error = refused
        else:
            return [Outcome(parcel) for parcel in parcels]
        sorted_out = await self._sort_out(parcels, self._bounds(signal))
        kept = [outcome.parcel for outcome in sorted_out]
        if kept != list(parcels):
            try:
                await self._insert(kept, token)
            except BadDataError as again:
                error = again
            else:
                return sorted_out
        return await self._halve(sorted_out, token, error, others_pass=others_pass)

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _insert(self, parcels: Sequence[Parcel], token: str) -> None:
        chunks = [chunk for parcel in parcels for chunk in parcel.chunks]
        await self._inserter.insert(parcels[0].signal, chunks, token)

    async def _sort_out(self, parcels: Sequence[Parcel], bounds: TimeBounds) -> list[Outcome]:
        def work() -> list[Outcome]:
            found = (dead_letters.sort_out(parcel, bounds) for parcel in parcels)
            return [Outcome(parcel, tuple(offences)) for parcel, offences in found]

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _halve(
        self, outcomes: list[Outcome], token: str, error: BadDataError, *, others_pass: bool
    ) -> list[Outcome]:
        signal = outcomes[0].parcel.signal
        written = error.code not in ABOUT_THE_ROWS
        self._counters.split(signal, written=written)
        doubt = ", sibling tables may hold rows twice" if written else ""
        _log.error("a batch of %s is taken apart%s: %s", signal, doubt, error)
        search = _Search(signal, token, error, stored=int(others_pass))
        pieces = [_Piece(place, outcome.parcel) for place, outcome in enumerate(outcomes) if outcome.parcel.items]
        await self._search(search, pieces, "")
        if not search.stored and error.code not in ABOUT_THE_ROWS:
            raise _not_the_rows(error)
        return [_with(outcome, search.offences.get(place, [])) for place, outcome in enumerate(outcomes)]

    async def _search(self, search: _Search, pieces: Sequence[_Piece], path: str) -> None:
        """Find the offenders in `pieces`, which were refused together, and store the rest."""
        halves = await self._halves(pieces)
        if len(halves) == 1:
            self._condemn(search, pieces)
            return
        for digit, half in zip("01", halves, strict=True):
            if search.tried >= MOST_INSERTS:
                self._condemn(search, half)
                continue
            search.tried += 1
            try:
                await self._insert([piece.parcel for piece in half], f"{search.token}-{path}{digit}")
            except BadDataError as error:
                search.reason = error
                if not search.stored and search.tried >= FUTILE and error.code not in ABOUT_THE_ROWS:
                    raise _not_the_rows(error) from error
                await self._search(search, half, path + digit)
            else:
                search.stored += 1

    async def _halves(self, pieces: Sequence[_Piece]) -> list[Sequence[_Piece]]:
        """Two halves, or the one item that cannot be halved."""
        if len(pieces) > 1:
            middle = len(pieces) // 2
            return [pieces[:middle], pieces[middle:]]
        (piece,) = pieces
        if piece.parcel.items <= 1:
            return [pieces]
        loop = asyncio.get_running_loop()
        parts = await loop.run_in_executor(self._thread, dead_letters.halves, piece.parcel)
        return [[_Piece(piece.place, part)] for part in parts]

    def _condemn(self, search: _Search, pieces: Sequence[_Piece]) -> None:
        for piece in pieces:
            found = dead_letters.condemn(piece.parcel, str(search.reason), search.reason.code)
            search.offences.setdefault(piece.place, []).extend(found)


def _with(outcome: Outcome, offences: Sequence[Offence]) -> Outcome:
    """Count what halving found among what the sender hears."""
    if not offences:
        return outcome
    parcel = outcome.parcel
    message = "; ".join(filter(None, (parcel.message, f"ClickHouse can never hold: {offences[0].reason}")))
    rejected, items = parcel.rejected + len(offences), parcel.items - len(offences)
    parcel = replace(parcel, rejected=rejected, items=items, message=message)
    return Outcome(parcel, (*outcome.offences, *offences))


def _not_the_rows(error: BadDataError) -> MisconfiguredError:
    message = f"every row is refused, so the rows are not the reason: {error}"
    return MisconfiguredError(message, code=error.code, query_id=error.query_id)
