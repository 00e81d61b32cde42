"""A house that asks everybody who they are, as its senders, its readers and its operators meet it."""

import http.client
import json
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import grpc
import pytest
from click.testing import CliRunner
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.trace.export import SpanExportResult
from otlp_requests import fresh, log_request
from python_sender import Exporters, logs, metrics, spans
from raw_senders import GrpcSender
from running_house import WAIT, House

from identity import token_format
from identity.token_format import Kind
from otelhouse.__main__ import cli

PROTOCOLS = {"grpc": "OTLP/gRPC", "http": "OTLP/HTTP"}
FAILURE = [SpanExportResult.FAILURE, LogRecordExportResult.FAILURE, MetricExportResult.FAILURE]
EVERYWHERE = "0.0.0.0"  # noqa: S104  a house that the network could reach is what is tried here
SPOOL, RETRY = "/api/v1/ingest/spool", "/api/v1/ingest/dead_letters/retry"
DAY = 86_400 * 10**9


def token_command(folder, *words):
    done = CliRunner().invoke(cli, ["token", *words, "--file", str(folder / "tokens.yaml")])
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A house on the embedded engine with its tokens file."""
    folder = tmp_path_factory.mktemp("house")
    readers = {
        "viewer": ["--role", "viewer"],
        "operator": ["--role", "operator"],
        "admin": ["--role", "admin"],
        "east": ["--role", "admin", "--cluster", "east"],
        "spans-only": ["--role", "viewer", "--signal", "traces"],
    }
    tokens = {name: token_command(folder, "create", name, "--kind", "read", *words) for name, words in readers.items()}
    tokens["shop"] = token_command(folder, "create", "shop", "--kind", "ingest")
    # One wrong credential after the other is what is tried here; what a lock-out does has tests of its own.
    flags = ("--set=identity.tokens_file=tokens.yaml", "--set=identity.lockout.failures=10000")
    house = House(folder, *flags)
    try:
        yield SimpleNamespace(house=house.up(), folder=folder, tokens=tokens)
    finally:
        house.end()


def bearer(token):
    return {"authorization": f"Bearer {token}"} if token else {}


def ask(town, path, reader="", content=None):
    """Status and JSON of a request to REST with a reader's token."""
    body = None if content is None else json.dumps(content).encode()
    headers = bearer(town.tokens.get(reader, ""))
    request = urllib.request.Request(town.house.address("REST") + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def bodies(town, reader="viewer", **parameters):
    """The bodies of the log records that a reader sees."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    status, answer = ask(town, f"/api/v1/questions/recent_logs?{query}", reader)
    assert status == 200, answer
    return [row["body"] for row in answer["rows"]]


def outcomes(town, protocol, service, headers):
    exporters = Exporters(town.house.address(PROTOCOLS[protocol]), protocol, headers=headers)
    found = exporters.outcomes(spans(service), logs(service), metrics(service))
    exporters.close()
    return found


def grpc_code(town, headers, request):
    with grpc.insecure_channel(f"127.0.0.1:{town.house.ports['OTLP/gRPC']}") as channel:
        call = channel.unary_unary(GrpcSender.METHODS["logs"])
        try:
            call(request.SerializeToString(), timeout=WAIT, metadata=list((headers or {}).items()))
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def post_log(town, token, request):
    return post(town, bearer(token), request)


def post(town, headers, request):
    """The status of one request over HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", town.house.ports["OTLP/HTTP"], timeout=WAIT)
    headers = {"content-type": "application/x-protobuf", **(headers or {})}
    connection.request("POST", "/v1/logs", request.SerializeToString(), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def until(condition, what):
    """Wait for what nobody tells; bounded."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # the house takes up a changed file by itself, and tells nobody here


# who sends


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_real_sdk_sends_with_a_good_token_is_stored(town, protocol):
    service = f"good {protocol} {fresh()}"

    found = outcomes(town, protocol, service, bearer(town.tokens["shop"]))

    assert found == [SpanExportResult.SUCCESS, LogRecordExportResult.SUCCESS, MetricExportResult.SUCCESS]
    status, answer = ask(town, "/api/v1/questions/services", "viewer")
    assert (status, service in {row["service"] for row in answer["rows"]}) == (200, True)


@pytest.mark.parametrize("what", ["none", "unknown", "mistyped", "for readers", "taken back", "Basic"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_real_sdk_sends_without_one_is_refused_and_nothing_of_it_is_stored(town, protocol, what):
    service = f"stranger-{protocol}-{what.replace(' ', '-')}"
    headers = {
        "none": None,
        "unknown": bearer(token_format.mint(Kind.INGEST, "shop")),
        "mistyped": bearer(town.tokens["shop"][:-1]),
        "for readers": bearer(town.tokens["admin"]),
        "taken back": bearer(taken_back(town)) if what == "taken back" else None,
        "Basic": {"authorization": f"Basic {town.tokens['shop']}"},
    }[what]

    assert outcomes(town, protocol, service, headers) == FAILURE
    request = log_request("hello", service)
    if protocol == "grpc":
        assert grpc_code(town, headers, request) is grpc.StatusCode.UNAUTHENTICATED
    else:
        assert post(town, headers, request) == 401
    assert bodies(town, service=service) == []
    known = ask(town, "/api/v1/questions/services", "viewer")[1]["rows"]
    assert service not in {row["service"] for row in known}


def taken_back(town):
    name = f"gone-{fresh()}"
    token = token_command(town.folder, "create", name, "--kind", "ingest")
    until(lambda: post_log(town, token, log_request("hello")) == 200, "a new token never counted")
    token_command(town.folder, "revoke", name)
    until(lambda: post_log(town, token, log_request("hello")) == 401, "a revoked token never ceased to count")
    return token


def test_a_token_is_rotated_without_a_restart_on_connections_that_are_open(town):
    old = token_command(town.folder, "create", f"old-{fresh()}", "--kind", "ingest")
    new = token_command(town.folder, "create", f"new-{fresh()}", "--kind", "ingest")
    service = f"rotated {fresh()}"
    until(lambda: post_log(town, new, log_request("hello")) == 200, "a new token never counted")
    senders = [
        Exporters(town.house.address(PROTOCOLS[protocol]), protocol, headers=bearer(token))
        for protocol in PROTOCOLS
        for token in (old, new)
    ]
    sent = (spans(service), logs(service), metrics(service))
    for sender in senders:
        sender.send(*sent)

    token_command(town.folder, "revoke", token_format.claimed_id(old))
    until(lambda: post_log(town, old, log_request("hello")) == 401, "a revoked token never ceased to count")

    assert [sender.outcomes(*sent) == FAILURE for sender in senders] == [True, False, True, False]
    for sender in senders:
        sender.close()


def test_a_tokens_file_that_is_broken_shuts_nobody_out(town):
    file = town.folder / "tokens.yaml"
    whole = file.read_text()
    file.write_text(whole + "\n  - not: [a token")
    try:
        until(
            lambda: "identity.tokens_file" in "".join(town.house.errors[-3:]) or not post_ok(town), "nothing was said"
        )
        assert post_ok(town)
    finally:
        file.write_text(whole)


def post_ok(town):
    return post_log(town, town.tokens["shop"], log_request("hello")) == 200


# who asks


def test_a_reader_without_a_token_is_asked_for_one(town):
    for path in ("/api/v1/questions", "/api/v1/questions/recent_logs", SPOOL, "/api/v1/openapi.json"):
        status, answer = ask(town, path)
        assert (status, answer["error"]["code"]) == (401, "unauthenticated"), path
    assert ask(town, "/livez")[0] == ask(town, "/readyz")[0] == 200


def test_an_ingest_token_asks_nothing(town):
    assert ask(SimpleNamespace(house=town.house, tokens={"x": town.tokens["shop"]}), SPOOL, "x")[0] == 401


@pytest.mark.parametrize(
    ("reader", "status"), [("viewer", 403), ("spans-only", 403), ("east", 403), ("operator", 200), ("admin", 200)]
)
def test_the_operators_routes_are_for_operators_who_see_everything(town, reader, status):
    assert ask(town, SPOOL, reader)[0] == status
    assert ask(town, f"{SPOOL}/drain", reader, {})[0] == status
    assert ask(town, f"{SPOOL}/verify", reader, {})[0] == status
    assert ask(town, RETRY, reader, {"service": "nobody"})[0] == status


def test_a_reader_with_a_scope_sees_its_own_cluster_and_no_other(town):
    service = f"two-places-{fresh()}"
    for cluster in ("east", "west"):
        request = log_request(f"from {cluster}", service)
        attribute = request.resource_logs[0].resource.attributes.add(key="k8s.cluster.name")
        attribute.value.string_value = cluster
        assert post_log(town, town.tokens["shop"], request) == 200

    assert sorted(bodies(town, service=service)) == ["from east", "from west"]
    assert bodies(town, "east", service=service) == ["from east"]
    status, answer = ask(town, f"/api/v1/questions/recent_logs?service={service}&cluster=west", "east")
    assert (status, answer["error"]["code"]) == (403, "denied")
    status, answer = ask(town, "/api/v1/questions/recent_logs", "spans-only")
    assert (status, answer["error"]["code"]) == (403, "denied")


def run(town, reader, *words):
    token = town.folder / f"{reader}.token"
    token.write_text(town.tokens.get(reader, ""))
    url = town.house.address("REST")
    return CliRunner().invoke(cli, [*words, "--url", url, "--token-file", str(token)])


def test_commands_show_their_token_and_say_what_is_denied(town):
    asked = run(town, "viewer", "query", "recent_logs", "--limit", "1", "--format", "json")
    assert (asked.exit_code, len(json.loads(asked.stdout)["rows"])) == (0, 1)
    for words in (
        ["spool", "status"],
        ["spool", "drain"],
        ["spool", "verify"],
        ["deadletter", "retry", "--all", "--yes"],
    ):
        denied = run(town, "viewer", *words)
        assert (denied.exit_code, denied.stdout) == (2, "")
        assert "needs operator" in denied.stderr
    assert run(town, "operator", "spool", "status").exit_code == 0
    assert run(town, "shop", "spool", "status").exit_code == 2


# what the trail says


def trail(town):
    lines = (town.folder / "otelhouse-data" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_what_was_done_is_in_the_trail_and_in_clickhouse(town):
    assert post_log(town, token_format.mint(Kind.INGEST, "stranger"), log_request("hello")) == 401
    too_old = log_request("too old", "old")
    too_old.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = time.time_ns() - 400 * DAY
    assert post_log(town, town.tokens["shop"], too_old) == 200  # with partial success
    until(lambda: old_letters(town), "the letter was never written")
    retried = run(town, "operator", "deadletter", "retry", "--service", "old", "--yes")
    assert retried.exit_code == 1, retried.output
    assert "0 stored, 1 refused once more" in retried.stderr

    def is_told():
        return any(deed["action"] == "dead_letter.retried" and "old" in str(deed["details"]) for deed in trail(town))

    until(is_told, "the retry never came to the trail")
    deeds = trail(town)
    assert deeds[0]["action"] == "configuration.in_force"
    assert deeds[0]["details"]["identity.tokens_file"].startswith("tokens.yaml")
    refusals = {(deed["target"], deed["details"]["reason"]) for deed in deeds if deed["action"] == "sign_in.refused"}
    assert {("ingest", "missing"), ("ingest", "unknown"), ("ingest", "wrong_kind"), ("read", "missing")} <= refusals
    assert {"token.created", "token.revoked"} <= {deed["action"] for deed in deeds}
    (deed,) = (deed for deed in deeds if deed["action"] == "dead_letter.retried" and "old" in str(deed["details"]))
    assert (deed["actor"], deed["peer"], deed["details"]["refused"]) == ("operator", "127.0.0.1", "1")
    until(lambda: rows_of_trail(town) >= {(deed["action"], deed["actor"]) for deed in deeds}, "rows are missing")


def old_letters(town):
    listed = run(town, "operator", "deadletter", "list", "--service", "old", "--format", "json")
    assert listed.exit_code == 0, listed.output
    return json.loads(listed.stdout)["rows"]


def rows_of_trail(town):
    status, answer = ask(town, "/api/v1/questions/audit_log?limit=10000", "admin")
    assert status == 200, answer
    return {(row["action"], row["actor"]) for row in answer["rows"]}


def test_the_trail_is_for_admins_alone(town):
    for reader in ("viewer", "operator", "east"):
        assert ask(town, "/api/v1/questions/audit_log", reader)[0] == 403


# a house that asks nobody


@pytest.mark.parametrize("key", ["query.host", "ingest.grpc.host", "ingest.http.host"])
def test_a_door_that_the_network_reaches_and_that_asks_nobody_does_not_open(tmp_path, key):
    house = House(tmp_path, f"--set={key}={EVERYWHERE}")

    assert house.process.wait(WAIT) == 1
    house.end()
    said = "".join(house.errors)
    assert f"{key}: on {EVERYWHERE} anybody who reaches this machine could" in said
    for mend in ("127.0.0.1", "identity.tokens_file", "otelhouse token create", "identity.let_anyone_in: true"):
        assert mend in said


@pytest.fixture(scope="module")
def open_house(tmp_path_factory):
    """Reached by the network, and open to it on purpose."""
    hosts = [f"--set={key}={EVERYWHERE}" for key in ("query.host", "ingest.grpc.host", "ingest.http.host")]
    house = House(tmp_path_factory.mktemp("open"), "--set=identity.let_anyone_in=true", *hosts)
    try:
        yield SimpleNamespace(house=house.up(), tokens={})
    finally:
        house.end()


def test_it_opens_where_that_is_meant(open_house):
    assert post_log(open_house, "", log_request("hello", "anyone")) == 200
    assert bodies(open_house, service="anyone") == ["hello"]


def asked_as(town, host, origin=None, method="GET", path=SPOOL):
    connection = http.client.HTTPConnection("127.0.0.1", town.house.ports["REST"], timeout=WAIT)
    connection.request(method, path, headers={"host": host} | ({"origin": origin} if origin else {}))
    answer = connection.getresponse()
    status, told = answer.status, json.load(answer)
    connection.close()
    return status, told.get("error", {}).get("code", "")


def test_a_web_page_does_not_become_the_admin_of_a_house_that_asks_nobody(open_house):
    port = open_house.house.ports["REST"]
    own = f"127.0.0.1:{port}"

    assert asked_as(open_house, own) == (200, "")
    assert asked_as(open_house, f"localhost:{port}") == (200, "")
    assert asked_as(open_house, f"evil.example:{port}") == (403, "foreign_page")
    assert asked_as(open_house, own, "https://evil.example", "POST", f"{SPOOL}/drain") == (403, "foreign_page")
    assert asked_as(open_house, own, f"http://{own}", "POST", f"{SPOOL}/drain") == (200, "")
    assert asked_as(open_house, "evil.example", path="/livez") == (200, "")
