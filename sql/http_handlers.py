"""The configuration with which ClickHouse answers named questions by itself, with no process of ours in between.

In: the catalogue and what the reader's user is called. Out: an XML file for ClickHouse's `config.d`, with

    GET /ping                               Ok., as ClickHouse says it itself
    GET /events?composition_id=ID           the routes of the Krateo stack, FORMAT JSON, 50 events unless `limit` says
    GET /events/ID                          otherwise; the id has to be given
    GET /api/v1/questions/NAME?...          every question that is for this door, FORMAT JSON
    all others                              ClickHouse's own (`/`, `/replicas_status`, `/play`)

and one for its `users.d`, with a profile that only reads, under limits of time, rows, bytes and memory which no request
can raise, and a user who may read the tables of these questions and no others: no audit trail, no dead letters. Whoever
asks these routes sees everything that the user may read: roles and scopes are the house's, and not ClickHouse's.
It refuses two questions that want different values of one setting: under `readonly = 1` only the profile sets any.
https://clickhouse.com/docs/interfaces/http#predefined_http_interface
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sql import predefined, scopes
from sql.catalogue import Catalogue, Question
from store.port import Setting

DOOR = "clickhouse"
ROOT = "/api/v1/questions"
EVENTS = "krateo_events"
"""The question behind `/events`."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = "(?P<composition_id>[^/?]+)"
_OF_EVENTS = frozenset({"composition_id"})
"""What has to be given there, as it always had to be: without it the portal would be shown everybody's events."""


class ExportError(ValueError):
    """The configuration cannot be written; the message says why, and the mend."""


@dataclass(frozen=True, slots=True)
class ReadingUser:
    """Who asks ClickHouse, and what a question of it may cost."""

    name: str = "otelhouse_reader"
    password_sha256: str = ""
    """In hexadecimal; empty for no user of ours: the profile is then to be given to one that is there."""
    database: str = "default"
    seconds: float = 30.0
    bytes_read: int = 20 * 1024**3
    memory_bytes: int = 2 * 1024**3
    rows: int = 10_000
    """What is asked beside the routes may give so many; a route gives what its own LIMIT says."""
    result_bytes: int = 64 * 1024**2
    cluster: str = ""
    """The cluster whose node it asks; empty for one server."""


def routes(questions: Catalogue) -> str:
    """The file for ClickHouse's config.d."""
    rules = "\n".join(_indented(rule, 8) for rule in _rules(_offered(questions)))
    return _file("config.d", f"    <http_handlers>\n{rules}\n        <defaults/>\n    </http_handlers>")


def reader(questions: Catalogue, user: ReadingUser) -> str:
    """The file for ClickHouse's users.d. Raises `ExportError`."""
    _check(user)
    parts = [_indented(_profile(_offered(questions), user), 4)]
    if user.password_sha256:
        parts.append(_indented(_user(user, tables(questions)), 4))
    return _file("users.d", "\n".join(parts))


def tables(questions: Catalogue) -> tuple[str, ...]:
    """What the offered questions read, in order of the names: all that the reading user needs."""
    return tuple(sorted({name for question in _offered(questions) for name in scopes.tables_named(question.sql)}))


def _offered(questions: Catalogue) -> list[Question]:
    return list(questions.behind(DOOR).values())


def _file(folder: str, content: str) -> str:
    remark = f"<!-- Written by `otelhouse handlers export`. Put it into ClickHouse's {folder}. -->"
    return f"{remark}\n<clickhouse>\n{content}\n</clickhouse>\n"


def _check(user: ReadingUser) -> None:
    for what, name in (("user", user.name), ("database", user.database)):
        if not _NAME.fullmatch(name):
            raise ExportError(f"{name!r} cannot be the name of the {what}: use letters, digits and _")
    if user.password_sha256 and not _SHA256.fullmatch(user.password_sha256):
        raise ExportError("the password's SHA-256 has 64 hexadecimal digits: make it with `sha256sum`")


def _rules(questions: Sequence[Question]) -> Iterator[str]:
    yield _ping()
    for question in questions:
        if question.name == EVENTS:
            yield _rule("/events", question, _OF_EVENTS)
            yield _rule(f"regex:^/events/{_ID}$", question, _OF_EVENTS)
    for question in questions:
        yield _rule(f"{ROOT}/{question.name}", question)


def _ping() -> str:
    return (
        "<rule>\n    <url>/ping</url>\n    <methods>GET,HEAD</methods>\n    <handler>\n        <type>static</type>\n"
        "        <status>200</status>\n        <content_type>text/plain; charset=UTF-8</content_type>\n"
        "        <response_content>Ok.&#10;</response_content>\n    </handler>\n</rule>"
    )


def _rule(url: str, question: Question, needed: Container[str] = ()) -> str:
    statement = f"{predefined.statement(question, needed)}\nFORMAT JSON"
    return (
        f"<rule>\n    <url>{escape(url)}</url>\n    <methods>GET</methods>\n    <handler>\n"
        f"        <type>predefined_query_handler</type>\n        <query>{escape(statement)}</query>\n"
        f"        <content_type>application/json; charset=UTF-8</content_type>\n    </handler>\n</rule>"
    )


def _profile(questions: Sequence[Question], user: ReadingUser) -> str:
    settings: dict[str, Setting] = {
        "readonly": 1,
        "max_execution_time": user.seconds,
        "timeout_overflow_mode": "throw",
        "max_bytes_to_read": user.bytes_read,
        "read_overflow_mode": "throw",
        "max_memory_usage": user.memory_bytes,
        "max_result_rows": max(user.rows, *(question.rows for question in questions)),
        "max_result_bytes": user.result_bytes,
        "result_overflow_mode": "throw",
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_named_tuples_as_objects": 0,
        **scopes.without_house(),
        # As `store.shards` has it; a shard that does not answer fails the question.
        **({"distributed_product_mode": "global", "skip_unavailable_shards": 0} if user.cluster else {}),
        **_own_settings(questions),
    }
    lines = "\n".join(f"        <{name}>{escape(str(value))}</{name}>" for name, value in settings.items())
    return f"<profiles>\n    <{user.name}>\n{lines}\n    </{user.name}>\n</profiles>"


def _own_settings(questions: Sequence[Question]) -> Mapping[str, Setting]:
    """What the statements set at their ends, which the profile has to agree with."""
    found: dict[str, Setting] = {}
    for question in questions:
        for name, value in scopes.own_settings(question.statement({})).items():
            if found.setdefault(name, value) != value:
                raise ExportError(f"{question.name} wants {name} = {value}, another question wants {found[name]}")
    return found


def _user(user: ReadingUser, readable: Iterable[str]) -> str:
    lines = (f"<query>GRANT SELECT ON {user.database}.{table}</query>" for table in readable)
    grants = "\n".join(f"            {line}" for line in lines)
    return (
        f"<users>\n    <{user.name}>\n        <password_sha256_hex>{user.password_sha256}</password_sha256_hex>\n"
        f"        <networks><ip>::/0</ip></networks>\n        <profile>{user.name}</profile>\n"
        f"        <quota>default</quota>\n        <default_database>{user.database}</default_database>\n"
        f"        <grants>\n{grants}\n        </grants>\n    </{user.name}>\n</users>"
    )


def _indented(text: str, by: int) -> str:
    """Move the elements to the right, and leave the statements in them as they stand: a text may hold a line feed."""
    outside, inside = " " * by, False
    lines = []
    for line in text.splitlines():
        lines.append(line if inside else f"{outside}{line}")
        inside = ("<query>" in line or inside) and "</query>" not in line
    return "\n".join(lines)
