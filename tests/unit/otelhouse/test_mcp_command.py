"""`otelhouse mcp` and `otelhouse mcp-user`: what they say before anything runs, and the bridge's messages."""

import json
import threading

import pytest
from click.testing import CliRunner

from otelhouse.__main__ import cli
from otelhouse.configuration import load
from otelhouse.house_access import NO_ACCESS
from otelhouse.mcp_bridge import AT_ONCE, Bridge
from otelhouse.mcp_command import mcp_url


def otelhouse(*words, text=""):
    return CliRunner().invoke(cli, words, input=text)


def test_the_users_statements_hold_no_password():
    result = otelhouse("mcp-user", "--set=store.database=telemetry", text="top secret\n")

    assert result.exit_code == 0
    assert "top secret" not in result.stdout
    assert "GRANT SELECT ON telemetry.otel_logs TO otelhouse_agent;" in result.stdout


def test_the_bounds_are_those_of_the_settings():
    result = otelhouse("mcp-user", "--format", "xml", "--set=mcp.sql.seconds=7.5", text="x\n")

    assert "<max_execution_time>8</max_execution_time>" in result.stdout


@pytest.mark.parametrize(("words", "said"), [(("--username", "a b"), "letters"), ((), "password")])
def test_what_cannot_be_is_refused_with_the_mend(words, said):
    result = otelhouse("mcp-user", *words, text="x\n" if words else "")

    assert result.exit_code == 2
    assert said in result.stderr


def test_an_address_without_stdio_is_refused():
    result = otelhouse("mcp", "--url", "http://127.0.0.1:1/mcp")

    assert result.exit_code == 2
    assert "--stdio" in result.stderr


def test_the_address_is_that_of_the_settings():
    assert mcp_url(load(environ={"OTELHOUSE_MCP_PORT": "8001"}).settings) == "http://127.0.0.1:8001/mcp"


def test_a_password_without_a_user_is_refused():
    result = otelhouse("config", "--set=mcp.sql.password=x")

    assert result.exit_code == 2
    assert "mcp.sql.username" in result.stderr


class TestTheBridge:
    def bridge(self):
        said = []
        return Bridge("http://127.0.0.1:9/mcp", NO_ACCESS, lambda line: said.append(json.loads(line))), said

    @pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b"3\n", b'"x"\n'])
    def test_a_line_that_is_no_message_is_told(self, line):
        bridge, said = self.bridge()

        bridge.run([line, b"\n"])

        assert [one["error"]["code"] for one in said] == [-32700]

    def test_a_house_that_does_not_answer_is_told_with_the_requests_id(self):
        bridge, said = self.bridge()

        bridge.run(
            [b'{"jsonrpc":"2.0","id":"a","method":"initialize"}\n', b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n']
        )

        assert [one["id"] for one in said] == ["a", 2]
        assert all("otelhouse up" in one["error"]["message"] for one in said)

    def test_a_request_that_is_cancelled_before_it_is_sent_is_never_sent(self):
        bridge, said = self.bridge()
        may_connect = threading.Event()
        held = [f'{{"jsonrpc":"2.0","id":{n},"method":"ping"}}\n'.encode() for n in range(AT_ONCE)]

        class Waiting:
            sock = None

            def __init__(self):
                self.sent = False

            def connect(self):
                assert may_connect.wait(20)

            def request(self, *_):
                self.sent = True
                raise OSError

            def close(self):
                pass

        connections = []
        bridge._connection = lambda: connections.append(Waiting()) or connections[-1]

        def lines():
            yield from held  # every thread is taken now, and connects
            yield b'{"jsonrpc":"2.0","id":"queued","method":"ping"}\n'
            for identity in ("0", '"queued"'):
                params = f'{{"requestId":{identity}}}'
                yield f'{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}\n'.encode()
            may_connect.set()

        bridge.run(lines())

        assert [one.sent for one in connections] == [False, *[True] * (AT_ONCE - 1), False]
        assert {one["id"] for one in said} == set(range(1, AT_ONCE))

    def test_a_notification_that_goes_nowhere_is_not_answered(self):
        bridge, said = self.bridge()

        bridge.run([b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'])

        assert said == []

    def test_the_modern_era_gets_its_headers_from_the_message(self):
        bridge, _ = self.bridge()
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}

        headers = bridge._headers({"method": "tools/call", "params": {"name": "freshness", "_meta": meta}})

        assert headers["mcp-protocol-version"] == "2026-07-28"
        assert headers["mcp-method"] == "tools/call"
        assert headers["mcp-name"] == "freshness"

    def test_a_header_never_carries_what_would_end_it(self):
        bridge, _ = self.bridge()
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}

        headers = bridge._headers({"method": "tools/call", "params": {"name": "x\r\nhost: evil", "_meta": meta}})

        assert "mcp-name" not in headers
