"""Independent clients list and call every tool: plain HTTP as curl speaks it, the Python client in both eras, stdio."""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from contextlib import asynccontextmanager

import agents_telemetry
import anyio
import httpx2
import pytest
import trustme
from agents_scene import LEAK, MODERN, Agent, Scene
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from needed_programs import lacking
from running_house import WAIT, House, command, environment

pytestmark = pytest.mark.timeout(400)

# The client loads this deep inside its own calls, where pytest's rewriting of modules overflows CPython 3.11's parser.
OPEN_PROCESS = anyio.open_process

ORIGINAL = {
    "get_pod_errors": {"namespace": "shop", "pod_name": "cart"},
    "get_pod_timeline": {"namespace": "shop", "pod_name": "cart"},
    "get_composition_events": {"composition_id": agents_telemetry.COMPOSITION},
    "get_warning_summary": {},
    "get_agent_traces": {},
    "check_pod_health": {"namespace": "shop", "pod_name": "cart"},
    "list_databases": {},
    "list_tables": {"database": "default"},
    "run_select_query": {"query": "SELECT count() FROM otel_logs"},
}
ARGUMENTS = {
    **ORIGINAL,
    "describe_table": {"table": "otel_logs"},
    "get_trace": {"trace_id": agents_telemetry.TRACE},
    "trace": {"trace_id": agents_telemetry.TRACE},
    "trace_critical_path": {"trace_id": agents_telemetry.TRACE},
    "metric_series": {"metric": agents_telemetry.METRIC},
    "verify_resolved": {"changed_at": "10m", "namespace": "shop"},
    "attribute_values": {"attribute": "k8s.cluster.name"},
    "composition_overview": {"composition": agents_telemetry.COMPOSITION},
    "dead_letter": {"id": "1f819025ebfac24cd41f3db77de533c8"},
    "object_history": {"name": "x"},
}
"""What tools cannot do without; the others take none."""

OF_WEST = re.compile(rf"{LEAK}|\bwest\b", re.IGNORECASE)
"""What stands in everything that is of the place west."""

NAMELESS = frozenset(
    {
        "list_databases", "list_tables", "describe_table", "run_select_query", "object_history", "verify_resolved",
        "canary_records",
    }
)  # fmt: skip
"""Tools that tell of no place: of tables, numbers alone, what no canary sent, or objects that nobody watches here."""


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def scene(request, tmp_path_factory):
    scene = Scene(request.param, tmp_path_factory.mktemp("clients"))
    scene.tell_more()
    yield scene
    scene.close()


def needed(tool):
    """Arguments for a tool: those that it requires, each with something of the right kind."""
    known = ARGUMENTS.get(tool["name"], {})
    required = tool["inputSchema"].get("required", [])
    made = {name: 1 if tool["inputSchema"]["properties"][name]["type"] == "integer" else "x" for name in required}
    return {**made, **known}


def test_curl_lists_the_tools_without_a_session_and_sees_plain_json(scene):
    if shutil.which("curl") is None:
        lacking("curl is not installed")
    agent = scene.reader("viewer")

    done = subprocess.run(
        ["curl", "-s", "-X", "POST", agent.url, "-H", "Content-Type: application/json", "-H",
         f"Authorization: Bearer {agent.token}", "-d", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
        capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip

    tools = json.loads(done.stdout)["result"]["tools"]
    assert set(ORIGINAL) <= {tool["name"] for tool in tools}
    assert len(tools) <= 20


def test_every_tool_can_be_listed_and_called_by_hand(scene):
    agent = scene.reader("all")
    status, body = Agent(f"{agent.url}?toolsets=all", agent.token).post(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    )
    tools = json.loads(body)["result"]["tools"]

    assert status == 200
    assert len(tools) > 40
    for tool in tools:
        answer = agent.call(tool["name"], **needed(tool))
        assert answer["isError"] is False, (tool["name"], answer)
        assert answer["structuredContent"]["outcome"] in {"answered", "no_data"}, tool["name"]
        assert answer["content"][0]["text"].startswith(f"{tool['name']}: "), tool["name"]


def test_a_toolset_is_named_in_the_header_as_well(scene):
    agent = scene.reader("viewer")

    _, body = agent.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, x_mcp_toolsets="sql")

    assert [tool["name"] for tool in json.loads(body)["result"]["tools"]] == [
        "list_databases", "list_tables", "describe_table", "run_select_query",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_python_client_lists_calls_reads_and_hears_progress_in_both_eras(scene, mode):
    agent = scene.reader("all")

    async def speak():
        heard = []

        async def progress(done, total, message):
            heard.append(message)

        async with connected(agent, mode) as client:
            tools = (await client.list_tools()).tools
            called = [await client.call_tool(one.name, needed(one.model_dump(by_alias=True))) for one in tools]
            told = await client.call_tool("find_problems", {}, progress_callback=progress)
            listed = (await client.list_resources()).resources
            guide = await client.read_resource(str(listed[-1].uri))
            schema = await client.read_resource("otelhouse://schema/otel_logs")
            prompts = (await client.list_prompts()).prompts
            prompt = await client.get_prompt("crash_loop", {"namespace": "shop"})
            return tools, called, told, heard, guide, schema, prompts, prompt

    tools, called, told, heard, guide, schema, prompts, prompt = asyncio.run(speak())

    assert set(ORIGINAL) <= {tool.name for tool in tools}
    assert all(not one.is_error for one in called), [one.content[0].text for one in called if one.is_error]
    assert told.structured_content["outcome"] in {"answered", "no_data"}
    assert "asking warning_summary" in heard
    assert "Verify:" in guide.contents[0].text
    assert "ServiceName" in schema.contents[0].text
    assert {"triage", "crash_loop"} <= {one.name for one in prompts}
    assert "- namespace: shop" in prompt.messages[0].content.text


@asynccontextmanager
async def connected(agent, mode):
    """A client of the SDK with the token of `agent`."""
    headers = {"authorization": f"Bearer {agent.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=WAIT) as http,
        Client(streamable_http_client(agent.url, http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_stdio_nothing_but_the_protocol_is_on_standard_output(scene, mode, tmp_path):
    """The embedded engine's house is asked over its port; at a server the process asks ClickHouse itself."""
    token = tmp_path / "token"
    token.write_text(scene.tokens["all"])
    if scene.door == "server":
        where = ["--clickhouse", scene.server.url, "--set=store.database=default"]
    else:
        where = ["--data", str(scene.folder / "otelhouse-data"), f"--set=mcp.port={scene.house.ports['MCP']}"]
    words = command("mcp", "--stdio", f"--token-file={token}", *where)
    parameters = StdioServerParameters(command=words[0], args=words[1:], env=environment(), cwd=str(tmp_path))

    async def speak():
        async with Client(parameters, mode=mode) as client:
            tools = (await client.list_tools()).tools
            return tools, await client.call_tool("search_logs", {"service": "shop-east", "text": "password"})

    tools, answer = asyncio.run(speak())

    assert set(ORIGINAL) <= {tool.name for tool in tools}
    assert "20 records match" in answer.content[0].text


def test_over_stdio_a_house_that_is_not_there_is_told_to_the_client(tmp_path):
    message = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/list"})

    done = subprocess.run(
        command("mcp", "--stdio", "--url", "http://127.0.0.1:9/mcp"),
        input=f"{message}\nno message\n", env=environment(), cwd=tmp_path, capture_output=True, text=True,
        timeout=WAIT, check=False,
    )  # fmt: skip

    lines = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda one: one["id"] is None)
    assert lines[0]["id"] == 7
    assert "otelhouse up" in lines[0]["error"]["message"]
    assert lines[1]["error"]["code"] == -32700


def test_over_stdio_without_any_house_or_data_the_command_says_what_to_do(tmp_path):
    done = subprocess.run(
        command("mcp", "--stdio"), input="", env=environment(), cwd=tmp_path, capture_output=True, text=True,
        timeout=WAIT, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout == ""
    assert "Start `otelhouse up`" in done.stderr


def test_beside_a_house_that_holds_the_engine_a_second_one_says_what_to_do(scene):
    if scene.door == "server":
        pytest.skip("a server may be asked by many")

    done = subprocess.run(
        command("mcp", "--data", str(scene.folder / "otelhouse-data"), "--set=mcp.port=0"),
        env=environment(), cwd=scene.folder, capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "in use by another process" in done.stderr


class TestWhoGetsIn:
    def test_nobody_without_a_token(self, scene):
        status, body = Agent(scene.reader().url).post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})

        assert status == 401
        assert json.loads(body)["error"]["code"] == "unauthenticated"

    def test_health_is_open(self, scene):
        base = scene.house.address("MCP")

        assert Agent(f"{base}/livez").post(b"")[0] == 404
        assert get(f"{base}/livez") == 200
        assert get(f"{base}/readyz") == 200

    def test_a_reader_with_a_scope_sees_its_part_in_every_tool(self, scene):
        agent = scene.reader("east")
        everything = Agent(f"{agent.url}?toolsets=all", agent.token)
        _, body = everything.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        tools = json.loads(body)["result"]["tools"]

        outcomes = set()
        for tool in tools:
            answer = agent.call(tool["name"], **needed(tool))
            outcomes.add(answer["structuredContent"]["outcome"])
            assert not OF_WEST.search(json.dumps(answer)), tool["name"]
        assert "answered" in outcomes
        assert outcomes <= {"answered", "no_data"}

    def test_the_same_walk_by_a_reader_of_all_finds_what_the_other_must_not_see(self, scene):
        """Else the walk above would prove nothing."""
        listed = Agent(f"{scene.reader('east').url}?toolsets=all", scene.tokens["east"])
        _, body = listed.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        agent = scene.reader("all")

        silent = set()
        for tool in json.loads(body)["result"]["tools"]:
            if not OF_WEST.search(json.dumps(agent.call(tool["name"], **needed(tool)))):
                silent.add(tool["name"])
        assert silent <= NAMELESS, silent - NAMELESS

    def test_denied_empty_and_failed_are_three_answers(self, scene):
        agent = scene.reader("east")

        denied = agent.call("search_logs", cluster="west")
        empty = agent.call("search_logs", service="nobody")
        failed = agent.sql("SELECT nothing FROM otel_logs")

        assert (denied["isError"], denied["structuredContent"]["outcome"]) == (True, "denied")
        assert (empty["isError"], empty["structuredContent"]["outcome"]) == (False, "no_data")
        assert (failed["isError"], failed["structuredContent"]["outcome"]) == (True, "failed")
        assert "no proof of health" in empty["content"][0]["text"]
        assert "Without service there are rows" in empty["content"][0]["text"]

    @pytest.mark.parametrize("header", [{"origin": "http://evil.example"}, {"origin": "null"}])
    def test_a_strangers_page_is_refused(self, scene, header):
        status, _ = scene.reader().post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **header)

        assert status == 403


class TestOnTheWire:
    def test_the_modern_era_is_answered_without_a_handshake(self, scene):
        meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}

        status, body = scene.reader().post(message, mcp_protocol_version=MODERN, mcp_method="server/discover")

        result = json.loads(body)["result"]
        assert status == 200
        assert MODERN in result["supportedVersions"]
        assert result["instructions"].startswith("otelhouse holds")
        assert result["ttlMs"] > 0

    def test_two_lists_are_the_same_to_the_byte(self, scene):
        first, second = (scene.reader().post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})[1] for _ in range(2))

        assert first == second

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"jsonrpc":"2.0"}', b"\xff\xfe", b"null"])
    def test_garbage_is_refused_and_the_window_lives(self, scene, body):
        status, _ = scene.reader().post(body)

        assert 400 <= status < 500
        assert scene.reader().ask("tools/list")

    def test_a_body_that_is_too_large_is_refused(self, scene):
        status, body = scene.reader().post(b" " * (2 * 1024 * 1024))

        assert status == 413
        assert json.loads(body)["error"]["mend"]

    def test_an_unknown_tool_is_an_error_of_the_protocol_with_the_nearest_name(self, scene):
        _, body = scene.reader().post(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_pod_error", "arguments": {}}}
        )

        error = json.loads(body)["error"]
        assert error["code"] == -32602
        assert "get_pod_errors" in error["message"]

    @pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
    def test_other_methods_are_refused_and_nothing_hangs(self, scene, method):
        agent = scene.reader()
        request = urllib.request.Request(agent.url, headers={"authorization": f"Bearer {agent.token}"}, method=method)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        assert refused.value.code == 405
        assert refused.value.headers["allow"] == "POST"
        refused.value.close()


def get(url):
    with urllib.request.urlopen(url, timeout=WAIT) as answer:
        return answer.status


def test_alone_it_answers_agents_with_health_and_metrics_at_its_own_port(scene, tmp_path):
    if scene.door == "embedded":
        pytest.skip("the engine is held by the house")
    tokens = f"--set=identity.tokens_file={scene.folder / 'tokens.json'}"
    house = House(tmp_path, "--clickhouse", scene.server.url, "--set=store.database=default", tokens, role="mcp").up()
    try:
        agent = Agent(f"{house.address('MCP')}/mcp", scene.tokens["all"])

        found = agent.call("search_logs", service="shop-east", text="password")
        assert "20 records match" in found["content"][0]["text"]
        assert set(house.ports) == {"MCP"}
        assert get(f"{house.address('MCP')}/readyz") == 200
        with urllib.request.urlopen(f"{house.address('MCP')}/metrics", timeout=WAIT) as metrics:
            assert 'otelhouse_mcp_calls_total{outcome="answered",tool="search_logs"} 1.0' in metrics.read().decode()
        refused = agent.sql("SELECT 1")
        assert refused["structuredContent"]["error"]["code"] == "sql_unavailable"
        assert "otelhouse mcp-user" in refused["structuredContent"]["error"]["mend"]
    finally:
        assert house.end() == 0


def test_over_tls_it_speaks_with_who_trusts_its_certificate(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(tmp_path / "cert.pem", append=True)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    files = (f"--set=identity.tls.certificate={tmp_path}/cert.pem", f"--set=identity.tls.key={tmp_path}/key.pem")
    house = House(tmp_path, *files, "--set=identity.tls.doors=[mcp]").up()
    try:
        trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        url = f"https://127.0.0.1:{house.ports['MCP']}/livez"
        with urllib.request.urlopen(url, timeout=WAIT, context=trusting) as answer:
            assert answer.status == 200
        done = subprocess.run(
            command("mcp", "--stdio", "--ca", str(tmp_path / "ca.pem"), "--url", url.replace("/livez", "/mcp")),
            input='{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n', env=environment(), cwd=tmp_path,
            capture_output=True, text=True, timeout=WAIT, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["result"]["tools"]
    finally:
        house.end()
