"""The schema as a resource: the tables that may be read, or one table's columns, as the tools tell them.

In: the tools for SQL. Out: Markdown. Refused, with a `QuestionError`: a table that the reader may not see.
"""

import time

from identity.reader import Reader
from mcp_server.sql_tools import SqlTools
from mcp_server.tool import Call
from query.desk import Desk


class SchemaText:
    """Tells of tables."""

    def __init__(self, tools: SqlTools, desk: Desk) -> None:
        self._tools = {tool.name: tool for tool in tools.tools()}
        self._desk = desk

    async def describe(self, table: str, reader: Reader) -> str:
        """All tables, or one of them."""
        name, arguments = ("describe_table", {"table": table}) if table else ("list_tables", {})
        call = Call(arguments, reader, self._desk, time.time_ns(), _nobody)
        finding = await self._tools[name].run(call)
        (found,) = finding.tables
        lines = [f"# {table or 'Tables'}", "", f"Columns here: {', '.join(found.columns)}", ""]
        return "\n".join(
            [*lines, *("- " + " | ".join(str(cell) for cell in row if cell is not None) for row in found.rows), ""]
        )


async def _nobody(_: str) -> None:
    """Nobody is told of progress."""
