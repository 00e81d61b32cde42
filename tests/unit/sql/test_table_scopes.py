"""What the house says to the engine for a reader of a part, and which statements it does not let such a reader ask."""

import re

import pytest

from identity.reader import Scope
from sql import schema, scopes
from sql.catalogue import Question, load_catalogue, probe
from sql.schema import Kind, SchemaFileError
from sql.scopes import ScopeTooLongError, UndividedError
from sql.signals import Subject

EAST = Scope(clusters=("east",))
QUESTIONS = load_catalogue().values()


def test_every_table_of_the_house_says_what_belongs_to_whom_or_is_closed():
    tables = {item.name for item in schema.objects() if item.kind is Kind.TABLE}

    assert tables == set(scopes.tables()), "each table in sql/schema/ needs a file in sql/scopes/, and no other has one"


@pytest.mark.parametrize(
    "table", [one for one in scopes.tables().values() if one.conditions], ids=lambda one: one.table
)
def test_the_columns_that_divide_a_table_are_columns_that_it_has(table):
    text = next(item.text for item in schema.objects() if item.name == table.table)
    columns = set(re.findall(r"^    `([^`]+)`", text, re.MULTILINE))

    named = set(
        re.findall(
            r"\b[A-Z][A-Za-z]+\b(?!\()", re.sub(r"'[^']*'|\$\{values\}", "", " ".join(table.conditions.values()))
        )
    )
    assert {"IN", "OR"} <= named <= {"IN", "OR", "AND", "NOT"} | columns


def why_undivided(question: Question) -> str:
    try:
        scopes.reads(question.name, question.sql)
    except UndividedError as why:
        return str(why)
    return ""


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_that_is_not_divided_is_about_the_house(question):
    """If this fails for one about telemetry: write it so that it can be narrowed, or see `bounds` in sql/scopes/."""
    why = why_undivided(question)

    assert not why or re.search(r"reads `system\.|is closed", why)


@pytest.mark.parametrize("question", [one for one in QUESTIONS if not why_undivided(one)], ids=lambda one: one.name)
def test_a_question_reads_tables_of_the_signals_that_its_header_names(question):
    read = scopes.reads(question.name, question.sql)

    assert read
    # What the house sent by itself makes nothing fresh.
    assert set(question.signals) == (set() if question.synthetic else scopes.signals(read))


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.synthetic], ids=lambda one: one.name)
def test_a_question_about_the_canary_reads_nothing_but_what_it_sends(question):
    read = scopes.reads(question.name, question.sql)

    assert read == {name for name, table in scopes.tables().items() if scopes.SYNTHETIC in table.left_out}
    assert question.sql.count(f"= '{scopes.SYNTHETIC}'") == len(read)


@pytest.mark.parametrize("signal", list(Subject))
def test_how_fresh_a_part_is_can_be_asked_by_its_reader(signal):
    assert scopes.signals(scopes.reads(f"lately_{signal}", probe(f"lately_{signal}"))) == {signal}


def said(scope: Scope, sql: str = "SELECT 1 FROM otel_logs", question: str = "q") -> str:
    return str(scopes.settings(scope, question, sql)["additional_table_filters"]).replace("\\'", "'")


def test_a_scope_that_narrows_nothing_leaves_out_nothing_but_the_canary_s_rows():
    assert scopes.settings(Scope(), "q", "SELECT 1 FROM system.parts") == scopes.without_house()
    assert scopes.settings(Scope(), "q", "SELECT 1 FROM system.parts", asked=scopes.OF_THE_HOUSE) == {}


def test_all_parts_of_a_scope_must_hold():
    condition = scopes.condition(scopes.tables()["otel_traces"], Scope(("c",), ("n", "m"), ("k",), ("traces",)))

    assert condition == (
        "(ClusterName IN ('c') OR ClusterUid IN ('c'))"
        " AND (ResourceAttributes['k8s.namespace.name'] IN ('n', 'm')) AND (CompositionId IN ('k'))"
    )


def test_what_a_statement_does_not_read_is_closed_to_it():
    filters = said(EAST)

    assert "'otel_logs': '((ClusterName IN ('east') OR ClusterUid IN ('east'))) AND " in filters
    for item in schema.objects():
        assert item.name == "otel_logs" or f"'{item.name}': 'throwIf(1, 'otelhouse: denied by scope')'" in filters


def test_a_table_of_a_signal_that_the_scope_leaves_out_is_closed():
    assert scopes.condition(scopes.tables()["otel_logs"], Scope(signals=("traces",))).startswith("throwIf(1,")
    assert scopes.condition(scopes.tables()["otel_logs"], Scope(signals=("traces", "logs"))) == "1"


@pytest.mark.parametrize("values", [("",), ("", "")])
def test_a_scope_of_nothing_but_empty_names_sees_no_row_rather_than_those_that_name_no_cluster(values):
    assert scopes.condition(scopes.tables()["otel_logs"], Scope(clusters=values)) == "(0)"


def test_an_empty_name_beside_others_does_not_count():
    assert "ClusterUid IN ('east')" in scopes.condition(scopes.tables()["otel_logs"], Scope(clusters=("", "east")))


def test_the_engine_is_told_to_let_the_statement_change_no_setting():
    settings = scopes.settings(EAST, "q", "SELECT 1 FROM otel_logs\nSETTINGS max_threads = 2, join_algorithm = hash")

    assert list(settings) == ["max_threads", "join_algorithm", "additional_table_filters", "readonly"]
    assert (settings["readonly"], settings["max_threads"], settings["join_algorithm"]) == (1, 2, "hash")


# values


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("prod-eu-1", "'prod-eu-1'"),
        ("a.b_c:d/e", "'a.b_c:d/e'"),
        ("5b8efff7-98b0-4103-8d26-9b633813fc60", "'5b8efff7-98b0-4103-8d26-9b633813fc60'"),
        ("'", "x'27'"),
        ("\\", "x'5C'"),
        ("') OR 1 --", "x'2729204F522031202D2D'"),
        ("a\nb", "x'610A62'"),
        ("\0", "x'00'"),
        ("ü", "x'C3BC'"),
        ("\ud800", "x'EDA080'"),
        ("${values}", "x'247B76616C7565737D'"),
        ("$$", "x'2424'"),
        ("a b", "x'612062'"),
        ("east\n", "x'656173740A'"),
    ],
)
def test_a_value_is_a_literal_in_which_nothing_can_mean_anything_else(value, literal):
    assert scopes.literal(value) == literal


@pytest.mark.parametrize("character", [chr(code) for code in (*range(0x20, 0x7F), 0x2018, 0x2019, 0xFF07, 0x1F600)])
def test_no_character_ends_a_literal(character):
    for value in (character, f"a{character}b", f"{character}{character}"):
        assert re.fullmatch(r"'[A-Za-z0-9._:/-]+'|x'(?:[0-9A-F]{2})+'", scopes.literal(value))


def test_a_scope_that_fits_into_no_statement_is_refused_and_not_cut():
    many = Scope(clusters=tuple(f"cluster-{n}" for n in range(8000)))

    with pytest.raises(ScopeTooLongError):
        scopes.settings(many, "q", "SELECT 1 FROM otel_logs")
    with pytest.raises(ScopeTooLongError):
        scopes.settings(Scope(clusters=("x" * 130_000,)), "q", "SELECT 1 FROM otel_logs")


# statements


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT 1", set()),
        ("SELECT 1 FROM otel_logs", {"otel_logs"}),
        ("SELECT 1 FROM `otel_logs` AS l", {"otel_logs"}),
        ("select 1 from otel_logs any left join otel_traces using (TraceId)", {"otel_logs", "otel_traces"}),
        ("WITH x AS (SELECT 1 FROM otel_logs) SELECT 1 FROM x", {"otel_logs"}),
        ("WITH x AS (\n-- why\nSELECT 1 FROM otel_logs) SELECT 1 WHERE 1 IN x", {"otel_logs"}),
        ("SELECT 1 FROM (SELECT 1 FROM otel_logs)", {"otel_logs"}),
        ("SELECT (SELECT count() FROM otel_logs) AS n", {"otel_logs"}),
        ("SELECT 1 FROM otel_logs ARRAY JOIN mapKeys(LogAttributes) AS k", {"otel_logs"}),
        ("SELECT ServiceName AS SETTINGS_OF FROM otel_logs SETTINGS max_threads = 1, x = y", {"otel_logs"}),
        ("SELECT ' FROM system.parts' FROM otel_logs -- FROM system.parts", {"otel_logs"}),
        ("SELECT 1 /* FROM system.parts */ FROM otel_logs WHERE Body = 'it''s FROM x' AND 1 IN (1)", {"otel_logs"}),
    ],
)
def test_the_tables_that_a_statement_reads_are_found(sql, read):
    assert scopes.reads("q", sql) == read


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM system.parts",
        "SELECT 1 FROM `system`.`parts`",
        "SELECT 1 FROM system . parts",
        "SELECT 1 FROM somebody_elses",
        "SELECT 1 FROM OTEL_LOGS",
        "SELECT 1 FROM otel_schema_migrations",
        "SELECT 1 FROM otel_logs_mv",
        "SELECT 1 FROM otelhouse.otel_logs",
        "SELECT 1 FROM otel_traces_trace_id_ts",
        "SELECT 1 FROM merge('otel', '^otel_logs$')",
        "SELECT 1 FROM merge ('otel', '^otel_logs$')",
        "SELECT 1 FROM remote('other', otel.otel_logs)",
        "SELECT 1 FROM view(SELECT 1 FROM otel_logs)",
        "SELECT 1 FROM otel_logs, system.parts",
        "SELECT 1 FROM otel_logs AS l, otel_traces",
        "SELECT 1 FROM otel_logs WHERE 'x' IN somebody_elses",
        "SELECT 1 FROM otel_logs WHERE 'x' NOT IN somebody_elses",
        "SELECT 1 FROM otel_logs LEFT JOIN somebody_elses USING (x)",
        "SELECT 1 FROM otel_logs SETTINGS additional_table_filters = {}",
        "SELECT 1 FROM (SELECT 1 FROM otel_logs SETTINGS max_threads = 1)",
        "SELECT 1 FROM (SELECT 1 FROM otel_logs SETTINGS max_threads = 1) SETTINGS max_threads = 1",
        "SELECT 1 FROM otel_logs SETTINGS a = {}",
        "SELECT 1 FROM otel_logs SETTINGS `a\\x62` = 1",
        "SELECT joinGet('t', 'x', 1)",
        "SELECT dictGet('d', 'x', 1)",
        "SELECT 1 FROM dictionary('d')",
        "WITH otel_traces AS (SELECT 1) SELECT 1 FROM otel_traces",
        "SELECT 1 FROM otel_traces AS otel_logs WHERE 1 IN (SELECT 1 FROM otel_logs)",
        "SELECT 1 FROM otel_traces otel_logs",
        "SELECT 1 FROM otel_traces /* of */ otel_logs",
        "SELECT 1 FROM otel_traces -- of\notel_logs",
        "SELECT 1 FROM otel_traces AS `otel_logs`",
        'SELECT 1 FROM otel_traces "otel_logs"',
        "SELECT 1 FROM otel_traces FINAL otel_logs",
        "SELECT 1 FROM otel_traces as OTEL_LOGS",
        "SELECT 1 FROM (SELECT 1 FROM otel_traces) AS otel_logs",
        "SELECT 1 AS otel_k8s_objects FROM otel_logs",
        "WITH otel_logs (a) AS (SELECT 1) SELECT 1 FROM otel_traces",
        "SELECT 1 FROM otel_logs AS l JOIN otel_traces AS otel_logs ON 1",
        "SELECT 1 FROM otel_logs AS otel_logs_mv",
        "SELECT 1 --'\nFROM system.parts --'",
        "SELECT 'it\\'s' FROM system.parts",
    ],
)
def test_a_statement_that_reads_past_the_filters_is_not_for_readers_of_a_part(sql):
    with pytest.raises(UndividedError):
        scopes.settings(EAST, "q", sql)


def test_a_table_of_bounds_is_read_by_the_questions_that_take_nothing_else_from_it():
    sql = "SELECT max(End) FROM otel_traces_trace_id_ts"

    assert "'otel_traces_trace_id_ts': '1'" in said(EAST, sql, "trace")
    assert scopes.tables()["otel_traces_trace_id_ts"].bounds <= {question.name for question in QUESTIONS}


# files

WHOLE = """-- Why.
-- signal: logs
-- clusters:
a IN (${values})
-- namespaces:
b IN (${values})
-- compositions:
c IN (${values})
"""


def test_a_file_is_read_with_its_conditions():
    table = scopes.read_table("t.sql", WHOLE)

    assert (table.table, table.signal) == ("t", "logs")
    assert table.conditions["namespaces"] == "b IN (${values})"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- signal: logs\n",
        WHOLE.replace("-- compositions:\n", ""),
        WHOLE.replace("-- signal: logs\n", ""),
        WHOLE.replace("c IN (${values})", "1"),
        WHOLE + "-- closed: no\n",
        WHOLE + "-- bounds: q\n",
    ],
)
def test_a_file_that_leaves_something_open_is_refused(text):
    with pytest.raises(SchemaFileError, match=r"^sql/scopes/t\.sql: "):
        scopes.read_table("t.sql", text)
