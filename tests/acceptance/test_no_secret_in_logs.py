"""No credential is found again in anything that a house writes: its log, its output, its audit trail, its figures, its
files, ClickHouse's tables; whatever door it came to, wherever it stood, whether it counted or not.
"""

import json
import signal
import subprocess
import urllib.request

import credentials_everywhere as everywhere
import grpc
import pytest
from otlp_requests import log_request
from running_house import ON_SERVER, WAIT, House, command, environment

from store.opening import open_store
from store.port import Limits, Select

WINDOW = ("/", "/api/v1/questions/recent_logs", "/api/v1/questions", "/metrics", "/livez", "/v1/logs")


class Evidence:
    """What one house wrote and said, after everything was sent to it."""

    def __init__(self, mint):
        self.mint = mint
        self.written = {}
        self.audit = []
        self.answered = {}


def token_of(folder, token_id, *words):
    done = subprocess.run(
        command("token", "create", token_id, *words, "--file", str(folder / "tokens.yaml")),
        env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


def get(house, path, token):
    request = urllib.request.Request(house.address("REST") + path, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        return answer.read().decode()


def send(house, token):
    headers = {"authorization": f"Bearer {token}", "content-type": "application/x-protobuf"}
    body = log_request("hello", "quiet").SerializeToString()
    url = house.address("OTLP/HTTP") + "/v1/logs"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=WAIT) as answer:
        return answer.status


def ended(house):
    """Stop the house and give the rest of what it says on standard output."""
    house.process.send_signal(signal.SIGTERM)
    house.process.wait(WAIT)
    rest = house.process.stdout.read()
    assert house.end() == 0
    return rest


def drained(folder, settings):
    """Bring to ClickHouse what a busy machine left in the spool at the stop, and give what the command says."""
    done = subprocess.run(
        command("spool", "drain", *settings, "--set=query.port=1"),
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def everything(evidence, house, ingest, read):
    """Send good and bad to all ports."""
    mint = evidence.mint
    evidence.answered["OTLP/HTTP good"] = send(house, ingest)
    evidence.answered["OTLP/HTTP"] = everywhere.over_http(house, "OTLP/HTTP", ("/v1/logs", "/v1/traces"), mint)
    evidence.answered["gRPC"] = everywhere.over_grpc(house, mint, ingest)
    evidence.answered["REST"] = everywhere.over_http(house, "REST", WINDOW, mint)
    evidence.written["question's answer"] = get(house, "/api/v1/questions/recent_logs?service=quiet", read)
    evidence.written["metrics"] = get(house, "/metrics", read)


def tables(database):
    """Every row of every table as text."""
    store = open_store(database)
    names = [
        row[0] for row in store.select(Select("SELECT name FROM system.tables WHERE database = currentDatabase()")).rows
    ]
    found = {}
    for name in names:
        if "mv" not in name.split("_") and not name.startswith(("otlp_", "otel_k8s_event_records")):
            rows = store.select(Select(f"SELECT * FROM {name}", limits=Limits(rows=100_000))).rows  # noqa: S608 - ours
            found[name] = "\n".join(map(str, rows))
    store.close()
    return found


@pytest.fixture(scope="module")
def evidence(database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    evidence = Evidence(everywhere.Secrets())
    ingest, said = token_of(folder, "shop", "--kind", "ingest")
    read, said_too = token_of(folder, "anna", "--kind", "read", "--role", "admin")
    evidence.written["otelhouse token"] = said + said_too
    for what, token in (("known ingest token", ingest), ("known read token", read)):
        evidence.mint.known(what, token)
    place = ("--clickhouse", database.url, f"--set=store.database={database.database}") if database else ()
    values = {
        "log.level": "debug",
        "log.format": "json" if database else "text",
        "identity.tokens_file": folder / "tokens.yaml",
        "identity.audit.file": "audit.jsonl",
        "ingest.spool.path": "spool",
    }
    settings = (*place, *(f"--set={name}={value}" for name, value in values.items()))
    house = House(folder, *settings)
    try:
        everything(evidence, house.up(), ingest, read)
        evidence.written["standard output"] = ended(house)
    finally:
        house.end()
    evidence.written["otelhouse spool drain"] = drained(folder, settings)
    evidence.written["standard error"] = "".join(house.errors)
    evidence.written |= {str(path): path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()}
    evidence.written |= tables(database) if database else {}
    evidence.audit = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    return evidence


def test_good_credentials_were_let_in_and_bad_ones_were_not(evidence):
    answered = evidence.answered
    assert answered["OTLP/HTTP good"] == 200
    assert "hello" in evidence.written["question's answer"]
    assert 200 not in answered["OTLP/HTTP"]
    assert set(answered["OTLP/HTTP"]) >= {401, 429}
    assert {401, 429} <= set(answered["REST"]) <= {200, 400, 401, 404, 405, 413, 415, 429}
    # The good one alone, and then a path that does not exist.
    assert answered["gRPC"].count(grpc.StatusCode.OK) == 1
    assert answered["gRPC"][-2] == grpc.StatusCode.OK
    assert grpc.StatusCode.UNAUTHENTICATED in answered["gRPC"]


def test_every_secret_that_was_sent_is_found_nowhere(evidence):
    assert len(evidence.mint.made) > 100
    found = [
        f"{what} is in {where}: ...{text[max(0, text.index(secret) - 80) : text.index(secret) + 20]!r}"
        for where, text in evidence.written.items()
        for secret, what in evidence.mint.made.items()
        if secret in text
    ]
    assert found == []


def test_the_house_told_of_the_refusals_all_the_same(evidence):
    log = evidence.written["standard error"].lower()
    assert "debug" in log
    refused = [deed for deed in evidence.audit if deed["action"].startswith("sign_in")]
    assert sum(deed["times"] for deed in refused) > 50
    assert {deed["peer"] for deed in refused} <= {"127.0.0.1", "(several)"}
    assert evidence.audit[0]["action"] == "configuration.in_force"


@ON_SERVER
def test_clickhouse_has_the_audit_trail(evidence):
    missing = [deed["id"] for deed in evidence.audit if deed["id"] not in evidence.written["otel_audit"]]
    assert missing == []
