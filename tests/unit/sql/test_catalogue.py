"""How handler files are read, and what the catalogue refuses."""

from importlib import resources
from pathlib import Path

import pytest

from sql.catalogue import POSITION, fragments, load_catalogue, read_question
from sql.header import HandlerFileError
from sql.parameter import Kind
from sql.signals import Signal

GOOD = """\
-- name: counting
-- summary: Counts.
-- description: Counts what
--     is to be counted: all of it.
-- doors: rest, cli
-- signals: logs, traces
-- limit rows: 10
-- limit seconds: 2.5
--
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start.
-- param word: String
--   default:
--   bounds: 1 .. 5
--   example: abc
--   help: A word.
-- param n: UInt32
--   bounds: 1 .. 9
--   example: 3
--   help: How many.
--
-- column n: UInt64
--   help: Number.
-- column text: String
--   wide: yes
--   help: Text.
SELECT count() AS n, '{no:String}; "--' AS text -- {no:String};
FROM otel_logs /* {no:String}; */
WHERE Timestamp > {since:DateTime64(9, 'UTC')} AND Body = {word:String} LIMIT {n:UInt32}
"""


def read(text: str):
    return read_question("counting.sql", text)


def test_a_handler_file_becomes_a_question():
    question = read(GOOD)

    assert (question.name, question.summary, question.rows, question.seconds) == ("counting", "Counts.", 10, 2.5)
    assert question.description == "Counts what is to be counted: all of it."
    assert question.doors == {"rest", "cli"}
    assert question.signals == (Signal.LOGS, Signal.TRACES)
    assert question.sql.startswith("SELECT count()")
    assert [(column.name, column.type, column.wide) for column in question.columns] == [
        ("n", "UInt64", False),
        ("text", "String", True),
    ]


def test_a_column_can_be_for_machines_alone():
    (_, text) = read(GOOD.replace("--   wide: yes", "--   machines: yes")).columns

    assert (text.wide, text.machines) == (False, True)


def test_the_column_by_which_a_question_is_gone_on_with_is_for_machines_alone():
    going_on = [question for question in load_catalogue().values() if question.goes_on]

    assert going_on
    for question in going_on:
        assert [column.name for column in question.columns if column.machines] == [POSITION]


def test_parameters_have_kind_default_bounds_and_example():
    since, word, n = read(GOOD).parameters

    assert (since.kind, since.default, since.example) == (Kind.TIME, "1h", "2026-01-31T10:00:00Z")
    assert (word.kind, word.default, word.low, word.high) == (Kind.TEXT, "", 1, 5)
    assert (n.kind, n.default, n.low, n.high) == (Kind.WHOLE, None, 1, 9)


def test_choices_are_read_with_the_empty_one():
    text = GOOD.replace("--   bounds: 1 .. 5\n--   example: abc", "--   choices: , abc, def\n--   example: abc")

    assert read(text).parameters[1].choices == ("", "abc", "def")


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("-- summary: Counts.", "-- sumary: Counts.", 2, "unknown key `sumary`"),
        ("-- summary: Counts.\n", "", 1, "lacks `summary`"),
        ("-- summary: Counts.", "-- summary:", 1, "lacks `summary`"),
        ("-- summary: Counts.", "-- summary: Counts.\n-- summary: Counts.", 3, "`summary` stands twice"),
        ("-- summary: Counts.", "-- summary of: Counts.", 2, "takes no name"),
        ("-- summary: Counts.", "-- Summary: Counts.", 2, "not a header line"),
        ("-- doors: rest, cli", "-- doors: rest, gopher", 5, "unknown word `gopher`"),
        ("-- signals: logs", "-- signals: smoke", 6, "unknown word `smoke`"),
        ("-- limit rows: 10", "-- limit rows: many", 7, "`many` is no number"),
        ("-- limit rows: 10\n", "", 1, "`limit rows`"),
        ("-- limit rows: 10", "-- limit rows: 0", 1, "each above 0"),
        ("-- limit rows: 10", "-- limit lines: 10", 1, "no other limit"),
        ("--   help: A word.", "--   hlep: A word.", 18, "unknown key `hlep`"),
        ("--   help: A word.\n", "", 14, "`param word` lacks `help`"),
        ("--   example: abc\n", "", 14, "`param word` lacks `example`"),
        ("--   example: abc", "--   example: abcdef", 17, "the example `abcdef` of `word` is refused"),
        ("--   default: 1h", "--   default: soon", 11, "the default `soon` of `since` is refused"),
        ("--   bounds: 1 .. 9", "--   default: 10\n--   bounds: 1 .. 9", 20, "the default `10` of `n` is refused"),
        ("--   bounds: 1 .. 9", "--   bounds: 1-9", 20, "`1-9` are no bounds"),
        ("--   bounds: 1 .. 9", "--   bounds: 9 .. 1", 20, "hold no value"),
        ("--   bounds: 1 .. 9\n", "", 19, "`param n` lacks `bounds`"),
        ("--   help: A word.", "--   hex: 32\n--   help: A word.", 18, "`hex` is for a text without bounds"),
        ("-- param n: UInt32", "-- param n: Decimal", 19, "type `Decimal` is none of"),
        ("-- param n: UInt32", "-- param word: UInt32", 19, "`param word` stands twice"),
        ("-- param n: UInt32", "-- param format: UInt32", 19, "`format` is a name that the doors use"),
        ("AND Body = {word:String}", "", 14, "`param word` is not used"),
        ("-- param n: UInt32", "-- param m: UInt32", 31, "has no `param n`"),
        ("-- param n: UInt32", "-- param n: UInt64", 31, "`n` is UInt32 here and UInt64 in the header"),
        ("LIMIT {n:UInt32}", "LIMIT {n:UInt32} + {k:UInt8}", 31, "`{k:UInt8}` has no `param k`"),
        ("LIMIT {n:UInt32}", "LIMIT {n:UInt32};", 31, "one SELECT a file"),
        ("SELECT count()", "INSERT INTO t SELECT count()", 29, "must be one SELECT"),
        ("--   wide: yes", "--   wide: no", 27, "must be `wide: yes`"),
        ("--   wide: yes", "--   machines: no", 27, "must be `machines: yes`"),
        ("--\n-- column n", "--\n--     more\n-- column n", 24, "continues nothing"),
        ("--\n-- param since", "--\n--   help: x\n-- param since", 10, "belongs to no param"),
        ("-- name: counting", "-- name: other", 1, "be the file's name"),
        ("-- name: counting", "-- name: Counting", 1, "snake_case"),
    ],
)
def test_what_contradicts_itself_is_refused_by_file_and_line(old, new, line, problem):
    assert old in GOOD

    with pytest.raises(HandlerFileError) as refusal:
        read(GOOD.replace(old, new, 1))

    assert str(refusal.value).startswith(f"counting.sql:{line}: ")
    assert problem in str(refusal.value)


def test_a_question_without_columns_is_refused():
    with pytest.raises(HandlerFileError, match="names no column"):
        read(GOOD[: GOOD.index("-- column")] + GOOD[GOOD.index("SELECT") :])


def test_a_catalogue_is_a_folder_and_each_file_a_question(tmp_path: Path):
    (tmp_path / "counting.sql").write_text(GOOD)
    (tmp_path / "another.sql").write_text(GOOD.replace("name: counting", "name: another").replace("rest, cli", "mcp"))
    (tmp_path / "README.md").write_text("no question")

    catalogue = load_catalogue(tmp_path)

    assert list(catalogue) == ["another", "counting"]
    assert list(catalogue.behind("mcp")) == ["another"]
    assert catalogue["counting"].parameter("nope") is None


# expressions that questions share


def test_a_fragment_stands_in_the_place_of_its_name_and_is_checked_with_the_statement():
    question = read(GOOD.replace("WHERE Timestamp", "WHERE ${event_identity} AND Timestamp"))

    assert "${" not in question.sql
    assert f"WHERE {fragments()['event_identity']} AND Timestamp" in question.sql


def test_a_fragment_is_indented_like_the_line_that_names_it():
    question = read(GOOD.replace("SELECT count()", "WITH\n    ${level_of}\nSELECT count()"))
    lines = question.sql.splitlines()

    assert lines[1].startswith("    -- A severity")
    assert all(line.startswith("    ") for line in lines[1 : lines.index("    ) AS level_of")])


def test_a_fragment_that_does_not_exist_is_refused_by_name():
    with pytest.raises(HandlerFileError, match="no_such"):
        read(GOOD.replace("WHERE Timestamp", "WHERE ${no_such} AND Timestamp"))


def test_a_mistake_behind_a_fragment_is_told_with_its_line_in_the_file():
    text = GOOD.replace("SELECT count()", "WITH\n    ${level_of}\nSELECT count()") + "AND {typo:String} = ''\n"

    with pytest.raises(HandlerFileError, match=rf"counting\.sql:{len(text.splitlines())}: .*typo"):
        read(text)


def test_no_fragment_is_there_for_nothing():
    folder = Path(str(resources.files("sql"))) / "handlers"
    said = "\n".join(file.read_text() for file in [*folder.glob("*.sql"), *folder.glob("fragments/*.sql")])
    streams = "\n".join(file.read_text() for file in (folder.parent / "streams").rglob("*.sql"))

    assert [name for name in fragments() if f"${{{name}}}" not in said + streams] == []


# lines that are said only where a parameter is given


GUARDED = GOOD.replace(
    "AND Body = {word:String}", "\n    AND ({word:String} = '' OR Body = {word:String}) -- when: word\n"
)


def test_a_guarded_line_is_said_only_where_its_parameter_is_given():
    question = read(GUARDED)

    assert "Body = {word:String}" in question.sql
    assert "when:" not in question.sql
    assert question.statement({"word": "x", "n": 1}) == question.sql
    assert "Body" not in question.statement({"word": "", "n": 1})
    assert "LIMIT {n:UInt32}" in question.statement({"word": "", "n": 1})


def test_a_line_for_want_of_a_parameter_is_said_where_it_is_not_given_or_not_known():
    question = read(GUARDED.replace("-- when: word", "-- unless: word"))

    assert "Body = {word:String}" in question.statement({"word": "", "n": 1})
    assert "Body" not in question.statement({"word": "x", "n": 1})
    assert question.statement({}) == question.sql


def test_guards_of_both_senses_have_all_to_be_open():
    question = read(CHOSEN.replace("-- when: word = x, y", "-- when: word = x, y -- unless: word"))

    assert [word for word in ("", "x", "z") if "7 = 7" in question.statement({"word": word})] == []


@pytest.mark.parametrize("sense", ["when", "unless"])
@pytest.mark.parametrize("name", ["since", "n", "nothing"])
def test_a_guard_names_a_parameter_that_may_be_left_empty(name, sense):
    with pytest.raises(HandlerFileError, match=f"`-- {sense}: {name}` names no"):
        read(GUARDED.replace("-- when: word", f"-- {sense}: {name}"))


CHOSEN = (
    GOOD.replace(" LIMIT", "\nAND 7 = 7 -- when: word = x, y\nLIMIT")
    .replace("--   bounds: 1 .. 5\n", "--   choices: , x, y, z\n")
    .replace("--   example: abc", "--   example: x")
)


@pytest.mark.parametrize(("word", "said"), [("x", True), ("y", True), ("z", False), ("", False)])
def test_a_guard_with_values_is_open_for_these_alone(word, said):
    assert ("7 = 7" in read(CHOSEN).statement({"word": word, "n": 1})) is said


def test_a_guard_with_values_is_shut_where_they_are_not_known():
    assert "7 = 7" not in read(CHOSEN).statement({})


def test_several_guards_of_one_line_have_all_to_be_open():
    question = read(CHOSEN.replace("-- when: word = x, y", "-- when: word -- when: word = x"))

    assert "7 = 7" in question.statement({"word": "x"})
    assert "7 = 7" not in question.statement({"word": "y"})
    assert "when" not in question.sql


def test_a_guard_names_values_that_its_parameter_may_have():
    with pytest.raises(HandlerFileError, match="names values that are no choices of `param word`"):
        read(CHOSEN.replace("-- when: word = x, y", "-- when: word = x, q"))


@pytest.mark.parametrize(
    "guard",
    ["-- when: word=x", "-- when: word = x,y", "-- when: word = x -- so that it is fast", "-- unless: word = x"],
)
def test_a_guard_that_is_written_in_another_way_is_refused(guard):
    with pytest.raises(HandlerFileError, match="write a guard as"):
        read(CHOSEN.replace("-- when: word = x, y", guard))


@pytest.mark.parametrize(
    ("guards", "words"), [("-- when: word = x, y", "xy"), ("-- when: word -- when: word = x", "x")]
)
def test_guards_with_values_behind_a_fragment_guard_all_of_its_lines(guards, words):
    text = CHOSEN.replace("-- when: word = x, y", "").replace("\nLIMIT", f"\n AND ${{logs_with_value}} {guards}\nLIMIT")
    question = read(text.replace(
        "-- param n: UInt32", "-- param attribute: String\n--   default:\n--   example: a\n--   help: A.\n"
        "-- param attribute_value: String\n--   default:\n--   example: a\n--   help: A.\n-- param n: UInt32"
    ))  # fmt: skip

    said = "".join(word for word in "xyz" if "attribute_value" in question.statement({"word": word}))
    assert said == words
    assert question.statement({"word": "z"}).count("(") == question.statement({"word": "z"}).count(")")


def test_a_guard_behind_a_fragment_guards_all_of_its_lines():
    question = read(GOOD.replace("AND Body", "\n    AND ${logs_with_value} -- when: word\nAND Body").replace(
        "-- param n: UInt32", "-- param attribute: String\n--   default:\n--   example: a\n--   help: A.\n"
        "-- param attribute_value: String\n--   default:\n--   example: a\n--   help: A.\n-- param n: UInt32"
    ))  # fmt: skip

    left = question.statement({"word": ""})
    assert "attribute_value" in question.sql
    assert "attribute_value" not in left
    assert left.count("(") == left.count(")")


# questions that are gone on with


PAGED = GOOD.replace(
    "-- column n: UInt64", "-- column position: String\n--   help: Where.\n-- column n: UInt64"
).replace("LIMIT", "AND n < {page_at:Int64} AND key >= {page_key:UInt64} LIMIT")


def test_a_question_with_a_position_takes_the_place_of_a_page():
    assert read(PAGED + "OFFSET {page_skip:UInt64}").goes_on
    assert not read(GOOD).goes_on


@pytest.mark.parametrize(
    "text",
    [
        PAGED,
        GOOD + "OFFSET {page_skip:UInt64}",
        (PAGED + "OFFSET {page_skip:UInt64}").replace("page_at:Int64", "page_at:String"),
    ],
)
def test_a_place_is_taken_whole_or_not_at_all(text):
    with pytest.raises(HandlerFileError, match="page_"):
        read(text)
