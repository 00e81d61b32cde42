"""A scripted agent that follows only what the tools say. It is the same for every page, and knows no incident.

In: a conversation with the window, the text of a page. Out: a diagnosis in words of the answers.

What it does, and all that it does:

1. The instructions say with which tool to start. Of the page it takes the values of that tool's arguments: `namespace
   shop` is the argument `namespace`.
2. The rows of the answer that come with a next call are its leads, in the answer's order. What the answer set aside, it
   sets aside.
3. It makes each lead's next call, and what that answer proposes after it. A next call of the first tool itself means to
   look wider: then the leads are those of the wider answer.
4. Each lead is a cause: kind and object are those of its row, the reason is the row's evidence and the first that each
   answer on the way says, where what a program said goes before what Kubernetes said about it.
5. Without a lead nothing is wrong, if the answer reaches to the present; it then reports what was set aside about the
   subject of the page. A stale, empty or failed answer is no answer, and it says so.
"""

import re
from collections.abc import Iterable, Mapping

from bench.agents import reading
from bench.agents.conversation import Conversation
from bench.agents.diagnosis import Diagnosis, Named
from bench.agents.reading import Page, Row

MOST_LEADS = 3
MOST_STEPS = 3
"""Calls after one lead."""

_TEXTS = ("message", "status_message", "pattern", "evidence", "subject", "body", "span")
"""Columns in which answers say what happened, the most telling first."""


async def investigate(conversation: Conversation, page: str) -> Diagnosis:
    """Find what the page is about."""
    first = re.search(r"start with (\w+)", conversation.offered.instructions)
    if first is None:
        return Diagnosis(is_known=False)
    found = await _ask(conversation, first[1], arguments(page, conversation.offered.tools[first[1]]))
    leads = found.rows_with("next")[:MOST_LEADS]
    if wider := next((row["next"] for row in leads if reading.call_of(row["next"])[0] == first[1]), ""):
        found = await _ask(conversation, *reading.call_of(wider))
        leads = found.rows_with("next")[:MOST_LEADS]
    if not leads:
        return Diagnosis(remark=_about_the_page(page, found), is_known=_is_known(found))
    return Diagnosis(tuple([await _followed(conversation, lead) for lead in leads]))


def arguments(page: str, schema: Mapping[str, object]) -> dict[str, str]:
    """What the page says of a tool's arguments: each word after the name of one."""
    properties = schema["properties"]
    names = list(properties) if isinstance(properties, Mapping) else []
    found = {name: re.search(rf"\b{re.escape(name)} ([\w.-]*\w)", page) for name in names}
    return {name: match[1] for name, match in found.items() if match}


async def _ask(conversation: Conversation, tool: str, given: Mapping[str, str]) -> Page:
    return reading.read((await conversation.call(tool, given)).text)


async def _followed(conversation: Conversation, lead: Row) -> Named:
    """Make the lead's next call and those that its answers propose; what was said on the way is the reason."""
    said, step = [lead["evidence"]], lead["next"]
    for _ in range(MOST_STEPS):
        page = await _ask(conversation, *reading.call_of(step))
        said += [told for _, rows in page.tables if (told := _most_telling(rows))]
        if not page.next:
            break
        step = page.next[0]
    return Named(lead["problem"], lead["object"].partition(" ")[2], " | ".join(dict.fromkeys(said)))


def _most_telling(rows: Iterable[Row]) -> str:
    """The first row's words; a program's own before those about it, and never the row that counts all."""
    told = [row for row in rows if row.get("about") != "all"]
    told.sort(key=lambda row: "log" not in {row.get("about"), row.get("source")})
    for row in told:
        for column in _TEXTS:
            if text := row.get(column):
                return f"{row['service']}: {text}" if row.get("service") else text
    return ""


def _is_known(page: Page) -> bool:
    """Whether the answer is one, and reaches to the present."""
    return page.outcome == "answered" and "(fresh" in page.head and "not everything" not in page.head


def _about_the_page(page: str, found: Page) -> str:
    """What was set aside about something that the page names."""
    rows = [row for row in found.rows_with("why") if row["object"].partition(" ")[2] in page.split()]
    return " | ".join(f"{row['object']}: {row['why']}; {row['evidence']}" for row in rows)
