"""Dead letters are sent again: once the retention is longer, a clock is set, or a release knows more types of metrics.

In: a store, and which letters are wanted. Out: each letter as it stands now, stored or refused once more; the same is
written to `otel_dead_letters`. Each item goes under a token of its own, so a run that breaks off and is done again
stores nothing twice. Slow, one INSERT a letter: for an operator's command, not for a flood.
Raises the store's errors where ClickHouse is not to be had; what was sent until then is written down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ingest import dead_letters
from ingest.dead_letters import DeadLetter, NotKeptError
from ingest.errors import MalformedError
from sql import otlp, own_rows
from sql.time_bounds import Bounds
from store.errors import BadDataError
from store.port import Limits, Parameter, Select, Store

PAGE = 50
"""Letters in memory at once; each may be a megabyte."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which open letters; what is empty does not narrow."""

    ids: Sequence[str] = ()
    signal: str = ""
    service: str = ""
    text: str = ""
    """Part of the reason."""
    most: int = 1_000
    after: tuple[int, str] = (0, "")
    """Only letters behind this one: when it arrived, in nanoseconds since 1970, and its id."""


def count(store: Store, wanted: Wanted, now: int) -> int:
    """Give how many letters are wanted, however many `most` allows."""
    parameters = {**_filters(wanted), "until": now}
    answer = store.select(Select(_sql("count_to_send"), parameters, Limits(seconds=60.0, rows=1)))
    return int(str(answer.rows[0][0]))


def resend(store: Store, wanted: Wanted, bounds: Bounds, now: int) -> Iterator[DeadLetter]:
    """Send the wanted letters again, oldest first, and give each as it stands then. `now` is in nanoseconds since 1970.

    Letters that arrived after `now` are left alone, so a run has an end.
    """
    for page in _pages(store, wanted, now):
        sent: list[DeadLetter] = []
        try:
            for letter in page:
                sent.append(_resend(store, letter, bounds, now))  # noqa: PERF401 - an error must leave what was sent
        finally:
            if sent:
                token = f"{dead_letters.retry_token(sent[0])}-{sent[0].attempt}-{len(sent)}"
                store.insert(own_rows.insert_for(own_rows.DEAD_LETTERS, dead_letters.rows(sent), token))
        yield from sent


def _pages(store: Store, wanted: Wanted, until: int) -> Iterator[list[DeadLetter]]:
    after, left = wanted.after, wanted.most
    while left > 0:
        parameters: dict[str, Parameter] = {
            **_filters(wanted),
            "after_received": after[0],
            "after_id": after[1],
            "until": until,
            "limit": min(left, PAGE),
        }
        answer = store.select(Select(_sql("to_send"), parameters, Limits(rows=PAGE)))
        names = [column.name for column in answer.columns]
        page = dead_letters.from_rows(dict(zip(names, row, strict=True)) for row in answer.rows)
        if not page:
            return
        yield page
        after, left = (page[-1].origin.received_unix_nano, page[-1].id), left - len(page)


def _resend(store: Store, letter: DeadLetter, bounds: Bounds, now: int) -> DeadLetter:
    try:
        parcel, found = dead_letters.sort_out(dead_letters.again(letter, now), bounds(letter.signal))
    except (NotKeptError, MalformedError) as error:
        return dead_letters.retried(letter, str(error))
    if offences := [*parcel.offences, *found]:
        return dead_letters.retried(letter, offences[0].reason, offences[0].code)
    try:
        store.insert(otlp.insert_for(letter.signal, parcel.chunks, dead_letters.retry_token(letter)))
    except BadDataError as error:
        return dead_letters.retried(letter, str(error), error.code)
    return dead_letters.retried(letter)


def _filters(wanted: Wanted) -> dict[str, Parameter]:
    return {"ids": list(wanted.ids), "signal": wanted.signal, "service": wanted.service, "text": wanted.text}


@cache
def _sql(name: str) -> str:
    return (resources.files("sql") / "dead_letters" / f"{name}.sql").read_text(encoding="utf-8")
