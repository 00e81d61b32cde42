"""Questions as ClickHouse answers them by itself: what stands in the statements and in the configuration."""

import re

import pytest

from sql import http_handlers, predefined, scopes
from sql.catalogue import TOKENS, Catalogue, load_catalogue
from sql.http_handlers import ExportError, ReadingUser

CATALOGUE = load_catalogue()
OFFERED = CATALOGUE.behind("clickhouse")


@pytest.mark.parametrize("name", OFFERED)
def test_every_parameter_that_may_be_left_out_may_be_null(name):
    question = OFFERED[name]
    named = {token["name"]: token["type"] for token in TOKENS.finditer(predefined.statement(question)) if token["name"]}

    assert named.keys() == {one.name for one in question.parameters}
    for one in question.parameters:
        assert named[one.name].startswith("Nullable(") == (one.default is not None), one.name


@pytest.mark.parametrize("name", OFFERED)
def test_a_statement_names_what_it_defines(name):
    statement = predefined.statement(OFFERED[name])

    assert set(re.findall(r"\basked_\w+", statement)) == set(re.findall(r"\bAS (asked_\w+)", statement))


def test_what_is_needed_has_no_default():
    statement = predefined.statement(OFFERED["krateo_events"], needed={"composition_id"})

    assert "{composition_id:String} AS asked_composition_id" in statement


def test_the_user_may_read_the_tables_of_the_offered_questions_alone():
    told = http_handlers.reader(CATALOGUE, ReadingUser("portal", "0" * 64, "db"))
    granted = re.findall(r"<query>GRANT (.*)</query>", told)

    assert granted == [f"SELECT ON db.{table}" for table in http_handlers.tables(CATALOGUE)]
    assert set(http_handlers.tables(CATALOGUE)) <= {one.table for one in scopes.tables().values() if not one.closed}
    for question in OFFERED.values():
        assert scopes.tables_named(question.sql) <= set(http_handlers.tables(CATALOGUE))


def test_only_questions_for_this_door_have_a_route():
    routes = http_handlers.routes(CATALOGUE)

    assert "/api/v1/questions/recent_logs<" in routes
    for name in CATALOGUE.keys() - OFFERED.keys():
        assert f"/{name}<" not in routes


def test_the_user_may_read_and_nothing_else():
    told = http_handlers.reader(CATALOGUE, ReadingUser("portal", "0" * 64, "db", 7.0, 8, 9, 10**6, 11))

    assert "<max_result_rows>1000000</max_result_rows>" in told
    assert "<max_result_bytes>11</max_result_bytes>" in told
    assert "<result_overflow_mode>throw</result_overflow_mode>" in told
    assert "<readonly>1</readonly>" in told
    assert "<max_execution_time>7.0</max_execution_time>" in told
    assert "<max_bytes_to_read>8</max_bytes_to_read>" in told
    assert "<max_memory_usage>9</max_memory_usage>" in told
    assert "<query>GRANT SELECT ON db.otel_logs</query>" in told
    assert "<read_in_order_use_buffering>0</read_in_order_use_buffering>" in told


def test_every_route_may_give_as_many_rows_as_its_own_limit():
    told = http_handlers.reader(CATALOGUE, ReadingUser(rows=1))

    most = max(question.rows for question in OFFERED.values())
    assert f"<max_result_rows>{most}</max_result_rows>" in told


def test_without_a_password_there_is_a_profile_and_no_user():
    told = http_handlers.reader(CATALOGUE, ReadingUser())

    assert ("<users>" in told, "<profiles>" in told) == (False, True)


def test_two_questions_that_want_different_settings_are_refused():
    logs = CATALOGUE["recent_logs"]
    other = OFFERED["services"]
    changed = type(other)(
        **{
            **{name: getattr(other, name) for name in other.__slots__},
            "sql": f"{other.sql}\nSETTINGS read_in_order_use_buffering = 1",
        }
    )

    with pytest.raises(ExportError, match="read_in_order_use_buffering"):
        http_handlers.reader(Catalogue([logs, changed]), ReadingUser())


SETTING = "optimize_move_to_prewhere"


@pytest.mark.parametrize(
    ("values", "set_"),
    [
        ({"composition": "c-1", "min_severity": "error"}, True),
        ({"composition": "c-1", "min_severity": "fatal"}, True),
        ({"composition": "c-1", "min_severity": "warn"}, False),
        ({"composition": "", "min_severity": "error"}, False),
    ],
)
def test_a_setting_that_is_good_for_errors_of_a_composition_is_set_for_these_alone(values, set_):
    assert (SETTING in scopes.own_settings(CATALOGUE["recent_logs"].statement(values))) is set_


def test_a_setting_for_some_values_is_none_of_clickhouse_s_own_handlers():
    assert SETTING not in predefined.statement(CATALOGUE["recent_logs"])
    assert SETTING not in http_handlers.reader(CATALOGUE, ReadingUser())
