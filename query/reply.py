"""What an asker gets: the rows of an answer with their circumstances.

In: a question with its settled parameters, how it was narrowed, and ClickHouse's answer. Out: a `Reply`, frozen.
Refused: an answer whose columns are not those that the question's header promises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from query import errors, pages, paging, parameters
from query.pages import ArrowPage, Page, RowPage
from query.paging import Place
from query.parameters import Given
from query.scopes import Narrowing
from sql.catalogue import Question, ResultColumn
from sql.parameter import Bindable
from store.port import Answer, Cell

CLUSTER = "cluster"
"""The parameter that narrows to a cluster, by name, in every question that has it."""

TOTAL = "_total"
"""Beside a parameter `series`, which bounds how many are shown, a column `series_total` says how many there are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it goes to ClickHouse."""

    question: Question
    given: Given
    narrowing: Narrowing
    query_id: str
    place: Place
    """Where the page begins."""
    arrow: bool = False
    """The rows are wanted as Arrow."""

    @property
    def cluster(self) -> str:
        """The name of the one cluster that it is asked about; empty where it is asked about all."""
        return str(self.given.values.get(CLUSTER, ""))


@dataclass(frozen=True, slots=True)
class Manner:
    """How an answer is wanted, beside the question's own parameters."""

    cursor: str = ""
    """Of the page before; empty for the first."""
    arrow: bool = False
    """The rows as Arrow."""


PLAINLY = Manner()
"""The first page, as plain rows."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when (included) to when (left out) an answer looks; RFC 3339 in UTC."""

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its circumstances."""

    question: str
    parameters: Mapping[str, Bindable]
    """As they were in force, defaults included; times in RFC 3339."""
    window: Window | None
    columns: tuple[ResultColumn, ...]
    rows: list[tuple[Cell, ...]]
    """Empty where they were wanted as Arrow."""
    truncated: bool
    """True exactly when there were more rows than the answer holds."""
    left_out: Mapping[str, int]
    """By parameter that bounds something other than rows (`series`), how many it left out; those of 0 are not in it."""
    elapsed: float
    """Seconds, from asking ClickHouse to holding the rows."""
    rows_read: int | None
    """Of all that ClickHouse read; None where the answer was narrowed, since it counts rows of others too."""
    bytes_read: int | None
    """The same in bytes."""
    query_id: str
    data_through: Mapping[str, str]
    """By signal, the newest time that ClickHouse holds; one that is empty or cannot say is left out."""
    scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The parts of the reader's scope that narrowed the answer; empty if nothing did."""
    next_cursor: str = ""
    """What to give for `cursor`, with the same parameters, for the rows after these; empty at the end."""
    arrow: ArrowPage | None = None
    """The rows, where they were wanted as Arrow."""
    missing_shards: tuple[str, ...] = ()
    """Shards of ClickHouse's cluster that did not answer: their rows are not in it."""

    @property
    def partial(self) -> bool:
        """Whether there may be more that it does not know of; a number in it may be too small, and none no news."""
        return bool(self.missing_shards)

    @property
    def row_count(self) -> int:
        """Rows in this answer."""
        return self.arrow.size if self.arrow else len(self.rows)


def answered(asked: Asked, answer: Answer, most: int, data_through: Mapping[str, str]) -> Reply:
    """Put an answer of at most `most` rows together with its circumstances.

    Raises `FailedError` for columns that nobody promised.
    """
    question, given, narrowed = asked.question, asked.given, bool(asked.narrowing)
    whole = pages.page_of(answer, arrow=asked.arrow)
    promised = tuple(column.name for column in question.columns)
    if whole.size and whole.names != promised:
        raise _broken_promise(question, whole.names, promised)
    page = whole.cut(asked.place.offset, most)
    more = answer.truncated or whole.size > asked.place.offset + page.size
    left_out = _left_out(question, given, whole)
    return Reply(
        question=question.name,
        parameters=MappingProxyType(dict(given.shown)),
        window=_window(given),
        columns=question.columns,
        rows=page.rows if isinstance(page, RowPage) else [],
        truncated=more or bool(left_out),
        left_out=MappingProxyType(left_out),
        elapsed=answer.elapsed,
        rows_read=None if narrowed else answer.rows_read,
        bytes_read=None if narrowed else answer.bytes_read,
        query_id=answer.query_id,
        data_through=MappingProxyType(dict(data_through)),
        scope=MappingProxyType(dict(asked.narrowing.shown)),
        next_cursor=_next(asked, page) if more else "",
        arrow=page if isinstance(page, ArrowPage) else None,
        missing_shards=answer.missing,
    )


def _next(asked: Asked, page: Page) -> str:
    """The cursor of the next page; none where the question has no `limit`, and so no pages."""
    if not page.size or asked.question.parameter(parameters.LIMIT) is None:
        return ""
    return paging.write(paging.after(asked.place, asked.question, page))


def _left_out(question: Question, given: Given, page: Page) -> dict[str, int]:
    """What the SELECT itself cut, which the number of rows does not show: read from the `_total` columns."""
    first = page.first()
    cut = {
        one.name: int(str(first[one.name + TOTAL])) - int(given.values[one.name])
        for one in question.parameters
        if one.name + TOTAL in first
    }
    return {name: number for name, number in cut.items() if number > 0}


def _window(given: Given) -> Window | None:
    if parameters.SINCE not in given.shown or parameters.UNTIL not in given.shown:
        return None
    return Window(str(given.shown[parameters.SINCE]), str(given.shown[parameters.UNTIL]))


def _broken_promise(question: Question, found: tuple[str, ...], promised: tuple[str, ...]) -> errors.FailedError:
    return errors.FailedError(
        f"Question `{question.name}` answers with the columns {found}, but its header promises {promised}",
        mend="Make the header and the SELECT of the handler file agree.",
    )
