"""The comment header of a handler file: in goes the file's text, out come its entries, each with its line.

The grammar, one entry a line, above the first word of SQL:

    -- name: recent_logs                    an entry: key, colon, text
    -- param since: DateTime64(9, 'UTC')    an entry about one parameter, and its facts indented below it
    --   default: 1h
    -- column time: String                  the same for a column of the answer
    --   help: When it happened.
    --     Any text goes on in lines that are indented by five spaces or more.
    --                                      an empty comment line parts groups and means nothing

Refused: a comment line that is none of these, a fact that belongs to nothing, a key given twice.
What the keys mean is `sql.catalogue`'s business.
"""

import re
from dataclasses import dataclass, field

_ENTRY = re.compile(r"^-- (?P<key>[a-z]+(?: [A-Za-z_][A-Za-z0-9_]*)?): *(?P<text>.*)$")
_FACT = re.compile(r"^--   (?P<key>[a-z]+): *(?P<text>.*)$")
_MORE = re.compile(r"^--     +(?P<text>\S.*)$")


class HandlerFileError(ValueError):
    """A handler file breaks the grammar or contradicts itself. The message names file and line."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")


@dataclass(slots=True)
class Fact:
    """A text of the header and the line it begins on."""

    text: str
    line: int


@dataclass(slots=True)
class Entry:
    """One top entry: `key` is its first word, `subject` its second or empty, `facts` the lines below."""

    key: str
    subject: str
    text: str
    line: int
    facts: dict[str, Fact] = field(default_factory=dict)


def split_header(text: str) -> tuple[list[str], str]:
    """Part the leading comment lines from the statement below them."""
    lines = text.splitlines()
    height = 0
    while height < len(lines) and lines[height].startswith("--"):
        height += 1
    return [line.rstrip() for line in lines[:height]], "\n".join(lines[height:])


def read_entries(file: str, lines: list[str]) -> list[Entry]:
    """Read header lines into entries, in order. `file` is what errors call the file."""
    entries: list[Entry] = []
    last: Entry | Fact | None = None
    for number, line in enumerate(lines, start=1):
        if line == "--":
            last = None
        elif match := _ENTRY.match(line):
            last = _new_entry(file, number, match, entries)
            entries.append(last)
        elif match := _FACT.match(line):
            last = _new_fact(file, number, match, entries)
        elif match := _MORE.match(line):
            if last is None:
                raise HandlerFileError(file, number, "this line continues nothing")
            last.text = f"{last.text} {match['text']}".strip()
        else:
            raise HandlerFileError(file, number, f"not a header line: {line!r}; see sql/header.py for the grammar")
    return entries


def _new_entry(file: str, number: int, match: re.Match[str], entries: list[Entry]) -> Entry:
    key, _, subject = match["key"].partition(" ")
    if any(entry.key == key and entry.subject == subject for entry in entries):
        raise HandlerFileError(file, number, f"`{match['key']}` stands twice")
    return Entry(key, subject, match["text"], number)


def _new_fact(file: str, number: int, match: re.Match[str], entries: list[Entry]) -> Fact:
    if not entries or not entries[-1].subject:
        raise HandlerFileError(file, number, f"`{match['key']}` belongs to no param and no column")
    facts = entries[-1].facts
    if match["key"] in facts:
        raise HandlerFileError(file, number, f"`{match['key']}` stands twice")
    facts[match["key"]] = Fact(match["text"], number)
    return facts[match["key"]]
