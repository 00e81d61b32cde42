"""Which tools there are, which are listed, and what a client sees of them."""

import json
from types import SimpleNamespace

import pytest

from identity.reader import Reader, Role
from mcp_server import composed_tools, pod_health_reading, resources, server, shown_tools, sql_tools, toolbox
from mcp_server.settings import McpSettings
from mcp_server.sql_tools import SqlTools
from mcp_server.toolbox import Toolbox
from query.errors import BadParameterError
from sql.catalogue import load_catalogue

ORIGINAL = {
    "list_databases": set(),
    "list_tables": {"database", "like"},
    "run_select_query": {"query"},
    "get_pod_errors": {"namespace", "pod_name", "minutes"},
    "get_pod_timeline": {"namespace", "pod_name", "minutes"},
    "get_composition_events": {"composition_id", "minutes"},
    "get_warning_summary": {"minutes", "namespace"},
    "get_agent_traces": {"agent_name", "minutes"},
    "check_pod_health": {"namespace", "pod_name"},
}
"""Tools of the Krateo stack, with their arguments."""

BESIDE = {
    "describe_table", "search_logs", "log_patterns", "get_trace", "find_traces", "service_overview", "service_map",
    "query_metric", "what_changed", "compare_windows", "freshness", "verify_resolved",
}  # fmt: skip
VIEWER, ADMIN = (Reader("r", role) for role in (Role.VIEWER, Role.ADMIN))
QUESTIONS = load_catalogue()


@pytest.fixture(scope="module")
def box():
    return Toolbox(QUESTIONS, SqlTools(SimpleNamespace(), "default").tools())


def names(tools):
    return [tool.name for tool in tools]


def test_at_most_20_tools_are_listed_by_default(box):
    assert len(box.listed(McpSettings().toolsets, ADMIN)) <= 20


def test_the_original_tools_are_listed_with_their_arguments(box):
    listed = {tool.name: tool for tool in box.listed(("default",), VIEWER)}

    for name, arguments in ORIGINAL.items():
        assert arguments <= set(listed[name].properties), name


def test_every_tool_that_was_asked_for_is_there(box):
    assert set(ORIGINAL) | BESIDE <= set(box)


def test_every_question_behind_the_door_is_reachable(box):
    descriptions = set(box)
    shown = {one.question for one in (*shown_tools.SHOWN, pod_health_reading.SHOWN)}
    pieces = composed_tools.PIECES | sql_tools.PIECES

    for name in QUESTIONS.behind("mcp"):
        assert name in descriptions | shown | pieces, name


def test_the_order_is_always_the_same(box):
    again = Toolbox(QUESTIONS, SqlTools(SimpleNamespace(), "default").tools())

    assert list(box) == list(again)
    assert names(box.listed(("all",), ADMIN))[:20] == names(box.listed(("default",), ADMIN))


def test_a_viewer_is_not_shown_what_needs_another_role(box):
    for_viewer, for_admin = (set(names(box.listed(("all",), one))) for one in (VIEWER, ADMIN))

    assert for_admin - for_viewer >= {"audit_log", "dead_letters", "storage"}


def test_toolsets_add_up(box):
    assert {"service_map", "service_overview"} <= set(names(box.listed(("telemetry",), VIEWER)))
    assert set(names(box.listed(("pods", "sql"), VIEWER))) >= {"get_pod_errors", "list_tables"}


def test_toolsets_are_read_as_a_list_of_names():
    assert toolbox.read_toolsets("") == ()
    assert toolbox.read_toolsets(" pods, SQL,pods") == ("pods", "sql")
    with pytest.raises(BadParameterError) as refused:
        toolbox.read_toolsets("podz")
    assert "Did you mean `pods`?" in refused.value.mend


def test_every_tool_is_described_and_says_that_it_only_reads(box):
    for tool in box.listed(("all",), ADMIN):
        shown = server._shown(tool)
        assert 20 <= len(shown.description) <= 400, tool.name
        assert shown.title
        assert shown.annotations.read_only_hint is True
        assert shown.annotations.destructive_hint is False
        assert shown.annotations.idempotent_hint is True
        assert shown.annotations.open_world_hint is False
        assert shown.output_schema["type"] == "object"
        assert set(shown.input_schema.get("required", [])) <= set(shown.input_schema["properties"])


def test_the_default_list_costs_few_tokens(box):
    listed = [
        server._shown(tool).model_dump(by_alias=True, exclude_none=True) for tool in box.listed(("default",), VIEWER)
    ]
    # What a model is given: name, description and arguments.
    said = [{key: one[key] for key in ("name", "description", "inputSchema")} for one in listed]

    assert len(json.dumps(said, separators=(",", ":"))) < 26_000


def test_the_instructions_have_ten_rules_and_are_short():
    lines = resources.guide("instructions").strip().splitlines()

    assert [line for line in lines if line[0].isdigit()] == lines[1:]
    assert len(lines) == 11
    assert all(len(line) <= 130 for line in lines)


@pytest.mark.parametrize("name", resources.GUIDES)
def test_a_guide_is_short_ends_with_verification_and_names_only_tools_that_exist(name, box):
    text = resources.guide(name)

    assert len(text) < 2200
    assert "Verify:" in text
    for word in text.replace(",", " ").replace(":", " ").replace(";", " ").split():
        if word.startswith(("get_", "find_", "check_", "search_", "log_patterns", "query_", "what_", "verify_")):
            assert word.rstrip(".)") in box, word
