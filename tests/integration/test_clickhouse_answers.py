"""ClickHouse by itself, configured by `otelhouse handlers export`, against REST: the same values."""

import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import pytest
from answers import NOON
from asgi_client import Client
from prometheus_client import CollectorRegistry
from scoped_world import ASKED, PLACES, WINDOW, more_to_tell, rows

import ready_tables
from bench.clickhouse_server import ClickHouseServer
from query.desk import Desk
from query.rest import build_app
from query.settings import QuerySettings
from sql import http_handlers, predefined, scopes
from sql.catalogue import load_catalogue, read_question
from sql.http_handlers import ReadingUser
from sql.parameter import read_time
from sql.settings import RetentionSettings, SchemaSettings
from store.opening import open_store
from store.port import Insert, Select, Store
from store.settings import StoreSettings

CATALOGUE = load_catalogue()
OFFERED = {name: one for name, one in CATALOGUE.items() if "clickhouse" in one.doors}
PASSWORD = "of the reader"
READER = ReadingUser(password_sha256=sha256(PASSWORD.encode()).hexdigest(), database="telemetry", seconds=10.0)
# What the process of the test's server needs beside it.
OWN_USER = """
    <users>
        <default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </default>"""
OWN_SOURCE = (
    "<user_directories><users_xml><path>config.xml</path></users_xml></user_directories><quotas><default/></quotas>"
)

METRICS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
TIMES = {"otel_logs": "Timestamp", "otel_traces": "Timestamp"}
TIMES |= {f"otel_metrics_{kind}": "TimeUnix" for kind in METRICS}
JUST_NOW = """
INSERT INTO {table}
SELECT * REPLACE ({column} + toIntervalSecond(toUnixTimestamp(now()) - {end}) AS {column}) FROM {table}
"""
"""All again, as far before now as it was before the end of the window of these tests."""
MANY_EVENTS = """
INSERT INTO otel_logs (Timestamp, Body, LogAttributes, ResourceAttributes)
SELECT now64(9) - number, 'it', map('k8s.event.reason', 'Pulled', 'k8s.event.uid', toString(number)),
    map('k8s.object.kind', 'Pod', 'k8s.object.name', 'p', 'krateo.composition.id', 'many') FROM numbers(70)
"""
MOMENTS = """\
-- name: moments
-- summary: Says when.
-- description: Says when.
-- doors: clickhouse
-- signals: none
-- limit rows: 1
-- limit seconds: 1
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2h
--   help: When.
-- column moment: Int64
--   help: It.
SELECT toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')}) AS moment
"""


@dataclass(frozen=True)
class Two:
    """The two that answer."""

    http_port: int
    rest: Client
    store: Store

    def clickhouse(self, path: str, password: str = PASSWORD) -> tuple[int, str]:
        headers = {"X-ClickHouse-User": READER.name, "X-ClickHouse-Key": password}
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    # One file, where a server of its own has two folders.
    parts = http_handlers.routes(CATALOGUE), http_handlers.reader(CATALOGUE, READER)
    routes, user = (part.partition("<clickhouse>")[2].partition("</clickhouse>")[0] for part in parts)
    config = f"<clickhouse>{routes}{user}</clickhouse>"
    config = config.replace("    <users>", OWN_SOURCE + OWN_USER).replace("    <profiles>", "    <profiles><default/>")
    with ClickHouseServer(config) as server:
        outside = open_store(StoreSettings(url=server.url))
        outside.select(Select("CREATE DATABASE telemetry"))
        outside.close()
        store = open_store(StoreSettings(url=server.url, database="telemetry"))
        keep = RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0)
        ready_tables.make(store, SchemaSettings(retention=keep, fsync_inserts=False))
        for place in PLACES:
            for table, lines in [*rows(place).items(), *more_to_tell(place).items()]:
                chunks = [json.dumps(line).encode() + b"\n" for line in lines]
                store.insert(Insert(table, "JSONEachRow", chunks))
        for table, column in TIMES.items():
            store.select(Select(JUST_NOW.format(table=table, column=column, end=NOON + 600)))
        store.select(Select(MANY_EVENTS))
        desk = Desk(store, CATALOGUE, QuerySettings())
        app = build_app(desk, {}, CollectorRegistry())
        client = Client(app)
        yield Two(server.http_port, client, store)
        client.close()
        app.state.readiness.close()
        desk.close()
        store.close()


def path(question: str, parameters: Mapping[str, object]) -> str:
    return f"/api/v1/questions/{question}?{urllib.parse.urlencode(parameters)}"


def same(here, there, apart: float = 1e-12) -> bool:
    """Numbers by value, all else as it stands."""
    if isinstance(here, float) or isinstance(there, float):
        return math.isclose(here, there, rel_tol=1e-9, abs_tol=apart)
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(same(value, there[key], apart) for key, value in here.items())
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(same(*both, apart) for both in zip(here, there, strict=True))
    if apart > 1 and all(isinstance(one, str) and one.endswith("Z") for one in (here, there)):
        moments = [datetime.fromisoformat(one[:26]) for one in (here, there)]
        return abs((moments[0] - moments[1]).total_seconds()) < apart
    return type(here) is type(there) and here == there


def needed(name: str) -> Mapping[str, object]:
    return {one.name: one.example for one in OFFERED[name].parameters if one.default is None}


WAYS = [(name, {**needed(name), **one}) for name in OFFERED for one in ASKED.get(name, [{}])]


@pytest.mark.parametrize(("name", "parameters"), WAYS, ids=str)
def test_clickhouse_answers_each_question_with_the_values_that_rest_gives(two, name, parameters):
    window = {key: value for key, value in WINDOW.items() if OFFERED[name].parameter(key)}
    asked = path(name, {**window, **parameters})

    status, body = two.clickhouse(asked)
    told = two.rest.get(asked)

    assert (status, told.status) == (200, 200), body[:2000]
    assert told.json["rows"]
    assert same(json.loads(body)["data"], told.json["rows"])


def test_what_the_canary_sent_is_left_out_here_too(two):
    moment = "2026-01-01T00:00:00Z"
    row = {"Timestamp": moment, "Body": "synthetic", "ServiceName": scopes.SYNTHETIC}
    best_effort = {"date_time_input_format": "best_effort"}
    two.store.insert(Insert("otel_logs", "JSONEachRow", [json.dumps(row).encode()], settings=best_effort))
    asked = path("recent_logs", {"since": moment, "until": "2026-01-01T00:00:01Z"})

    assert two.store.select(Select("SELECT count() FROM otel_logs WHERE Body = 'synthetic'")).rows == [(1,)]
    status, body = two.clickhouse(asked)
    assert (status, json.loads(body)["data"]) == (200, [])
    assert two.rest.get(asked).json["rows"] == []


@pytest.mark.parametrize("name", OFFERED)
def test_what_is_not_said_means_the_same_to_both(two, name):
    must = needed(name)
    must = {**must, **{key: value for key, value in ASKED.get(name, [{}])[0].items() if key in must}}

    status, body = two.clickhouse(path(name, must))
    told = two.rest.get(path(name, must))

    assert (status, told.status) == (200, 200), body[:2000]
    assert told.json["rows"]
    # Each reckons from its own now, a moment apart.
    assert same(json.loads(body)["data"], told.json["rows"], apart=5.0)


@pytest.mark.parametrize(
    "moment",
    ["now", "90m", "1h30m", "1w2d", "1767268800", "1767268800.5", "1767268800123", "1767268800123456789",
     "2026-01-01T12:00:00Z", "2026-01-01T13:00:00.123456789+01:00", "2026-01-01 12:00:00Z"],
)  # fmt: skip
def test_a_moment_may_be_written_as_for_rest(two, moment):
    sql = predefined.statement(read_question("moments.sql", MOMENTS))
    begun = time.time_ns()
    answer = two.store.select(Select(sql, {"since": moment}))

    assert abs(int(answer.rows[0][0]) - read_time(moment, begun)) < (5 * 10**9 if moment[-1] in "wmd" else 1)


@pytest.mark.parametrize(
    ("name", "parameters", "mend"),
    [
        ("recent_logs", {"limit": 0}, "`limit`: give a whole number from 1 to 10000"),
        ("recent_logs", {"limit": 10_001}, "`limit`: give a whole number from 1 to 10000"),
        ("recent_logs", {"limit": "many"}, "many"),
        ("recent_logs", {"since": "yesterday"}, "`since`: give RFC 3339"),
        ("recent_logs", {"since": "2026-13-01T00:00:00Z"}, "`since`: give RFC 3339"),
        ("recent_logs", {"min_severity": "loud"}, "loud"),
        ("memory_pressure", {"share": "70"}, "`share`: give a number from"),
        ("trace", {}, "trace_id"),
    ],
)
def test_a_value_that_rest_refuses_is_no_empty_answer_here_either(two, name, parameters, mend):
    status, body = two.clickhouse(path(name, parameters))

    assert status in range(400, 600)
    assert mend in body
    assert two.rest.get(path(name, parameters)).status == 400


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE otel_logs; --", "x' OR '1'='1", "{limit:UInt32}", "%", "a&b=c", "</query>"]
)
def test_a_value_is_data(two, value):
    asked = path("recent_logs", {"service": value, **WINDOW})

    status, body = two.clickhouse(asked)

    assert (status, json.loads(body)["data"]) == (200, [])


# the routes of the Krateo stack


OF_SHOP = ["/events/shop-1", "/events?composition_id=shop-1", "/events?composition_id=shop-1&limit=50"]


@pytest.mark.parametrize("route", OF_SHOP)
def test_the_events_of_a_composition_come_as_the_original_stack_gives_them(two, route):
    status, body = two.clickhouse(route)
    told = json.loads(body)["data"]
    (restarted,) = [event for event in told if event["obj_kind"] == "Pod"]

    assert status == 200
    assert list(restarted)[:9] == [
        "obj_name", "obj_namespace", "obj_uid", "obj_kind", "reason", "message", "type", "eventTime",
        "source_component",
    ]  # fmt: skip
    assert restarted | {"eventTime": ""} == {
        "obj_name": "pod-plain", "obj_namespace": "payments", "obj_uid": "pod of plain", "obj_kind": "Pod",
        "reason": "BackOffplain", "message": "plain restarts", "type": "Warning", "eventTime": "",
        "source_component": "", "obj_api_version": "", "composition_id": "shop-1",
    }  # fmt: skip
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", restarted["eventTime"])


def columns_of(event):
    """An event as REST gives it to the portal, in the columns that ClickHouse gives."""
    about = event["involvedObject"]
    assert event["metadata"] == {
        "name": about["name"], "namespace": about["namespace"], "uid": about["uid"],
        "creationTimestamp": event["eventTime"],
    }  # fmt: skip
    assert event["firstTimestamp"] == event["lastTimestamp"] == event["eventTime"]
    return {
        "obj_name": about["name"],
        "obj_namespace": about["namespace"],
        "obj_uid": about["uid"],
        "obj_kind": about["kind"],
        "reason": event["reason"],
        "message": event["message"],
        "type": event["type"],
        "eventTime": event["eventTime"],
        "source_component": event["source"]["component"],
        "obj_api_version": about["apiVersion"],
        "composition_id": event["compositionId"],
    }


@pytest.mark.parametrize(
    ("route", "count"),
    [(route, 2) for route in OF_SHOP]
    + [
        ("/events?composition_id=pod%20of%20plain", 1),
        ("/events/many?limit=50", 50),
        ("/events?composition_id=many&limit=60", 60),
    ],
)
def test_the_events_of_a_composition_are_those_that_rest_gives_by_the_same_path(two, route, count):
    status, body = two.clickhouse(route)
    told = two.rest.get(route)

    assert (status, told.status) == (200, 200), body[:2000]
    assert len(told.json) == count
    assert json.loads(body)["data"] == [columns_of(event) for event in told.json]


def test_fifty_events_are_given_unless_more_are_asked_for(two):
    counts = [
        len(json.loads(two.clickhouse(f"/events?composition_id=many{more}")[1])["data"]) for more in ("", "&limit=60")
    ]

    assert counts == [50, 60]


def test_an_id_has_to_be_given_as_it_always_had_to_be(two):
    status, body = two.clickhouse("/events")

    assert status in range(400, 600)
    assert "composition_id" in body


def test_a_composition_that_nobody_knows_has_no_events(two):
    assert json.loads(two.clickhouse("/events/nobody")[1])["data"] == []


def test_ping_is_answered_without_a_password(two):
    with urllib.request.urlopen(f"http://127.0.0.1:{two.http_port}/ping", timeout=30) as answer:
        assert (answer.status, answer.read()) == (200, b"Ok.\n")


def test_the_default_routes_are_still_there(two):
    assert two.clickhouse(f"/?{urllib.parse.urlencode({'query': 'SELECT 1'})}") == (200, "1\n")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO otel_logs (Body) VALUES ('x')",
        "DROP TABLE otel_logs",
        "CREATE TABLE t (n UInt8) ENGINE = Memory",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT * FROM default.t",
    ],
)
def test_the_reader_reads_its_database_and_does_nothing_else(two, statement):
    status, _ = two.clickhouse(f"/?{urllib.parse.urlencode({'query': statement})}")

    assert status in range(400, 600)


def test_a_wrong_password_is_refused(two):
    status, _ = two.clickhouse("/events/shop-1", password="wrong")

    assert status in {401, 403}


def test_a_question_that_takes_too_long_is_ended_by_the_engine(two):
    slow = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"

    status, body = two.clickhouse(f"/?{urllib.parse.urlencode({'query': slow})}")

    assert status in range(400, 600)
    assert "TIMEOUT_EXCEEDED" in body
