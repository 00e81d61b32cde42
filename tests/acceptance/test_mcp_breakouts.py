"""Ways out of `run_select_query`, over both doors; none may write, see more, reach outside, or go on without end.

Each statement is sent by an admin, for whom nothing but the window and the engine stands in the way.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from agents_scene import LEAK, PASSWORD, Scene
from running_house import WAIT

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]

FILE = "@FILE@"
"""Stands for a file with a secret, which the house's own user may read."""
PORT = "@PORT@"
"""Stands for a port of this machine, on which somebody listens for whoever comes."""

WRITES = [
    "INSERT INTO otel_logs (Body) VALUES ('x')",
    "INSERT INTO otel_logs SELECT * FROM otel_logs",
    "INSERT INTO FUNCTION file('x.csv') SELECT 1",
    "DELETE FROM otel_logs WHERE 1",
    "ALTER TABLE otel_logs DELETE WHERE 1",
    "ALTER TABLE otel_logs DROP COLUMN Body",
    "UPDATE otel_logs SET Body = '' WHERE 1",
    "TRUNCATE TABLE otel_logs",
    "DROP TABLE otel_logs",
    "DROP DATABASE default",
    "RENAME TABLE otel_logs TO gone",
    "CREATE TABLE mine (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a UInt8)",
    "CREATE VIEW mine AS SELECT * FROM otel_audit",
    "CREATE FUNCTION mine AS (x) -> x",
    "CREATE USER mine",
    "CREATE DICTIONARY mine (a UInt8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)",
    "GRANT ALL ON *.* TO default",
    "OPTIMIZE TABLE otel_logs FINAL",
    "SYSTEM SHUTDOWN",
    "SYSTEM STOP MERGES",
    "KILL QUERY WHERE 1",
    "ATTACH TABLE otel_logs",
    "DETACH TABLE otel_logs",
    "EXCHANGE TABLES otel_logs AND otel_traces",
    "BACKUP TABLE otel_logs TO File('x')",
    "SET readonly = 0",
    "SET ROLE otelhouse",
    "USE system",
    "EXPLAIN SELECT 1",
    "SHOW GRANTS",
    "DESCRIBE TABLE otel_logs",
    "WATCH otel_logs",
]

STACKED = [
    "SELECT 1; DROP TABLE otel_logs",
    "SELECT 1;\nTRUNCATE TABLE otel_logs;",
    "SELECT 1 /* ; */; INSERT INTO otel_logs (Body) VALUES ('x')",
    "SELECT 1 -- \n; DROP TABLE otel_logs",
    "SELECT '1'';--'; DROP TABLE otel_logs",
    "SELECT 1 PARALLEL WITH DROP TABLE otel_logs",
    "SELECT $$;$$; DROP TABLE otel_logs",
    "DROP/**/TABLE/**/otel_logs",
    "/* SELECT */ DROP TABLE otel_logs",
    "SELECT 1) UNION ALL SELECT 2; DROP TABLE otel_logs --",
]

SETTINGS = [
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT count() FROM otel_logs SETTINGS max_execution_time = 0, max_memory_usage = 0",
    "SELECT * FROM (SELECT sleepEachRow(1) FROM otel_logs SETTINGS max_execution_time = 0)",
    "SELECT (SELECT getSetting('max_execution_time') SETTINGS max_execution_time = 10000)",
    "WITH x AS (SELECT count() FROM otel_logs SETTINGS max_bytes_to_read = 0) SELECT * FROM x",
    "SELECT count() FROM otel_logs SETTINGS additional_table_filters = {'otel_logs': '1'}",
    "SELECT * FROM otel_logs SETTINGS/**/readonly=0",
    "SELECT {x:String}",
]

OUTSIDE = [
    "SELECT * FROM url('http://127.0.0.1:@PORT@/x', 'LineAsString', 'a String')",
    "SELECT * FROM urlCluster('default', 'http://127.0.0.1:@PORT@/x', 'LineAsString', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:@PORT@/b/k', 'LineAsString', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:@PORT@/b/k', NOSIGN, 'LineAsString', 'a String')",
    "SELECT * FROM gcs('http://127.0.0.1:@PORT@/b/k', 'LineAsString', 'a String')",
    "SELECT * FROM remote('127.0.0.1:@PORT@', system, one)",
    "SELECT * FROM remoteSecure('127.0.0.1:@PORT@', system, one)",
    "SELECT * FROM mysql('127.0.0.1:@PORT@', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:@PORT@', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('127.0.0.1:@PORT@', 'd', 'c', 'u', 'p', 'a String')",
    "SELECT * FROM redis('127.0.0.1:@PORT@', 'k', 'k String')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:@PORT@/x', 'LineAsString', 'a String')",
    "SELECT * FROM azureBlobStorage('http://127.0.0.1:@PORT@/', 'c', 'b', 'LineAsString', 'a String')",
    "SELECT * FROM jdbc('jdbc:x://127.0.0.1:@PORT@', 't')",
    "SELECT * FROM odbc('DSN=x;Server=127.0.0.1,@PORT@', 'd', 't')",
    "SELECT * FROM iceberg('http://127.0.0.1:@PORT@/b/k')",
    "SELECT * FROM deltaLake('http://127.0.0.1:@PORT@/b/k')",
    "SELECT hasColumnInTable('127.0.0.1:@PORT@', 'u', 'p', 'd', 't', 'c')",
    "SELECT * FROM otel_logs WHERE Body IN (SELECT a FROM url('http://127.0.0.1:@PORT@/x', 'CSV', 'a String'))",
    "SELECT (SELECT count() FROM url('http://127.0.0.1:@PORT@/x', 'LineAsString', 'a String'))",
    "WITH x AS (SELECT * FROM url('http://127.0.0.1:@PORT@/x', 'LineAsString', 'a String')) SELECT * FROM x",
    "SELECT * FROM otel_logs AS l JOIN url('http://127.0.0.1:@PORT@/x', 'CSV', 'a String') AS u ON l.Body = u.a",
    "SELECT aiGenerate('http://127.0.0.1:@PORT@', 'x')",
    "SELECT * FROM executable('x.sh', 'TSV', 'a String')",
    "SELECT * FROM cluster('default', system, one)",
    "SELECT 1 INTO OUTFILE '@FILE@.out'",
    "SELECT 1 INTO OUTFILE '@FILE@.out' TRUNCATE FORMAT CSV",
]

FILES = [
    "SELECT file('@FILE@')",
    "SELECT * FROM file('@FILE@', 'LineAsString', 'a String')",
    "SELECT * FROM fileCluster('default', '@FILE@', 'LineAsString', 'a String')",
    "SELECT * FROM sqlite('@FILE@', 't')",
    "SELECT arrayMap(x -> file('@FILE@'), [1])",
    "SELECT * APPLY(file) FROM (SELECT '@FILE@' AS a)",
    "SELECT catboostEvaluate('@FILE@', 1)",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM filesystem('/')",
    "SELECT file('/etc/passwd')",
]

SECRETS = [
    "SELECT * FROM otel_audit",
    "SELECT * FROM default.otel_audit",
    "SELECT * FROM otel_dead_letters",
    "SELECT * FROM otel_schema_migrations",
    "SELECT * FROM otel_logs WHERE Body IN otel_audit",
    "SELECT * FROM otel_logs WHERE Body IN (SELECT Details FROM otel_audit)",
    "SELECT * FROM merge('default', 'otel_.*')",
    "SELECT * FROM merge(REGEXP('.*'), 'otel_audit')",
    "SELECT * FROM system.users",
    "SELECT * FROM system.query_log",
    "SELECT query FROM system.processes",
    "SELECT * FROM system.settings",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.grants",
    "SELECT * FROM system.tables",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.clusters",
    "SELECT * FROM system.macros",
    "SELECT * FROM system.dictionaries",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT dictGet('default.d', 'a', 1)",
    "SELECT * FROM dictionary('d')",
    "SELECT joinGet('default.otel_audit', 'Action', 1)",
    "SELECT getSetting('max_execution_time')",
    "SELECT getServerSetting('path')",
    "SELECT currentUser(), currentRoles(), currentProfiles()",
    "SELECT hostName(), serverUUID(), tcpPort(), getMacro('x')",
    "SELECT showCertificate()",
    "SELECT addressToLine(1)",
    "SELECT * FROM `default`.`otel_audit`",
    'SELECT * FROM "otel_audit"',
    "WITH otel_audit AS (SELECT 1) SELECT * FROM otel_audit, default.otel_audit",
    "SELECT * FROM loop(otel_audit)",
    "SELECT * FROM mergeTreeIndex('default', 'otel_audit')",
    "SELECT * FROM viewIfPermitted(SELECT * FROM otel_audit ELSE null('a String'))",
    "SELECT * FROM view(SELECT * FROM otel_audit)",
    "SELECT eval('SELECT 1')",
]

REFUSED = [*WRITES, *STACKED, *SETTINGS, *OUTSIDE, *FILES, *SECRETS]

HEAVY = [
    (
        "SELECT sum(a.SeverityNumber * b.SeverityNumber) FROM otel_logs a, otel_logs b, otel_logs c, otel_logs d, "
        "otel_logs e, otel_logs f, otel_logs g, otel_logs h, otel_logs i"
    ),
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT concat(s, s) FROM r) SELECT max(length(s)) FROM r",
    "SELECT length(groupArray(repeat(Body, 1000000))[1]) FROM otel_logs",
    "SELECT repeat(repeat('x', 1000000), 1000000)",
    "SELECT arrayJoin(range(1000000000)) AS n ORDER BY n",
    (
        "SELECT count() FROM (SELECT arrayJoin(range(100000)) AS a) AS x, (SELECT arrayJoin(range(100000)) AS b) AS y,"
        " (SELECT arrayJoin(range(100000)) AS c) AS z WHERE x.a + y.b + z.c < 0"
    ),
    "SELECT groupArray(a.Body) FROM otel_logs AS a, (SELECT arrayJoin(range(10000000))) AS b GROUP BY rand()",
    "SELECT randomString(100000000) FROM otel_logs",
    "SELECT * FROM otel_logs ORDER BY arrayStringConcat(arrayMap(x -> toString(rand(x)), range(10000000)))",
]
"""Without end, or with too much; each is stopped by the engine or bounded in what it gives."""


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def scene(request, tmp_path_factory):
    scene = Scene(request.param, tmp_path_factory.mktemp("breakouts"))
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def listener():
    """Somebody outside, to whom nobody may come."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.settimeout(0.2)
        stop = threading.Event()

        def listen():
            while not stop.is_set():
                try:
                    connection, peer = bound.accept()
                except TimeoutError:
                    continue
                came.append(peer)
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield bound.getsockname()[1], came
        stop.set()
        thread.join()


def filled(scene, listener, statement):
    return statement.replace(FILE, str(scene.secret_file)).replace(PORT, str(listener[0]))


def test_there_are_as_many_ways_out_as_the_docs_tell():
    page = " ".join((Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8").split())

    assert f"tries {len(set(REFUSED + HEAVY))} ways out over both doors" in page
    assert f"and {len(set(LOCKED_BY_THE_ENGINE))} straight at the engine" in page
    assert len(set(REFUSED + HEAVY)) >= 130


@pytest.mark.parametrize("statement", REFUSED)
def test_no_statement_gets_out(scene, listener, statement):
    before = scene.stores_rows()

    answer = scene.reader("all").sql(filled(scene, listener, statement))

    assert answer["isError"] is True, answer
    assert answer["structuredContent"]["error"]["code"] in {"bad_parameter", "denied"}
    assert_nothing_leaks(answer, statement)
    assert listener[1] == []
    assert scene.stores_rows() == before
    assert not scene.secret_file.with_name("secret.txt.out").exists()


@pytest.mark.parametrize("statement", HEAVY)
def test_no_statement_goes_on_without_end_or_takes_all_memory(scene, statement):
    began = time.monotonic()

    answer = scene.reader("all").sql(statement)

    assert time.monotonic() - began < 30
    assert answer["isError"] is True or len(json.dumps(answer)) < 100_000, answer
    if answer["isError"]:
        assert answer["structuredContent"]["error"]["code"] in {"limit_exceeded", "bad_parameter", "busy"}, answer
    assert scene.house.get("/livez")[0] == 200


def test_an_unbounded_result_is_bounded(scene):
    answer = scene.reader("all").sql("SELECT arrayJoin(range(5000000)) AS n", limit=1000, max_tokens=15000)

    assert answer["isError"] is False
    (table,) = answer["structuredContent"]["tables"]
    assert len(table["rows"]) <= 1000
    assert table["more"] is True
    assert len(json.dumps(answer)) < 120_000


def assert_nothing_leaks(answer, statement):
    text = json.dumps(answer)
    assert LEAK not in text
    assert PASSWORD not in text
    assert "root:x:0" not in text
    assert "hunter2222" not in text
    assert "otelhouse_agent" not in text


def test_what_is_harmless_is_answered(scene):
    harmless = [
        "SELECT count() AS n FROM otel_logs",
        "SELECT ServiceName, countIf(SeverityNumber >= 17) AS errors FROM default.otel_logs GROUP BY ServiceName",
        "WITH e AS (SELECT * FROM otel_logs WHERE SeverityNumber >= 17) SELECT ServiceName, count() FROM e GROUP BY 1",
        "SELECT toStartOfMinute(Timestamp) AS m, uniqExact(TraceId) FROM otel_logs GROUP BY m ORDER BY m LIMIT 5",
        "SELECT quantileTDigest(0.95)(length(Body)), any(ResourceAttributes['k8s.cluster.name']) FROM otel_logs",
        "SELECT * FROM otel_logs WHERE TraceId IN (SELECT TraceId FROM otel_traces) FORMAT JSON",
        "SELECT row_number() OVER (PARTITION BY ServiceName ORDER BY Timestamp) AS n FROM otel_logs LIMIT 3",
        "SELECT l.Body FROM otel_logs AS l LEFT JOIN otel_traces AS t ON l.TraceId = t.TraceId LIMIT 1",
        "SELECT count() FROM otel_logs UNION ALL SELECT count() FROM otel_traces",
    ]

    for statement in harmless:
        answer = scene.reader("all").sql(statement)
        assert answer["isError"] is False, answer


def test_secrets_in_rows_are_masked(scene):
    answer = scene.reader("all").sql("SELECT Body FROM otel_logs WHERE ServiceName = 'shop-east' LIMIT 2")

    assert "password: ********" in answer["content"][0]["text"]
    assert "hunter2222" not in json.dumps(answer)


# These the engine lets pass and makes nothing of: a SYSTEM over all tables leaves out those without a right, `merge`
# reads the tables with one, `viewIfPermitted` gives its other half; KILL ends the user's own.
_WITHOUT_EFFECT = ("SYSTEM STOP", "KILL", "SELECT * FROM merge(", "SELECT * FROM viewIfPermitted", "EXPLAIN", "SHOW")
_WITHOUT_HARM = ("DESCRIBE", "SET ROLE", "USE", "WATCH")
LOCKED_BY_THE_ENGINE = [
    *(one for one in WRITES if not one.startswith((*_WITHOUT_EFFECT, *_WITHOUT_HARM))),
    *(one for one in OUTSIDE if one.startswith("SELECT * FROM ") and "otel_logs" not in one),
    *(one for one in SECRETS if one.startswith("SELECT * FROM otel_") and "otel_logs" not in one),
    "SELECT * FROM system.users",
    "SELECT * FROM system.grants",
    "SELECT * FROM mergeTreeIndex('default', 'otel_audit')",
    "SELECT * FROM loop(otel_audit)",
    "SELECT * FROM file('@FILE@', 'LineAsString', 'a String')",
]

PAST_THE_CHECK = """
import json, sys
from pathlib import Path
from store.errors import StoreError
from store.opening import open_reader, open_store
from store.port import Limits, Select
from store.settings import StoreSettings

asked = json.load(sys.stdin)
if asked["url"]:
    holder = None
    settings = StoreSettings(url=asked["url"], username="otelhouse_agent", password=asked["password"])
else:
    settings = StoreSettings(path=Path(asked["path"]))
    holder = open_store(settings, readable=["otel_logs"])
    holder.select(Select("CREATE TABLE otel_logs (Body String) ENGINE = MergeTree ORDER BY Body"))
    holder.select(Select("CREATE TABLE otel_audit (Action String) ENGINE = MergeTree ORDER BY Action"))
reader = open_reader(settings)
went = []
for statement in asked["statements"]:
    try:
        reader.select(Select(statement, limits=Limits(seconds=3)))
        went.append(statement)
    except StoreError:
        pass
reader.select(Select("SELECT count() FROM otel_logs", limits=Limits(seconds=3)))
print(json.dumps(went))
reader.close()
if holder:
    holder.close()
"""


def test_the_engine_refuses_by_itself_what_the_check_would_not_let_through(scene, listener, tmp_path):
    """Past our check, straight to the engine: rights and profile, or the session's role, are a lock of their own."""
    asked = {
        "url": scene.server.url if scene.server else "",
        "password": PASSWORD,
        "path": str(tmp_path / "engine"),
        "statements": [filled(scene, listener, one) for one in LOCKED_BY_THE_ENGINE],
    }

    done = subprocess.run(
        [sys.executable, "-c", PAST_THE_CHECK], input=json.dumps(asked), cwd=ROOT, capture_output=True, text=True,
        timeout=WAIT, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert len(LOCKED_BY_THE_ENGINE) >= 45
    assert listener[1] == []
