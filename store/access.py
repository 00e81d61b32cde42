"""Who may read what in the embedded engine: one user, three roles, written down for the engine as it starts.

In: the engine's folder, the database and the names of tables that may be read by statements which are not ours. Out:
the file that the engine reads at its start, and the names of the roles that statements take on. The engine itself
keeps to it: under the reader's role it reads those tables and nothing else, writes nothing, makes nothing, and reaches
nothing outside (no table function with a source has a grant). The role of questions, which are ours, differs in that it
reads every table.
The engine takes no users and roles once it runs (26.9 has no writable place for them), so they are known at its start.
Refused: names that are no plain identifiers, with `MisconfiguredError`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from store import errors

FILE = "otelhouse-access.xml"
HOUSE_ROLE = "otelhouse"
QUESTIONS_ROLE = "otelhouse_questions"
READER_ROLE = "otelhouse_reader"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

# The user has no rights of its own: all it may is by its roles, so that a session which takes on one has that one's.
_FILE_TEXT = """<clickhouse>
    <user_directories><users_xml><path>{path}</path></users_xml></user_directories>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <roles>
        <{house}><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></{house}>
        <{questions}><grants><query>GRANT SELECT ON *.*</query></grants></{questions}>
        <{reader}><grants>{grants}</grants></{reader}>
    </roles>
    <users>
        <default>
            <password/>
            <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT {house}</query><query>GRANT {questions}</query><query>GRANT {reader}</query>
            </grants>
        </default>
    </users>
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class Readable:
    """What statements that are not ours may read."""

    database: str
    tables: Sequence[str]


def write(folder: Path, readable: Readable | None) -> Path:
    """Write the file of the engine in `folder`; gives its path. Without `readable` the role may read nothing."""
    tables = [] if readable is None else [f"{_name(readable.database)}.{_name(one)}" for one in readable.tables]
    grants = "".join(f"<query>GRANT SELECT ON {escape(table)}</query>" for table in tables)
    path = folder / FILE
    roles = {"house": HOUSE_ROLE, "questions": QUESTIONS_ROLE, "reader": READER_ROLE}
    text = _FILE_TEXT.format(path=escape(str(path)), grants=grants, **roles)
    path.write_text(text, encoding="utf-8")
    return path


def _name(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise errors.MisconfiguredError(
            f"{name!r} cannot be opened to statements of others: a name there has letters, digits, `_` and `-`"
        )
    return f"`{name}`"
