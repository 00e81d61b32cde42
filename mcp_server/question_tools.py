"""Tools made of the catalogue: each question behind the door `mcp` is a tool.

In: the catalogue, and for some questions how agents know them (`shown_tools`). Out: `Tool`s in a fixed order. The
schema, the bounds and the columns are those of the handler file; nothing is said twice. `answer` is what such a tool
does, and what the composed tools are made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcp_server import cursor, emptiness
from mcp_server.finding import Finding, Paging, of_reply
from mcp_server.tool import Call, Run, Schema, Tool
from query import errors, parameters
from query.parameters import Written
from sql.catalogue import Catalogue, Question
from sql.parameter import Kind, Parameter

PAGE = 50
"""Rows that are asked for where the caller does not say; what does not fit the answer has the cursor."""

_TYPES = {Kind.TEXT: "string", Kind.TIME: "string", Kind.WHOLE: "integer", Kind.NUMBER: "number"}
_SHORT = {
    "since": "Start: 15m, 2h, 7d ago, or RFC 3339.",
    "until": "End, left out; default now.",
    "cluster": "Kubernetes cluster.",
    "namespace": "Kubernetes namespace.",
    "service": "Exact service name.",
    "composition": "Krateo composition id.",
    "limit": "Most rows.",
    "trace_id": "32 hexadecimal digits.",
}
"""What stands in every tool is said in few words; the handler file says it in full."""

_PREFIX = "Name, or the beginning of it: the workload's name stands for all its pods."
_LONGEST_ABOUT = 300
_NOT_OF_THE_PAGE = frozenset({"since", "until", "minutes", "limit", "cursor", "max_tokens", "detail"})
_NO_FILTERS = frozenset({"since", "until", "limit"})


@dataclass(frozen=True, slots=True)
class Shown:
    """How agents know a question: by which name, with which arguments, when."""

    tool: str
    question: str
    about: str
    """What it is for, and when another tool is better."""
    toolsets: frozenset[str]
    title: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """From the argument to the question's parameter."""
    prefixes: frozenset[str] = frozenset()
    """Arguments that mean the beginning of a name."""
    minutes: int = 0
    """Where the window was once told in minutes: its default length."""
    left_out: frozenset[str] = frozenset()
    """Parameters that agents are not offered."""
    pages: bool = True
    """Whether its rows have pages, and so a cursor."""
    run: Run | None = None
    """What it does; without one it asks the question."""

    def written(self, arguments: Mapping[str, Written]) -> dict[str, Written]:
        """The question's parameters for a tool's arguments."""
        found: dict[str, Written] = {}
        for name, value in arguments.items():
            if name in {"minutes", "cursor", "max_tokens", "detail"}:
                continue
            text = f"{str(value).removesuffix('*')}*" if name in self.prefixes else value
            found[self.renamed.get(name, name)] = text
        if self.minutes and "since" not in found:
            found["since"] = f"{arguments.get('minutes', self.minutes)}m"
        return found


def tools(questions: Catalogue, shown: Sequence[Shown], taken: frozenset[str]) -> list[Tool]:
    """A tool for each of `shown`, in that order, then one for each other question. `taken` names are left to others."""
    behind = questions.behind("mcp")
    made = [_tool(behind[one.question], one) for one in shown]
    known = {one.question for one in shown} | taken
    return made + [_tool(question, _plain(question)) for name, question in behind.items() if name not in known]


def _plain(question: Question) -> Shown:
    about = f"{question.summary} {question.description}"
    if len(about) > _LONGEST_ABOUT:
        about = f"{about[:_LONGEST_ABOUT].rsplit(' ', 1)[0]} …"
    return Shown(question.name, question.name, about, frozenset({"catalogue" if question.signals else "house"}))


def _tool(question: Question, shown: Shown) -> Tool:
    back = {parameter: argument for argument, parameter in shown.renamed.items()}
    offered = [one for one in question.parameters if one.name not in shown.left_out]
    properties = {back.get(one.name, one.name): schema(one) for one in offered}
    properties |= {name: {**properties[name], "description": _PREFIX} for name in shown.prefixes}
    if shown.minutes:
        length: Schema = {"type": "integer", "minimum": 1, "maximum": 525_600, "description": "Window, ending now."}
        properties["minutes"] = {**length, "default": shown.minutes}

    async def run(call: Call) -> Finding:
        return await answer(call, question, shown)

    return Tool(
        name=shown.tool,
        title=shown.title or shown.tool.replace("_", " ").capitalize(),
        description=shown.about,
        properties=properties,
        required=tuple(back.get(one.name, one.name) for one in question.parameters if one.default is None),
        toolsets=shown.toolsets | {"all"},
        run=shown.run or run,
        role=question.role,
        pages=shown.pages,
        renamed=back,
    )


def schema(parameter: Parameter) -> Schema:
    """JSON Schema of one parameter."""
    made: dict[str, object] = {"type": _TYPES[parameter.kind]}
    if parameter.choices:
        made["enum"] = [choice for choice in parameter.choices if choice]
    if parameter.kind in {Kind.WHOLE, Kind.NUMBER}:
        whole = parameter.kind is Kind.WHOLE
        made |= {name: int(bound) if whole else bound for name, bound in _bounds(parameter)}
        if parameter.default is not None and parameter.name != parameters.LIMIT:
            made["default"] = int(parameter.default) if whole else float(parameter.default)
    return made | {"description": _SHORT.get(parameter.name, parameter.help)}


def _bounds(parameter: Parameter) -> list[tuple[str, float]]:
    pairs = (("minimum", parameter.low), ("maximum", parameter.high))
    return [(name, bound) for name, bound in pairs if bound is not None]


async def answer(call: Call, question: Question, shown: Shown) -> Finding:
    """Ask one question for one page of its rows."""
    of = cursor.digest(shown.tool, sorted((n, str(v)) for n, v in call.arguments.items() if n not in _NOT_OF_THE_PAGE))
    offset, window = cursor.read(call.text("cursor"), of) if call.text("cursor") else (0, None)
    written = shown.written(call.arguments)
    if window is not None:
        written |= {"since": window.since, "until": window.until}
    written[parameters.LIMIT] = _limit(question, call, offset)
    reply = await call.ask(question.name, written)
    found = of_reply(reply, full=call.full, offset=offset)
    found = replace(
        found,
        signals=tuple(str(signal) for signal in question.signals),
        paging=Paging(offset, reply.window, of),
        narrow=_narrow(question, shown, call),
    )
    if found.empty and not offset:
        filters = {name: value for name, value in written.items() if name not in _NO_FILTERS}
        return await emptiness.explained(call, question, found, filters)
    return found


def _limit(question: Question, call: Call, offset: int) -> int:
    declared = question.parameter(parameters.LIMIT)
    most = min(question.rows, int(declared.high or question.rows) if declared else question.rows)
    wanted = offset + int(call.arguments.get(parameters.LIMIT, PAGE))
    if offset >= most:
        raise errors.LimitExceededError(
            f"question `{question.name}` gives at most {most} rows, and these were shown",
            field="cursor",
            mend="Ask for a shorter window, or narrow with a filter.",
        )
    return min(most, wanted)


def _narrow(question: Question, shown: Shown, call: Call) -> tuple[str, ...]:
    """Filters that would make the answer smaller and are not in use."""
    back = {parameter: argument for argument, parameter in shown.renamed.items()}
    free = [one.name for one in question.parameters if one.kind is Kind.TEXT and one.default == ""]
    names = [back.get(name, name) for name in free if name not in shown.left_out]
    return tuple(name for name in names if name not in call.arguments)[:4]
