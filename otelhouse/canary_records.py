"""What the canary asks of ClickHouse: its question, the statements of sql/canary/, and its results in `otel_canary`.

In: a store. Out: a `canary.finding.Records`; and what canaries of other processes wrote down, for a house that only
answers questions. A store that does not answer is a `LookError`.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources

from canary.finding import ACCEPT, Beaten, Finding, LookError, Past, StoredRow
from canary.judging import State
from canary.questions import QUESTION, nanoseconds
from sql import own_rows
from sql.catalogue import read_question
from sql.parameter import iso_time
from store.errors import StoreError
from store.port import Answer, Cell, Limits, Parameter, Select, Store

MOST_ROWS = 10_000
_MOST_PAST = 500
_MOST_LATEST = 2_000
_SECOND = 10**9


class StoredRecords:
    """Reads and writes by one store. Any thread may call."""

    def __init__(self, store: Store, seconds: float) -> None:
        """`seconds`: for one statement."""
        self._store = store
        self._seconds = seconds

    def rows(self, since: int, until: int) -> Sequence[StoredRow]:
        """All that canaries sent with times in the window, both ends included. Raises `LookError`."""
        # Some tables keep whole seconds.
        bound: dict[str, Parameter] = {
            "since": _time(since - since % _SECOND),
            "until": _time(until - until % _SECOND + _SECOND),
        }
        found = self._ask(_everything(), {**bound, "limit": MOST_ROWS + 1}, MOST_ROWS)
        if found.truncated:
            raise LookError(f"ClickHouse: there are more than {MOST_ROWS} rows of canaries")
        return [
            StoredRow(str(kind), str(line), _texts(fields), nanoseconds(str(at)))
            for at, kind, line, fields in found.rows
        ]

    def past(self, since: int, until: int, every: int) -> Sequence[Past]:
        """Of so many beats between two moments one, newest first; of none was something lost. Raises `LookError`."""
        bound: dict[str, Parameter] = {"since": _time(since), "until": _time(until), "every": every}
        found = self._select("past", bound, _MOST_PAST)
        return [
            Past(str(cluster), str(run), int(str(number)), int(str(sent)), _ways(stored))
            for cluster, run, number, sent, stored in found
        ]

    def latest(self, since: int) -> Sequence[tuple[Finding, int]]:
        """The latest for each cluster, signal and leg, and when its beat was sent. Raises `LookError`."""
        found = self._select("latest", {"since": _time(since)}, _MOST_LATEST)
        known = {state.value for state in State}
        return [
            (
                Finding(str(row[0]), str(row[1]), str(row[2]), State(row[3]), float(str(row[4])), str(row[5])),
                int(str(row[6])),
            )
            for row in found
            if row[3] in known
        ]

    def write(self, beaten: Beaten) -> None:
        """Keep what was found. Raises `LookError`."""
        rows = [
            {
                "Timestamp": iso_time(beaten.sent),
                "Cluster": one.cluster,
                "Run": beaten.runs[one.cluster],
                "Beat": beaten.number,
                "Signal": one.signal,
                "Leg": one.leg,
                "State": one.state.value,
                "Milliseconds": round(one.milliseconds, 3),
                "Problem": one.problem[:1000],
            }
            for one in beaten.findings
        ]
        token = f"canary-{'-'.join(beaten.runs.values())}-{beaten.number}"
        try:
            self._store.insert(own_rows.insert_for(own_rows.CANARY, [own_rows.lines(rows)], token))
        except StoreError as problem:
            raise LookError(f"ClickHouse: {problem}") from problem

    def _select(self, name: str, bound: dict[str, Parameter], most: int) -> list[tuple[Cell, ...]]:
        return self._ask(_statement(name), {**bound, "limit": most}, most).rows

    def _ask(self, statement: str, bound: dict[str, Parameter], most: int) -> Answer:
        limits = Limits(seconds=self._seconds, rows=most)
        try:
            return self._store.select(Select(statement, bound, limits))
        except StoreError as problem:
            raise LookError(f"ClickHouse: {problem}") from problem


@cache
def _everything() -> str:
    """The question that the canary asks at the windows, as it is asked without any reader."""
    file = f"{QUESTION}.sql"
    return read_question(file, (resources.files("sql") / "handlers" / file).read_text(encoding="utf-8")).sql


@cache
def _statement(name: str) -> str:
    return (resources.files("sql") / "canary" / f"{name}.sql").read_text(encoding="utf-8")


def _time(nanoseconds: int) -> str:
    return iso_time(max(0, nanoseconds), " ", "")


def _ways(cell: Cell) -> frozenset[tuple[str, str]]:
    """Doors and kinds, of texts such as `accept-grpc log`."""
    said = (text.removeprefix(f"{ACCEPT}-").partition(" ") for text in _texts(cell))
    return frozenset((door, kind) for door, _, kind in said)


def _texts(cell: Cell) -> tuple[str, ...]:
    return tuple(map(str, cell)) if isinstance(cell, list | tuple) else ()
