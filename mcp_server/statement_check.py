"""What a statement that an agent wrote does, read from ClickHouse's own parse of it.

In: the statement as ClickHouse writes it back (`formatQuerySingleLine`: one statement, no comments), and the tree that
`EXPLAIN AST` prints of it. Out: the tables that it reads. Nothing here parses SQL: the engine that would run the
statement did.

Refused, with a `QuestionError` that says what to write instead: everything but SELECT; SETTINGS anywhere (ClickHouse
before 26.9 lets those of a subquery go over the session's, read-only mode or not); INTO OUTFILE; table functions; every
table that is not telemetry; and functions that are not on the list in ``sql/agents/functions.txt``, since some read
files, ask other servers, or tell about the engine. What is new in a later ClickHouse is refused until it is listed.
So is an alias, of whatever it be, that is the name of one of our tables or views: the engine would take the filter of
that name (`sql.scopes`) for the table behind the alias.

This is one of three locks. The others are the engine's: the rights of the user or role by which the statement runs, and
the bounds of its profile or session.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from query import errors
from sql import scopes

_LINE = re.compile(r"(?P<indent> *)(?P<kind>\S+)(?: (?P<rest>.*?))??(?: \(children (?P<children>\d+)\))?")
_ALIAS = re.compile(r" ?\(alias (?P<alias>.*)\)")
_QUOTED = re.compile(r"'(?:\\.|''|[^'\\])*'|`(?P<back>(?:\\.|``|[^`\\])*)`|\"(?P<double>(?:\\.|\"\"|[^\"\\])*)\"")
_PLAIN_NAME = re.compile(r"[\w .:/@%+-]*")
_LOCAL = re.compile(r"'(?:\\.|''|[^'\\])*'|(?P<name>\w+|`[^`\\]+`) AS \((?=SELECT\b|WITH\b|\(|FROM\b)")
_FORMAT = re.compile(r" FORMAT \w+$")

_KINDS = frozenset({
    "SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery", "ExpressionList", "Subquery", "WithElement",
    "Identifier", "Literal", "Function", "Asterisk", "QualifiedAsterisk", "ColumnsRegexpMatcher", "ColumnsListMatcher",
    "ColumnsTransformerList", "ColumnsExceptTransformer", "ColumnsReplaceTransformer",
    "ColumnsReplaceTransformer::Replacement", "TablesInSelectQuery", "TablesInSelectQueryElement", "TableExpression",
    "TableIdentifier", "TableJoin", "ArrayJoin", "OrderByElement", "InterpolateElement", "WindowDefinition",
    "WindowListElement", "SampleRatio",
})  # fmt: skip
"""Nodes of a tree that a harmless statement can have."""

_MENDS = {
    "Set": "Leave out SETTINGS: limits are set for you.",
    "QueryParameter": "Write values into the statement instead of {name:Type}.",
    "ColumnsApplyTransformer": "Write the function around each column instead of APPLY.",
}
_IN = frozenset(
    f"{prefix}{word}{suffix}"
    for prefix in ("", "global")
    for word in ("in", "notin", "nullin", "notnullin")
    for suffix in ("", "ignoreset")
)
_COMBINATORS = (
    "if", "array", "map", "state", "merge", "foreach", "distinct", "ordefault", "ornull", "resample", "simplestate",
    "mergestate", "argmin", "argmax",
)  # fmt: skip
"""Suffixes of aggregate functions; https://clickhouse.com/docs/sql-reference/aggregate-functions/combinators"""

_MOST_NODES = 20_000


@dataclass(slots=True)
class Node:
    """A node of the tree."""

    kind: str
    text: str
    """What stands behind the kind, without the alias."""
    alias: str = ""
    children: list["Node"] = field(default_factory=list)

    def all(self) -> Iterator["Node"]:
        """This node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children


@cache
def functions() -> frozenset[str]:
    """The functions that agents' SQL may call, in lower case."""
    text = (resources.files("sql") / "agents" / "functions.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def without_format(statement: str) -> str:
    """The statement without a FORMAT at its end, which models like to write and which would change nothing here."""
    return _FORMAT.sub("", statement)


def check(statement: str, tree: Sequence[str], tables: Iterable[str], database: str) -> frozenset[str]:
    """The tables that the statement reads, all of them among `tables`. Raises a `QuestionError`."""
    _check_names(statement)
    root = read_tree(tree)
    if root.kind != "SelectWithUnionQuery":
        raise _refused(f"a statement of kind {root.kind} is no question", "Write one SELECT.")
    _check_given_names(statement, root)
    local = {match["name"].strip("`") for match in _LOCAL.finditer(statement) if match["name"]}
    allowed = frozenset(tables)
    read: set[str] = set()
    for node in root.all():
        _check_node(node)
        for name in _names_read(node):
            bare = name.removeprefix(f"{database}.")
            if name in local and name not in allowed:
                continue
            if bare not in allowed:
                raise _not_readable(name, allowed)
            read.add(bare)
    return frozenset(read)


def read_tree(lines: Sequence[str]) -> Node:
    """The tree that `EXPLAIN AST` printed. Refuses one whose counts of children do not fit: then names forged lines."""
    if len(lines) > _MOST_NODES:
        raise errors.LimitExceededError("the statement is too long", field="query", mend="Write a shorter one.")
    above: list[tuple[Node, int]] = []
    root: Node | None = None
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or len(match["indent"]) > len(above):
            raise _unreadable()
        rest = match["rest"] or ""
        alias = _ALIAS.search(rest)
        node = Node(match["kind"], _ALIAS.sub("", rest), alias["alias"] if alias else "")
        _close(above, len(match["indent"]))
        if above:
            above[-1][0].children.append(node)
        elif root is None:
            root = node
        else:
            raise _unreadable()
        above.append((node, int(match["children"] or 0)))
    _close(above, 0)
    if root is None:
        raise _unreadable()
    return root


def _close(above: list[tuple[Node, int]], depth: int) -> None:
    while len(above) > depth:
        node, children = above.pop()
        if len(node.children) != children:
            raise _unreadable()


def _check_names(statement: str) -> None:
    """Names in quotation marks with signs in them could be taken for parts of the tree."""
    for match in _QUOTED.finditer(statement):
        name = match["back"] if match["back"] is not None else match["double"]
        if name is not None and not _PLAIN_NAME.fullmatch(name):
            raise _refused(f"the name {name[:60]!r} has signs in it", "Name things with letters, digits and `_`.")


def _check_given_names(statement: str, root: Node) -> None:
    """What is called as a table of ours would be taken for it by what narrows readers. Two looks: tree and text."""
    ours = {name.lower() for name in scopes.names_of_ours()}
    aliased = {node.alias for node in root.all() if node.alias.rpartition(".")[2].lower() in ours}
    if given := aliased | scopes.names_given(statement):
        raise _refused(f"`{min(given)}` is a table's name, and no part of a statement may be called so",
                       "Give it another name behind AS or WITH.")  # fmt: skip


def _check_node(node: Node) -> None:
    if node.kind not in _KINDS:
        mend = _MENDS.get(node.kind, "Write a plain SELECT.")
        raise _refused(f"{node.kind} is not allowed in SQL of agents", mend)
    if node.kind == "SelectWithUnionQuery" and [child.kind for child in node.children] != ["ExpressionList"]:
        raise _refused("INTO OUTFILE and FORMAT are not allowed in SQL of agents", "Leave them out.")
    if node.kind == "TableExpression":
        for child in node.children:
            if child.kind == "Function":
                raise _refused(
                    f"table function `{child.text[:60]}` is not allowed in SQL of agents",
                    "Read from a table of `list_tables`; WITH FILL makes rows for times without data.",
                )
    elif node.kind == "Function":
        _check_function(node.text)


def _check_function(name: str) -> None:
    lowered = name.lower()
    while lowered not in functions():
        shorter = next((lowered.removesuffix(one) for one in _COMBINATORS if lowered.endswith(one)), "")
        if not shorter:
            raise _refused(
                f"function `{name[:60]}` is not allowed in SQL of agents",
                "Use functions of numbers, texts, times, arrays and maps, and aggregate functions.",
            )
        lowered = shorter


def _names_read(node: Node) -> Iterator[str]:
    """The tables that this node names: in FROM and JOIN, and behind IN."""
    if node.kind == "TableIdentifier":
        yield node.text
    if node.kind == "Function" and node.text.lower() in _IN:
        for arguments in node.children[:1]:
            for last in arguments.children[1:]:
                if last.kind in {"Identifier", "TableIdentifier"}:
                    yield last.text


def _not_readable(name: str, allowed: frozenset[str]) -> errors.DeniedError:
    return errors.DeniedError(
        f"`{name[:80]}` is no table that SQL of agents may read",
        field="query",
        mend=errors.suggest(name, sorted(allowed)),
    )


def _unreadable() -> errors.BadParameterError:
    return _refused("the statement's own parse cannot be read", "Write it more simply, with plain names.")


def _refused(message: str, mend: str) -> errors.BadParameterError:
    return errors.BadParameterError(message, field="query", mend=mend)
