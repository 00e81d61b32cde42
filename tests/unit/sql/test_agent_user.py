"""The ClickHouse user for agents' SQL may read telemetry, and whether one may do more is seen."""

from xml.etree import ElementTree as ET

import pytest

from sql import agent_user, scopes
from sql.agent_user import AgentUser, Bounds

HASH = "a" * 64
USER = AgentUser("otelhouse_agent", HASH, "telemetry", Bounds(20, 512, 1024, 50_001, 16, 8))


def test_readable_is_telemetry_and_not_what_the_house_keeps_about_itself():
    tables = agent_user.readable_tables()

    assert {"otel_logs", "otel_traces", "otel_k8s_events"} <= set(tables)
    assert not set(tables) & {"otel_audit", "otel_dead_letters", "otel_schema_migrations"}
    assert all(not scopes.tables()[table].closed for table in tables)


def test_the_statements_give_the_user_nothing_but_reading():
    text = agent_user.as_sql(USER)

    grants = [line for line in text.splitlines() if line.startswith("GRANT")]
    assert grants == [
        f"GRANT SELECT ON telemetry.{table} TO otelhouse_agent;" for table in agent_user.readable_tables()
    ]
    assert "readonly = 2 CONST" in text
    assert "max_result_rows = 50001 MIN 1 MAX 50001," in text
    assert HASH in text
    assert "$" not in text


def test_the_file_is_xml_with_the_same_rights_and_bounds():
    root = ET.fromstring(agent_user.as_xml(USER))  # noqa: S314 - our own text

    grants = [one.text for one in root.iterfind("users/otelhouse_agent/grants/query")]
    assert grants == [f"GRANT SELECT ON telemetry.{table}" for table in agent_user.readable_tables()]
    profile = root.find("profiles/otelhouse_agent_profile")
    assert profile.findtext("readonly") == "2"
    assert profile.findtext("max_execution_time") == "20"
    assert profile.findtext("constraints/max_memory_usage/max") == "512"
    assert profile.findtext("max_result_rows") == "50001"
    assert profile.findtext("constraints/max_result_rows/max") == "50001"


@pytest.mark.parametrize("name", ["a b", "a'; DROP USER x --", "", "1a", "a-b", "x" * 65])
def test_a_name_that_is_no_identifier_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        AgentUser(name, HASH, "default", USER.bounds)
    with pytest.raises(ValueError, match="name"):
        AgentUser("agent", HASH, name, USER.bounds)


def test_a_password_in_the_clear_is_refused():
    with pytest.raises(ValueError, match="hash"):
        AgentUser("agent", "secret", "default", USER.bounds)


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT SELECT ON telemetry.otel_logs TO otelhouse_agent",
        "GRANT SELECT ON `telemetry`.`otel_logs` TO otelhouse_agent",
        "GRANT SELECT(Body, ServiceName) ON telemetry.otel_logs TO otelhouse_agent",
    ],
)
def test_reading_telemetry_is_no_excess(grant):
    assert agent_user.excess([grant], "telemetry") == []


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT SELECT ON *.* TO otelhouse_agent",
        "GRANT SELECT ON telemetry.* TO otelhouse_agent",
        "GRANT SELECT ON telemetry.otel_audit TO otelhouse_agent",
        "GRANT SELECT ON other.otel_logs TO otelhouse_agent",
        "GRANT SELECT, INSERT ON telemetry.otel_logs TO otelhouse_agent",
        "GRANT SELECT ON telemetry.otel_logs TO otelhouse_agent WITH GRANT OPTION",
        "GRANT URL ON *.* TO otelhouse_agent",
        "GRANT CREATE TEMPORARY TABLE ON *.* TO otelhouse_agent",
        "GRANT admin TO otelhouse_agent",
        "GRANT ALL ON *.* TO otelhouse_agent",
    ],
)
def test_any_other_right_is_an_excess(grant):
    assert agent_user.excess([grant], "telemetry") == [grant]
