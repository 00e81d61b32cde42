"""The .sql files of tables and views are read strictly, and put into an order in which they can be made."""

import pytest

from sql import schema
from sql.schema import Kind, SchemaFileError

TABLE = (
    "-- rows\nCREATE TABLE IF NOT EXISTS ${database}.t${on_cluster}\n(\n    a UInt8\n)\nENGINE = MergeTree ORDER BY a\n"
)
SINK = TABLE.replace("ENGINE = MergeTree ORDER BY a", "ENGINE = Null")
VIEW = """CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.v${on_cluster}
TO ${database}.t
AS
SELECT a FROM ${database}.s
"""


def view(name, source, target):
    text = VIEW.replace(".v$", f".{name}$").replace(".t\n", f".{target}\n").replace(".s\n", f".{source}\n")
    return schema.read_object(f"{name}.sql", text)


def test_a_table_a_sink_and_a_view_are_told_apart():
    assert schema.read_object("t.sql", TABLE).kind is Kind.TABLE
    assert schema.read_object("t.sql", SINK).kind is Kind.SINK
    read = schema.read_object("v.sql", VIEW)
    assert (read.kind, read.source, read.target) == (Kind.VIEW, "s", "t")


def test_a_dictionary_is_made_after_tables_and_before_views():
    text = "CREATE DICTIONARY IF NOT EXISTS ${database}.d${on_cluster}\n(\n    a String\n)\nPRIMARY KEY a\n"
    assert schema.read_object("d.sql", text).kind is Kind.DICTIONARY
    kinds = [item.kind for item in schema.objects()]
    assert kinds == sorted(kinds, key=[Kind.TABLE, Kind.DICTIONARY, Kind.SINK, Kind.VIEW].index)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other.sql", TABLE),
        ("t.sql", TABLE.replace("${on_cluster}", "")),
        ("t.sql", TABLE.replace("${database}", "otel")),
        ("t.sql", TABLE + TABLE),
        ("v.sql", VIEW.replace("AS\nSELECT", "AS SELECT")),
        ("v.sql", VIEW.replace("TO ${database}.t\n", "")),
        ("v.sql", VIEW.replace("FROM ${database}.s", "FROM s")),
    ],
)
def test_a_file_that_does_not_say_what_it_makes_is_refused_by_name(name, text):
    with pytest.raises(SchemaFileError, match=rf"^{name}: "):
        schema.read_object(name, text)


def test_the_query_of_a_view_begins_after_the_line_that_is_as():
    assert schema.query_of(VIEW) == "SELECT a FROM ${database}.s\n"


def test_a_view_is_made_after_the_views_that_take_its_rows_on():
    first, second, third = view("a", "logs", "sieve"), view("b", "sieve", "events"), view("c", "otlp", "logs")
    assert [item.name for item in schema.downstream_first([first, second, third])] == ["b", "a", "c"]


def test_views_that_feed_each_other_are_refused():
    with pytest.raises(SchemaFileError, match="in a circle: a, b"):
        schema.downstream_first([view("a", "x", "y"), view("b", "y", "x")])


def test_a_migration_is_cut_at_its_separators_and_not_at_semicolons():
    text = "SELECT ';' AS a\n-- statement\n-- why\nSELECT 2\n"
    (migration,) = schema.read_migrations([("0001_first.sql", text)])
    assert migration.statements == ("SELECT ';' AS a", "-- why\nSELECT 2")
    assert (migration.number, migration.name) == (1, "0001_first")


@pytest.mark.parametrize(
    "names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"]]
)
def test_migration_numbers_run_from_one_without_gap_or_double(names):
    with pytest.raises(SchemaFileError, match="without gap or double"):
        schema.read_migrations([(name, "SELECT 1") for name in names])


def test_a_changed_migration_has_another_checksum():
    (one,) = schema.read_migrations([("0001_a.sql", "SELECT 1\n")])
    (two,) = schema.read_migrations([("0001_a.sql", "SELECT 1 \n")])
    assert one.checksum != two.checksum


def test_this_release_has_the_tables_that_uis_expect():
    tables = {item.name for item in schema.objects() if item.kind is Kind.TABLE}
    metrics = {f"otel_metrics_{kind}" for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")}
    assert tables >= metrics | {"otel_logs", "otel_traces", "otel_traces_trace_id_ts", "otel_k8s_events"}
