"""The engine keeps a scope whatever a statement says, over both doors; what it does not keep is never asked of it."""

import re

import pytest
from scoped_world import ALL_LOGS, CATALOGUE, WINDOW, path

from identity.reader import Reader, Role, Scope
from query.reply import Manner
from sql import scopes
from sql.catalogue import Catalogue, read_question
from store.port import Limits, Select

# the engine keeps it, whatever the statement says

EAST = Scope(clusters=("east",))


@pytest.mark.parametrize("own", ["additional_table_filters = {}", "readonly = 0", "max_threads = 1"])
def test_a_statement_cannot_take_the_filters_off(world, own):
    settings = scopes.settings(EAST, "q", "SELECT Body FROM otel_logs")

    sql = f"SELECT Body FROM otel_logs SETTINGS {own}"  # noqa: S608 - one of three words above
    with pytest.raises(Exception, match="in readonly mode"):
        world.store.select(Select(sql, settings=settings))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() AS n FROM otel_logs",
        "SELECT count() AS n FROM {database}.otel_logs AS l",
        "SELECT n FROM (SELECT count() AS n FROM otel_logs)",
        "WITH (SELECT count() FROM otel_logs) AS n SELECT n",
        "WITH x AS (SELECT * FROM otel_logs) SELECT count() AS n FROM x",
        "SELECT countIf(1) AS n FROM otel_logs PREWHERE 1 WHERE 1 OR Body = ''",
        "SELECT count() AS n FROM {database}.logs_view",
        "SELECT count() AS n FROM view(SELECT * FROM otel_logs)",
        "SELECT sum(x IN (SELECT Body FROM otel_logs)) AS n FROM (SELECT arrayJoin(['plain password', 'flat']) AS x)",
        "SELECT sum(c) AS n FROM (SELECT 1 AS c FROM otel_logs UNION ALL SELECT 0 FROM otel_traces)",
        "SELECT uniqExact(l.Timestamp, l.TraceId, t.SpanId) AS n FROM otel_logs AS l CROSS JOIN otel_traces AS t",
    ],
)
def test_the_engine_narrows_a_table_wherever_a_statement_reads_it(world, sql):
    world.store.select(Select("CREATE VIEW IF NOT EXISTS logs_view AS SELECT * FROM otel_logs"))
    settings = scopes.settings(EAST, "q", "SELECT 1 FROM otel_logs JOIN otel_traces USING (TraceId)")

    sql = sql.format(database=world.name)
    narrowed, whole = (world.store.select(Select(sql, settings=one)).rows[0][0] for one in (settings, {}))

    assert 0 < narrowed < whole


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM otel_traces",
        "SELECT 1 WHERE 1 IN (SELECT 1 FROM otel_schema_migrations)",
        "WITH (SELECT max(End) FROM otel_traces_trace_id_ts) AS x SELECT x",
        "SELECT count() FROM otel_traces SETTINGS max_threads = 2",
    ],
)
def test_a_table_that_the_statement_was_not_known_to_read_is_closed_in_the_engine(world, sql):
    settings = {"max_threads": 2, **scopes.settings(EAST, "q", "SELECT Body FROM otel_logs")}

    with pytest.raises(Exception, match=scopes.DENIED):
        world.store.select(Select(sql, settings=settings))


HEADER = """\
-- name: {name}
-- summary: S.
-- description: D.
-- doors: rest
-- signals: logs
-- limit rows: 50
-- limit seconds: 5
-- column x: String
--   help: X.
{sql}
"""


def question(name: str, sql: str) -> Catalogue:
    return Catalogue([read_question(f"{name}.sql", HEADER.format(name=name, sql=sql))])


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT name AS x FROM system.tables", "reads `system.tables`"),
        ("SELECT TraceId AS x FROM otel_traces_trace_id_ts", "there for the bounds of other questions"),
        ("SELECT Body AS x FROM merge('', 'otel_logs')", "table function `merge`"),
        ("SELECT Name AS x FROM otel_schema_migrations", "closed"),
        ("SELECT x FROM (SELECT Body AS x FROM otel_logs SETTINGS additional_table_filters = {})", "no scope reaches"),
        ("SELECT x FROM (SELECT Body AS x FROM otel_logs SETTINGS max_threads = 1)", "SETTINGS other than"),
        ("SELECT Body AS x FROM logs_view", "reads `logs_view`"),
    ],
)
def test_a_question_that_reads_what_is_not_divided_is_denied_to_readers_of_a_part(world, sql, why):
    desk = world.desk_of(question("odd", sql))
    with pytest.raises(Exception, match=re.escape(why)) as denied:
        desk.ask("odd", {}, reader=Reader("me", Role.ADMIN, EAST))
    desk.close()

    assert denied.value.code == "denied"


def test_a_reader_of_a_part_is_not_shown_the_engine_s_words_which_may_quote_others_rows(world):
    sql = "SELECT toString(toUInt8(Body)) AS x FROM otel_logs WHERE Body != 'flat' ORDER BY x"
    desk = world.desk_of(question("careless", sql))
    said = {}
    for reader in (Reader("me", Role.ADMIN, EAST), Reader("me", Role.ADMIN)):
        with pytest.raises(Exception, match="could not answer") as failed:
            desk.ask("careless", {}, reader=reader)
        said[reader.scope.everything] = (failed.value.code, "password" in failed.value.message)
    desk.close()

    assert said == {False: ("failed", False), True: ("failed", True)}


def test_a_scope_that_fits_into_no_statement_is_denied_and_a_large_one_is_kept(world):
    desk = world.desk_of(CATALOGUE)
    large = Scope(clusters=("east", *(f"cluster-of-the-fleet-{n}" for n in range(300))))
    reader, asked = Reader("me", Role.VIEWER, large), {**WINDOW, "metric": "gauge"}
    kept = desk.ask("metric_series", asked, reader=reader)
    in_arrow = desk.ask("metric_series", asked, reader=reader, manner=Manner(arrow=True))
    with pytest.raises(Exception, match="names too much") as denied:
        desk.ask("recent_logs", {}, reader=Reader("me", Role.VIEWER, Scope(namespaces=("\u00fc" * 40_000,))))
    longest = Scope(namespaces=tuple(f"it's {n:05d}" for n in range(1_000)))
    none = desk.ask("recent_logs", WINDOW, reader=Reader("me", Role.VIEWER, longest))
    desk.close()

    assert len(kept.rows) == 1
    assert in_arrow.row_count == 1
    assert denied.value.code == "denied"
    assert none.rows == []


def test_a_question_of_a_reader_of_a_part_cannot_write(world):
    settings = scopes.settings(EAST, "q", "SELECT Body FROM otel_logs")

    with pytest.raises(Exception, match="readonly mode"):
        world.store.select(Select("TRUNCATE TABLE otel_logs", limits=Limits(), settings=settings))
    assert world.reader("all").get(path("recent_logs", {})).json["row_count"] == ALL_LOGS


def test_a_table_that_lacks_the_columns_of_the_scope_is_a_failure_and_never_shown_whole(world):
    world.store.select(Select("RENAME TABLE otel_logs TO kept_logs"))
    world.store.select(
        Select("CREATE TABLE otel_logs (Body String, ServiceName String) ENGINE = MergeTree ORDER BY Body")
    )
    world.store.select(Select("INSERT INTO otel_logs SELECT 'theirs', ''"))
    desk = world.desk_of(question("plain", "SELECT Body AS x FROM otel_logs"))
    try:
        with pytest.raises(Exception, match="could not answer") as failed:
            desk.ask("plain", {}, reader=Reader("me", Role.VIEWER, EAST))
        assert failed.value.code == "failed"
        assert desk.ask("plain", {}).rows == [("theirs",)]
    finally:
        desk.close()
        world.store.select(Select("DROP TABLE otel_logs SYNC"))
        world.store.select(Select("RENAME TABLE kept_logs TO otel_logs"))
