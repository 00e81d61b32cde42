"""What agents can read beside tools: the schema, the catalogue and short guides.

In: the catalogue, and a way to ask for columns. Out: resources by URI, as Markdown or plain text. Refused, with
`UnknownResourceError`: a URI that is none of these.

    otelhouse://catalogue            every question, a line each
    otelhouse://catalogue/NAME       one question: parameters and columns
    otelhouse://schema               the tables that run_select_query may read
    otelhouse://schema/TABLE         one table's columns
    otelhouse://guides/NAME          what to do about a crash loop, an OOM kill, ...
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources as package

from identity.reader import Reader
from sql.catalogue import Catalogue, Question

ROOT = "otelhouse://"
MARKDOWN = "text/markdown"
GUIDES: Mapping[str, str] = {
    "crash_loop": "A pod restarts again and again.",
    "oom_kill": "A container is killed for memory.",
    "failed_release": "A Helm release or a composition fails.",
    "slow_service": "A service is slow or fails requests.",
    "silent_pipeline": "Telemetry stopped coming.",
}
"""Name and what it is about."""

Describe = Callable[[str, Reader], Awaitable[str]]
"""From a table's name, or an empty text for all, and who asks, to what there is to say of it."""

Described = Callable[[str], Awaitable[str]]
"""The same for one reader."""


class UnknownResourceError(Exception):
    """There is no such resource."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource as it is listed."""

    uri: str
    name: str
    about: str


@cache
def guide(name: str) -> str:
    """The text of a guide."""
    return (package.files("mcp_server") / "guides" / f"{name}.md").read_text(encoding="utf-8")


def listed() -> list[Listed]:
    """Every resource that has a name of its own."""
    return [
        Listed(f"{ROOT}catalogue", "catalogue", "Every named question, a line each."),
        Listed(f"{ROOT}schema", "schema", "The tables that run_select_query may read."),
        *(Listed(f"{ROOT}guides/{name}", name, about) for name, about in GUIDES.items()),
    ]


def templates() -> list[Listed]:
    """Those that have a name in their URI."""
    return [
        Listed(f"{ROOT}catalogue/{{question}}", "question", "One question: parameters and columns."),
        Listed(f"{ROOT}schema/{{table}}", "table", "One table's columns."),
    ]


async def read(uri: str, questions: Catalogue, describe: Described) -> str:
    """The text of a resource. Raises `UnknownResourceError`, and what `describe` raises."""
    kind, _, name = uri.removeprefix(ROOT).partition("/") if uri.startswith(ROOT) else ("", "", "")
    if kind == "guides" and name in GUIDES:
        return guide(name)
    if kind == "catalogue" and not name:
        return _catalogue(questions)
    if kind == "catalogue" and name in questions:
        return _question(questions[name])
    if kind == "schema":
        return await describe(name)
    raise UnknownResourceError(uri[:200])


def _catalogue(questions: Catalogue) -> str:
    return "\n".join(["# Questions", "", *(f"- {one.name}: {one.summary}" for one in questions.values()), ""])


def _question(question: Question) -> str:
    parameters = [
        f"- {one.name} ({one.kind}{'' if one.default is None else ', optional'}): {one.help}"
        for one in question.parameters
    ]
    columns = [f"- {one.name}: {one.help}" for one in question.columns]
    head = [f"# {question.name}", "", question.summary, question.description, "", "Parameters:"]
    return "\n".join([*head, *parameters, "", "Columns:", *columns, ""])
