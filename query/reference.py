"""The reference page of the questions, in Markdown, written from the catalogue.

`python -m query.reference > docs/questions.md` writes the page; a test holds the page to it.
"""

import sys
from collections.abc import Iterable

from sql.catalogue import Catalogue, Question, load_catalogue
from sql.parameter import Kind, Parameter

_PREFACE = """\
# Questions

Every question is one file in `sql/handlers/`; this page is written from their headers by `python -m query.reference`.
How to ask over REST, page by page and in which format, stands in [rest.md](rest.md).
Ask over REST, `GET /api/v1/questions/NAME?PARAMETER=VALUE` (or POST with a JSON object), on the command line,
`otelhouse query NAME --PARAMETER VALUE`, or as an agent, over MCP; some are answered by
[ClickHouse itself](rest.md#clickhouse-answers-by-itself) too. Each question names its doors.

- **Times** as parameters are RFC 3339 (`2026-01-31T10:00:00Z`), seconds since 1970, how long ago (`15m`, `2h`, `7d`),
  or `now`. They are settled once for each request, and the answer says the window that was in force: `since` is in it,
  `until` is not. In answers they are RFC 3339 in UTC with nanoseconds.
- **Empty, refused and failed** are three different answers. No rows found is 200 with `"rows": []`. All else is
  `{"error": {"code", "message", "field", "mend"}}` with a status of its own: 400 for a parameter (`unknown_parameter`,
  `missing_parameter`, `bad_parameter`), 401 `unauthenticated`, 403 `denied`, 404 `unknown_question`, 413 `too_large`,
  422 `limit_exceeded`, 429 `too_many` (questions of one reader) or `locked_out` (wrong credentials), 502 `failed`,
  503 `not_reachable`, `busy` or `keys_unavailable`, 500 `internal`. Codes are stable.
- **Tokens**: `Authorization: Bearer TOKEN`, where the house asks who you are. What a token with a scope sees is said in
  [scopes.md](scopes.md); an answer that a scope narrowed has `"scope": {...}` (`x-otelhouse-scope`) and `null` for
  `rows_read` and `bytes_read`, which would count the rows of others.
- **Formats** are chosen by `?format=` or the Accept header: `json`, `ndjson` (an object a line), `csv`, `arrow` (an IPC
  stream). What JSON says beside the rows is in response headers, `x-otelhouse-rows`, `-truncated` and the like.
- **Numbers**: 64-bit integers are JSON numbers (JavaScript rounds those above 2^53; ids are texts); NaN and the
  infinities are `null`.
- **Partial**: `partial` is true where shards of a ClickHouse cluster did not answer; `missing_shards` names them, and
  what they hold is not in the answer.
- **Truncated**: `truncated` is true exactly when there were more rows than the answer holds. Where another parameter
  than `limit` cut them, `left_out` names it and says how many it left out: `{"series": 12}`. Where `limit` did,
  `next_cursor` is what to give as `cursor`, with the same parameters, for the rows after these.
- **Busy**: a question for which no thread is free within `query.max_wait_seconds` is refused with 503 `busy` and
  Retry-After. Its own seconds begin when it does. One reader's questions beyond `query.max_per_reader` wait for each
  other, and are refused with 429 `too_many` when too many wait.
- **data_through** is, by signal, the newest time that is stored, as of some seconds ago at most. A signal is left
  out where that is not known in time, where nothing is stored, or where a sender's clock runs ahead of ours. With a
  scope, or asked about one `cluster`, it is that of this part alone, of the last day, and up to ten seconds old.
"""


_DOORS = {"rest": "REST", "cli": "command line", "mcp": "MCP", "clickhouse": "ClickHouse itself"}


def page(catalogue: Catalogue) -> str:
    """The whole page."""
    questions = catalogue.behind("docs").values()
    listed = _table(("question", "answers"), ((f"[{q.name}](#{q.name})", q.summary) for q in questions))
    return "\n".join([_PREFACE, listed, *(section(question) for question in questions)])


def section(question: Question) -> str:
    """One question."""
    parameters = _table(
        ("parameter", "type", "default", "allowed", "meaning", "example"),
        (_parameter(one) for one in question.parameters),
    )
    columns = _table(("column", "type", "meaning"), ((c.name, c.type, c.help) for c in question.columns))
    limits = f"At most {question.rows:,} rows and {question.seconds:g} seconds."
    limits += f" Doors: {', '.join(said for door, said in _DOORS.items() if door in question.doors)}."
    return f"## {question.name}\n\n{question.summary} {question.description}\n\n{limits}\n\n{parameters}\n{columns}"


def _parameter(one: Parameter) -> tuple[str, ...]:
    default = "needed" if one.default is None else f"`{one.default}`" if one.default else ""
    return (one.name, one.kind.value, default, _allowed(one), one.help, f"`{one.example}`")


def _allowed(one: Parameter) -> str:
    if one.choices:
        return ", ".join(f"`{choice}`" for choice in one.choices if choice)
    if one.hex_digits:
        return f"{one.hex_digits} hexadecimal digits"
    if one.low is None or one.high is None:
        return ""
    what = " characters" if one.kind is Kind.TEXT else ""
    return f"{one.low:,.15g} to {one.high:,.15g}{what}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page(load_catalogue()))
