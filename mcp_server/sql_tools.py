"""The tools for SQL of one's own: what there is to read, and reading it.

In: an `AgentSql`, the database's name. Out: `Tool`s in a fixed order. Names and arguments are those of ClickHouse's own
MCP server, so that what was written for it goes on working. Only telemetry is listed, and of it only what the reader's
scope has.
"""

from fnmatch import translate
from re import IGNORECASE, Pattern
from re import compile as compiled

from mcp_server import cursor
from mcp_server.agent_sql import AgentSql
from mcp_server.finding import Finding, Paging, Table
from mcp_server.question_tools import PAGE
from mcp_server.tool import Call, Run, Schema, Tool
from query import errors
from query.desk import HOUSE
from sql import agent_user, scopes

PIECES = frozenset({"schema_tables", "schema_columns"})
_TOOLSETS = frozenset({"default", "sql", "all"})
_TEXT: Schema = {"type": "string"}
_ABOUT_COLUMNS = 300


class SqlTools:
    """Makes the tools."""

    def __init__(self, sql: AgentSql, database: str) -> None:
        self._sql = sql
        self._database = database

    def tools(self) -> list[Tool]:
        """In the order in which they are listed."""
        return [
            self._tool(
                "list_databases", "List databases", "The database that run_select_query reads.", {}, (), self._databases
            ),
            self._tool(
                "list_tables",
                "List tables",
                "The tables that run_select_query may read: what for, sorting key, rows.",
                {
                    "database": _TEXT,
                    "like": {**_TEXT, "description": "SQL LIKE pattern."},
                    "not_like": {**_TEXT, "description": "SQL LIKE pattern of those to leave out."},
                },
                (),
                self._tables,
            ),
            self._tool(
                "describe_table",
                "Describe a table",
                "The columns of a table with types and key. Read it before you write SQL.",
                {"table": {**_TEXT, "description": "As list_tables names it."}, "database": _TEXT},
                ("table",),
                self._columns,
            ),
            self._tool(
                "run_select_query",
                "Run a SELECT",
                "Last resort, when no other tool answers it: one ClickHouse SELECT over telemetry tables, read-only "
                "and bounded. Count and group before you read rows; filter by time.",
                {
                    "query": {**_TEXT, "description": "One SELECT; no SETTINGS, FORMAT or table functions."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "Most rows."},
                },
                ("query",),
                self._select,
                pages=True,
            ),
        ]

    def _tool(  # noqa: PLR0913 - what a tool is, said once for each
        self,
        name: str,
        title: str,
        about: str,
        properties: dict[str, Schema],
        required: tuple[str, ...],
        run: Run,
        *,
        pages: bool = False,
    ) -> Tool:
        return Tool(name, title, about, properties, required, _TOOLSETS, run, pages=pages)

    async def _databases(self, call: Call) -> Finding:
        return Finding((Table("databases", ("database",), [(self._database,)]),))

    async def _tables(self, call: Call) -> Finding:
        self._check_database(call)
        reply = await call.desk.ask_async("schema_tables", {}, reader=HOUSE)
        wanted, unwanted = (
            _like(call.text("like") or "%"),
            _like(call.text("not_like")) if call.text("not_like") else None,
        )
        seen = _visible(call)
        rows = [
            (name, rows if call.reader.scope.everything else None, key, comment)
            for name, rows, key, comment in reply.rows
            if name in seen and wanted.fullmatch(str(name)) and not (unwanted and unwanted.fullmatch(str(name)))
        ]
        return Finding(
            (Table("tables", ("table", "rows", "sorting_key", "comment"), rows),), query_ids=(reply.query_id,)
        )

    async def _columns(self, call: Call) -> Finding:
        self._check_database(call)
        table = call.text("table").removeprefix(f"{self._database}.").strip("`")
        if table not in _visible(call):
            raise errors.DeniedError(
                f"`{table[:80]}` is no table that you may read",
                field="table",
                mend=errors.suggest(table, sorted(_visible(call))),
            )
        reply = await call.desk.ask_async("schema_columns", {"table": table}, reader=HOUSE)
        rows = [
            (column, type_, kind, "yes" if key else None, comment)
            for _, column, type_, kind, key, comment in reply.rows
        ]
        shown = Table(table, ("column", "type", "kind", "key", "comment"), rows, least=_ABOUT_COLUMNS)
        return Finding((shown,), query_ids=(reply.query_id,))

    async def _select(self, call: Call) -> Finding:
        of = cursor.digest("run_select_query", call.text("query"))
        offset = cursor.read(call.text("cursor"), of)[0] if call.text("cursor") else 0
        page = int(call.arguments.get("limit", PAGE))
        await call.progress("running your statement")
        asked = await self._sql.ask(call.text("query"), call.reader, offset + page)
        answer = asked.answer
        columns = tuple(column.name for column in answer.columns)
        notes = ("Pages of your own SQL hold together only if it has an ORDER BY.",) if answer.truncated else ()
        return Finding(
            (Table("rows", columns, answer.rows[offset:], answer.truncated),),
            summary=f"{answer.rows_read} rows read in {answer.elapsed:.2f} s." if not asked.narrowing else "",
            notes=notes if answer.rows else ("No row is no proof of health: look at `freshness`.",),
            query_ids=(answer.query_id,),
            scope=asked.narrowing.shown,
            missing_shards=answer.missing,
            signals=asked.signals,
            data_through=asked.data_through,
            paging=Paging(offset, None, of),
            narrow=("WHERE", "GROUP BY"),
        )

    def _check_database(self, call: Call) -> None:
        if call.text("database") not in {"", self._database}:
            raise errors.BadParameterError(
                f"there is no database {call.text('database')[:80]!r}",
                field="database",
                mend=f"Leave it out, or give {self._database}.",
            )


def _visible(call: Call) -> frozenset[str]:
    """The readable tables whose signal is in the reader's scope."""
    scope = call.reader.scope
    found = {name: scopes.tables()[name] for name in agent_user.readable_tables()}
    return frozenset(
        name
        for name, one in found.items()
        if (not scope.signals or one.signal in scope.signals) and (scope.everything or not one.bounds)
    )


def _like(pattern: str) -> Pattern[str]:
    """A LIKE pattern: `%` is any text, `_` any character."""
    escaped = pattern[:200].replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
    return compiled(translate(escaped.replace("%", "*").replace("_", "?")), IGNORECASE)
