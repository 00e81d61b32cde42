"""What a line's condition means, and how a table's retention is read back from ClickHouse."""

import pytest

from sql import migration_plan
from sql.rendering import RenderError
from sql.server_version import ServerVersion
from sql.settings import RetentionSettings, SchemaSettings

NEWEST = ServerVersion(26, 7)


def conditions(settings=None, version=NEWEST, columns=None):
    return migration_plan.conditions(settings or SchemaSettings(), version, columns)


@pytest.mark.parametrize(("version", "text"), [(ServerVersion(26, 1), False), (ServerVersion(26, 2), True)])
def test_text_indexes_begin_with_their_release(version, text):
    assert conditions(version=version)("text_index") is text


@pytest.mark.parametrize(("version", "streams"), [(ServerVersion(25, 9), False), (ServerVersion(25, 11), True)])
def test_the_setting_for_strings_is_given_only_to_a_server_that_knows_it(version, streams):
    assert conditions(version=version)("size_streams") is streams


def test_a_retention_of_zero_days_is_none():
    holds = conditions(SchemaSettings(retention=RetentionSettings(logs_days=0, traces_days=1)))
    assert (holds("logs_days"), holds("traces_days")) == (False, True)


def test_a_table_that_is_not_there_will_have_every_column():
    assert conditions(columns={})("otel_logs.EventName")


def test_a_table_that_is_there_has_the_columns_that_it_has():
    holds = conditions(columns={"otel_logs": frozenset({"Body"})})
    assert (holds("otel_logs.Body"), holds("otel_logs.EventName")) == (True, False)


@pytest.mark.parametrize("condition", ["otel_lags.Body", "textindex", "otel_logs", ".Body"])
def test_a_condition_that_nobody_knows_is_refused(condition):
    with pytest.raises(RenderError, match="unknown condition"):
        conditions()(condition)


@pytest.mark.parametrize(
    ("clause", "days"),
    [
        (" TTL toDateTime(Timestamp) + toIntervalDay(30)", 30),
        ("", 0),
        (" TTL toDateTime(Timestamp) + toIntervalHour(5)", None),
        (" TTL toDateTime(Timestamp) + toIntervalDay(1) TO VOLUME 'cold'", None),
    ],
)
def test_days_are_read_from_a_definition_and_another_form_is_nobodys_guess(clause, days):
    definition = f"CREATE TABLE d.t (a UInt8) ENGINE = MergeTree ORDER BY a{clause} SETTINGS index_granularity = 8192"
    assert migration_plan.retention_in_force(definition) == days
