"""Questions asked beside each other, whose answers are parts of one.

In: questions by name. Out: their replies, or the problems of those that failed; a `QuestionError` only where all did.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_server.finding import Finding, of_reply, together
from mcp_server.tool import Call
from query import errors
from query.parameters import Written
from query.reply import Reply

AT_ONCE = 3
"""Questions of one call that are asked at the same time, so that a reader's share is not all taken by one call."""

Asked = Mapping[str, Written | None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What came of each question."""

    replies: Mapping[str, Reply]
    problems: Mapping[str, errors.QuestionError] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is missing, and whether it was denied or failed: neither is an empty answer."""
        return tuple(
            f"{name} is missing here: {'denied' if isinstance(one, errors.DeniedError) else f'failed ({one.code})'}: "
            f"{one.own}"
            for name, one in self.problems.items()
        )

    def rows(self, question: str) -> list[dict[str, object]]:
        """The rows of a question, each by column; none where it failed."""
        reply = self.replies.get(question)
        if reply is None:
            return []
        names = [column.name for column in reply.columns]
        return [dict(zip(names, row, strict=True)) for row in reply.rows]

    def circumstances(self, call: Call) -> Finding:
        """A finding without tables, with what the replies say of window, freshness and scope."""
        found = [_bare(call, reply) for reply in self.replies.values()]
        return together(*found)


async def ask_all(call: Call, **asked: Asked) -> Parts:
    """Ask them all. Raises the first problem where no question was answered."""
    parts = await ask_each(call, {name: (name, written) for name, written in asked.items()})
    if not parts.replies:
        raise next(iter(parts.problems.values()))
    return parts


async def ask_each(call: Call, asked: Mapping[str, tuple[str, Asked]]) -> Parts:
    """The same under names of one's own, so that a question can be asked twice; raises nothing but cancellation."""
    turns = asyncio.Semaphore(AT_ONCE)
    outcomes = await asyncio.gather(*(_ask(call, turns, *one) for one in asked.values()))
    by_name = dict(zip(asked, outcomes, strict=True))
    replies = {name: one for name, one in by_name.items() if isinstance(one, Reply)}
    problems = {name: one for name, one in by_name.items() if isinstance(one, errors.QuestionError)}
    return Parts(replies, problems)


async def _ask(call: Call, turns: asyncio.Semaphore, name: str, written: Asked) -> Reply | errors.QuestionError:
    async with turns:
        try:
            return await call.ask(name, written)
        except errors.QuestionError as problem:
            return problem


def _bare(call: Call, reply: Reply) -> Finding:
    found = of_reply(reply)
    signals = tuple(str(signal) for signal in call.desk.question(reply.question).signals)
    return Finding(
        (),
        window=found.window,
        cluster=found.cluster,
        data_through=found.data_through,
        signals=signals,
        query_ids=found.query_ids,
        scope=found.scope,
        missing_shards=found.missing_shards,
    )
