"""The catalogue of named questions: a folder of handler files goes in, a checked `Catalogue` comes out.

A handler file is a comment header (grammar: `sql.header`) over one SELECT with ClickHouse's bound parameters
`{name:Type}`. Everything that the doors say about a question (route, OpenAPI, command line, reference page)
is read from that one file, so the catalogue refuses, naming file and line, what would make two of them
differ: unknown keys, a parameter in one half only, a type that differs, a default or an example that its own
bounds refuse, two statements.

An expression that several questions share stands once, in `sql/handlers/fragments/NAME.sql`, and they name it:
`${level_of},`. A question's `sql` has it in its place, as has everything that is made of it.

A line that ends in `-- when: PARAMETER` is said only where that parameter is not empty (a page's: not that of a first),
one in `-- unless: PARAMETER` only where it is, one in `-- when: PARAMETER = VALUE, VALUE` only where it has one of
these (`sql.guards`): the answer has to be the same without, or with a line of the other sense in its place, and with
both. It is left out so that ClickHouse has less to plan with (it combines indexes up to 32 conditions, true ones
counted), or is a setting that is good for some values alone.

A question over rows that keep coming goes on after the last row that was given, rather than passing over rows: it says
so by a column `position` (the number that it is ordered by, a dash, and a number that tells rows of one place apart)
and by the parameters in `PAGE`, which no header declares and whoever asks for a page binds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NoReturn, Protocol

from identity.reader import Role
from sql import guards, header, parameter, rendering
from sql.guards import Guard, Guards
from sql.header import Entry, HandlerFileError
from sql.parameter import Bindable, Kind, Parameter
from sql.signals import Subject

DOORS = frozenset({"rest", "mcp", "clickhouse", "cli", "docs"})
_KEYS = frozenset(
    {"name", "summary", "description", "doors", "signals", "synthetic", "role", "limit", "param", "column"}
)
_PARAM_FACTS = frozenset({"default", "bounds", "choices", "hex", "example", "help"})
_COLUMN_MARKS = ("wide", "machines")
_COLUMN_FACTS = frozenset({"help", *_COLUMN_MARKS})
RESERVED = frozenset({"format", "url", "help", "cursor", "watch", "wide", "all"})
"""Names that the doors keep for themselves; no parameter may have one."""

POSITION = "position"
"""The column by which a question is gone on with."""

PAGE = {"page_at": "Int64", "page_key": "UInt64", "page_skip": "UInt64"}
"""The place of the last row that was given, what tells it from others there, and how many rows agree in both."""

FIRST_PAGE = {"page_at": 2**63 - 2, "page_key": 0, "page_skip": 0}
"""Their values where nothing was given yet."""

_NO_SIGNAL = "none"

_LIMITS = frozenset({"rows", "seconds"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BOUNDS = re.compile(r"(-?[0-9.]+) \.\. (-?[0-9.]+)")
# What may hold a brace or a semicolon without meaning one comes first, so that it is stepped over.
TOKENS = re.compile(r"\{(?P<name>\w+):(?P<type>[^{}]+)\}|'(?:\\.|''|[^'\\])*'|--[^\n]*|/\*.*?\*/|(?P<end>;)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the answer as the header promises it."""

    name: str
    type: str
    help: str
    wide: bool = False
    """Too wide for a table that people read, and left out of it unless they ask."""
    machines: bool = False
    """Of use to machines alone: text that people read never has it, whatever they ask."""


@dataclass(frozen=True, slots=True)
class Question:
    """One handler file, read and checked."""

    name: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    columns: tuple[ResultColumn, ...]
    doors: frozenset[str]
    signals: tuple[Subject, ...]
    """Whose tables it reads, for saying how fresh the answer is; none for what the house knows of itself."""
    rows: int
    """The most rows an answer may have."""
    seconds: float
    """The longest it may run."""
    sql: str
    """The whole statement."""
    role: Role = Role.VIEWER
    """What a reader must be to ask it."""
    guards: Guards = field(default_factory=dict)
    """Lines of it that are said for some values only."""

    synthetic: bool = False
    """It is about what the house's own canary sent, which every other question leaves out."""
    goes_on: bool = False
    """Its next page begins after the last row of the one before, by `PAGE`."""

    def statement(self, values: Mapping[str, Bindable]) -> str:
        """The statement for these values: the whole one, without what says nothing."""
        if not self.guards:
            return self.sql
        lines = enumerate(self.sql.split("\n"))
        return "\n".join(line for at, line in lines if all(self._open(one, values) for one in self.guards.get(at, ())))

    def _open(self, guard: Guard, values: Mapping[str, Bindable]) -> bool:
        return guard.open(values, nothing=FIRST_PAGE.get(guard.parameter, ""))

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, or None."""
        return next((one for one in self.parameters if one.name == name), None)


class Folder(Protocol):
    """Where handler files lie: a `pathlib.Path` or a folder of package data."""

    def iterdir(self) -> Iterable["HandlerFile"]:
        """The files in it, in any order."""


class HandlerFile(Protocol):
    """A file in a `Folder`."""

    @property
    def name(self) -> str:
        """The file's name without its folder."""

    def read_text(self, encoding: str) -> str:
        """The whole text."""


class Catalogue(Mapping[str, Question]):
    """The questions by name, in the order of their names."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._questions = {one.name: one for one in sorted(questions, key=lambda one: one.name)}

    def __getitem__(self, name: str) -> Question:
        return self._questions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._questions)

    def __len__(self) -> int:
        return len(self._questions)

    def behind(self, door: str) -> "Catalogue":
        """Only the questions that one of `DOORS` offers."""
        return Catalogue(one for one in self.values() if door in one.doors)


def load_catalogue(folder: Folder | None = None, *, cluster: str = "") -> Catalogue:
    """Read every .sql file of a folder; without one, the questions that come with the house.

    `cluster`: where they are asked, by its name; empty for one server.
    """
    return _own_questions(cluster) if folder is None else _questions_in(folder, cluster)


@cache
def _own_questions(cluster: str) -> Catalogue:
    """Reading and checking them takes 60 ms; nobody can alter a catalogue, so that all may have the same one."""
    return _questions_in(resources.files("sql") / "handlers", cluster)


def _questions_in(folder: Folder, cluster: str) -> Catalogue:
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return Catalogue(read_question(file.name, file.read_text(encoding="utf-8"), cluster=cluster) for file in files)


@cache
def probe(name: str) -> str:
    """The statement of `sql/probes/NAME.sql`: what the house asks for itself, which is no question."""
    return (resources.files("sql") / "probes" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def fragments(cluster: str = "") -> Mapping[str, str]:
    """The expressions that questions share, by name; what is another in a cluster is that of `cluster`."""
    texts = _fragment_texts("fragments")
    if cluster:
        spread = {**_fragment_texts("cluster"), "cluster": cluster}
        texts |= {name: rendering.include(text, spread)[0] for name, text in spread.items()}
    # A fragment may name others, which name none.
    return {name: rendering.include(text, texts)[0] for name, text in texts.items()}


def _fragment_texts(name: str) -> dict[str, str]:
    folder = resources.files("sql") / "handlers" / name
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return {file.name.removesuffix(".sql"): file.read_text(encoding="utf-8").rstrip() for file in files}


def read_question(file: str, text: str, *, cluster: str = "") -> Question:
    """Read one handler file. `file` is its name, which must be the question's name and `.sql`."""
    lines, body = header.split_header(text)
    statement = body.strip()
    first = len(lines) + 1 + body[: len(body) - len(body.lstrip())].count("\n")
    try:
        sql, origins = rendering.include(statement, fragments(cluster))
    except rendering.RenderError as problem:
        raise HandlerFileError(file, first, str(problem)) from problem
    reader = _Reader(file, header.read_entries(file, lines), [first + line for line in origins])
    question = reader.question(*guards.take_off(sql))
    reader.check_statement(question)
    return question


class _Reader:
    """Turns the entries of one header into a question; holds the file's name for its errors."""

    def __init__(self, file: str, entries: list[Entry], sql_lines: list[int]) -> None:
        """`sql_lines`: for each line of the statement, the line of the file that it stands on or comes from."""
        self.file, self.entries, self.sql_lines = file, entries, sql_lines
        for entry in entries:
            if entry.key not in _KEYS:
                self.refuse(entry.line, f"unknown key `{entry.key}`; known are {', '.join(sorted(_KEYS))}")
            if bool(entry.subject) != (entry.key in {"limit", "param", "column"}):
                self.refuse(entry.line, f"`{entry.key}` takes {'no' if entry.subject else 'a'} name before the colon")
            if entry.facts and entry.key not in {"param", "column"}:
                word, fact = next(iter(entry.facts.items()))
                self.refuse(fact.line, f"`{word}` belongs to no param and no column")

    def refuse(self, line: int, problem: str) -> NoReturn:
        raise HandlerFileError(self.file, line, problem)

    def question(self, sql: str, guarded: Guards) -> Question:
        name = self.text("name")
        if not _NAME.fullmatch(name) or self.file != f"{name}.sql":
            self.refuse(1, f"`name: {name}` must be in snake_case and be the file's name")
        return Question(
            name=name,
            summary=self.text("summary"),
            description=self.text("description"),
            parameters=tuple(self.parameter(entry) for entry in self.all("param")),
            columns=tuple(self.column(entry) for entry in self.all("column")),
            doors=frozenset(self.words("doors", DOORS)),
            signals=self.signals(),
            rows=int(self.limits()["rows"]),
            seconds=self.limits()["seconds"],
            sql=sql,
            role=self.role(),
            guards=guarded,
            synthetic=self.synthetic(),
            goes_on=any(entry.subject == POSITION for entry in self.all("column")),
        )

    def all(self, key: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.key == key]

    def entry(self, key: str) -> Entry:
        found = self.all(key)
        if not found or not found[0].text:
            self.refuse(1, f"the header lacks `{key}`")
        return found[0]

    def text(self, key: str) -> str:
        return self.entry(key).text

    def words(self, key: str, known: Iterable[str]) -> list[str]:
        entry = self.entry(key)
        words = [word.strip() for word in entry.text.split(",")]
        for word in words:
            if word not in known:
                self.refuse(entry.line, f"unknown word `{word}` in `{key}`; known are {', '.join(sorted(known))}")
        return words

    def signals(self) -> tuple[Subject, ...]:
        if self.text("signals") == _NO_SIGNAL:
            return ()
        return tuple(Subject(word) for word in self.words("signals", frozenset(Subject)))

    def role(self) -> Role:
        if not self.all("role"):
            return Role.VIEWER
        words = self.words("role", (role.name.lower() for role in Role))
        return max(Role[word.upper()] for word in words)

    def synthetic(self) -> bool:
        said = self.all("synthetic")
        if said and said[0].text != "yes":
            self.refuse(said[0].line, f"`synthetic: {said[0].text}` must be `synthetic: yes`, or not there")
        return bool(said)

    def limits(self) -> dict[str, float]:
        found = {entry.subject: self.number(entry.line, entry.text) for entry in self.all("limit")}
        if found.keys() != _LIMITS or min(found.values()) <= 0:
            self.refuse(1, "the header needs `limit rows` and `limit seconds`, each above 0, and no other limit")
        return found

    def number(self, line: int, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            self.refuse(line, f"`{text}` is no number")

    def column(self, entry: Entry) -> ResultColumn:
        self.check_facts(entry, _COLUMN_FACTS, frozenset({"help"}))
        for mark in _COLUMN_MARKS:
            said = entry.facts.get(mark)
            if said and said.text != "yes":
                self.refuse(said.line, f"`{mark}: {said.text}` must be `{mark}: yes`, or not there")
        wide, machines = (mark in entry.facts for mark in _COLUMN_MARKS)
        return ResultColumn(entry.subject, entry.text, entry.facts["help"].text, wide, machines)

    def check_facts(self, entry: Entry, known: frozenset[str], needed: frozenset[str]) -> None:
        for key, fact in entry.facts.items():
            if key not in known:
                self.refuse(fact.line, f"unknown key `{key}`; known are {', '.join(sorted(known))}")
        for key in sorted(needed - entry.facts.keys()):
            self.refuse(entry.line, f"`{entry.key} {entry.subject}` lacks `{key}`")

    def parameter(self, entry: Entry) -> Parameter:
        self.check_facts(entry, _PARAM_FACTS, frozenset({"help", "example"}))
        if entry.subject in RESERVED:
            self.refuse(entry.line, f"`{entry.subject}` is a name that the doors use themselves")
        if entry.text not in parameter.KINDS:
            self.refuse(entry.line, f"type `{entry.text}` is none of {', '.join(parameter.KINDS)}")
        facts = {key: fact.text for key, fact in entry.facts.items()}
        low, high = self.bounds(entry)
        choices = tuple(word.strip() for word in facts.get("choices", "").split(",")) if "choices" in facts else ()
        made = Parameter(
            entry.subject,
            entry.text,
            facts["help"],
            facts.get("default"),
            facts["example"],
            low,
            high,
            choices,
            self.hex_digits(entry),
        )
        self.check_own_values(entry, made)
        return made

    def hex_digits(self, entry: Entry) -> int:
        fact = entry.facts.get("hex")
        if fact is None:
            return 0
        if parameter.KINDS[entry.text] is not Kind.TEXT or {"bounds", "choices"} & set(entry.facts):
            self.refuse(fact.line, "`hex` is for a text without bounds and choices")
        if not re.fullmatch(r"[1-9][0-9]?", fact.text):
            self.refuse(fact.line, f"`{fact.text}` is no number of digits; write `32`")
        return int(fact.text)

    def bounds(self, entry: Entry) -> tuple[float | None, float | None]:
        fact = entry.facts.get("bounds")
        if fact is None:
            if parameter.KINDS[entry.text] in {Kind.WHOLE, Kind.NUMBER}:
                self.refuse(entry.line, f"`param {entry.subject}` lacks `bounds`")
            return None, None
        match = _BOUNDS.fullmatch(fact.text)
        if not match:
            self.refuse(fact.line, f"`{fact.text}` are no bounds; write `1 .. 100`")
        low, high = self.number(fact.line, match[1]), self.number(fact.line, match[2])
        if low > high:
            self.refuse(fact.line, f"the bounds `{fact.text}` hold no value")
        return low, high

    def check_own_values(self, entry: Entry, made: Parameter) -> None:
        for key in ("default", "example"):
            fact = entry.facts.get(key)
            if fact is None:
                continue
            try:
                made.read(fact.text, parameter.LATEST)
            except ValueError as problem:
                self.refuse(fact.line, f"the {key} `{fact.text}` of `{made.name}` is refused: {problem}")

    def check_statement(self, question: Question) -> None:
        """One SELECT, whose parameters are exactly those of the header."""
        sql = question.sql
        if not re.match(r"(?i)(select|with)\b", sql):
            self.refuse(self.sql_lines[0] if self.sql_lines else 1, "the statement must be one SELECT")
        used: set[str] = set()
        for token in TOKENS.finditer(sql):
            if token["end"]:
                self.refuse(self.line(sql, token.start()), "one SELECT a file, without a semicolon")
            if token["name"]:
                used.add(token["name"])
                self.check_use(question, token["name"], token["type"], self.line(sql, token.start()))
        for entry in self.all("param"):
            if entry.subject not in used:
                self.refuse(entry.line, f"`param {entry.subject}` is not used in the statement")
        if PAGE.keys() & used != (PAGE.keys() if question.goes_on else set()):
            self.refuse(1, f"a question has the column `{POSITION}` and uses all of {', '.join(PAGE)}, or none of them")
        self.check_guards(question)

    def check_guards(self, question: Question) -> None:
        """What guards a line may be empty, and have the values; and there is something to answer with."""
        for at, line in enumerate(question.sql.split("\n")):
            if "-- when:" in line or "-- unless:" in line:
                self.refuse(
                    self.sql_lines[at],
                    "write a guard as `-- when: PARAMETER`, `-- unless: PARAMETER` or `-- when: PARAMETER = A, B`",
                )
        for at, guard in ((at, one) for at, several in question.guards.items() for one in several):
            name = guard.parameter
            guarding = question.parameter(name)
            if name not in PAGE and (guarding is None or guarding.default != ""):
                self.refuse(self.sql_lines[at], f"`{guard}` names no `param {name}` that is empty by default")
            if guard.values and (guarding is None or not guard.values <= set(guarding.choices)):
                self.refuse(self.sql_lines[at], f"`{guard}` names values that are no choices of `param {name}`")
        if not question.columns:
            self.refuse(1, "the header names no column")

    def check_use(self, question: Question, name: str, type_: str, line: int) -> None:
        declared = question.parameter(name)
        type_there = declared.type if declared else PAGE.get(name)
        if type_there is None:
            self.refuse(line, f"`{{{name}:{type_}}}` has no `param {name}` in the header")
        if type_there != type_.strip():
            where = "in the header" if declared else "as a page's parameter"
            self.refuse(line, f"`{name}` is {type_.strip()} here and {type_there} {where}")

    def line(self, sql: str, offset: int) -> int:
        """From an offset in the statement to a line of the file."""
        return self.sql_lines[sql.count("\n", 0, offset)]
