"""What a reader with a scope sees through `run_select_query`: its part alone, whatever the statement is made of."""

import json

import pytest
from agents_scene import LEAK, Scene

pytestmark = pytest.mark.timeout(400)

NARROWED = [
    "SELECT count() FROM otel_logs",
    "SELECT * FROM otel_logs",
    "SELECT Body FROM otel_logs WHERE ServiceName = 'shop-west'",
    "SELECT Body FROM (SELECT * FROM otel_logs) AS x",
    "SELECT a.Body FROM otel_logs AS a JOIN otel_logs AS b ON 1 = 1 LIMIT 5",
    "SELECT count() FROM otel_logs WHERE (SELECT count() FROM otel_logs WHERE ServiceName = 'shop-west') > 0",
    "WITH x AS (SELECT Body FROM otel_logs) SELECT groupArray(Body) FROM x",
    "SELECT Body FROM otel_logs WHERE Body IN (SELECT Body FROM otel_logs) UNION ALL SELECT Body FROM otel_logs",
    "SELECT uniqExact(ServiceName), groupUniqArray(ServiceName) FROM otel_logs",
    "SELECT max(Body) OVER (), * FROM otel_logs FINAL",
    "SELECT Body FROM otel_logs PREWHERE ServiceName = 'shop-west'",
    "SELECT any(Body) FROM otel_logs SAMPLE 1",
]


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def scene(request, tmp_path_factory):
    scene = Scene(request.param, tmp_path_factory.mktemp("scope-breakouts"))
    yield scene
    scene.close()


@pytest.mark.parametrize("statement", NARROWED)
def test_a_reader_with_a_scope_sees_its_part_alone(scene, statement):
    answer = scene.reader("east").sql(statement, limit=100)

    text = json.dumps(answer)
    assert LEAK not in text
    assert "shop-west" not in text.replace("ServiceName = 'shop-west'", "")
    if not answer["isError"]:
        assert answer["structuredContent"]["scope"] == {"clusters": ["east"]}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM default.otel_logs",
        "SELECT * FROM otel_logs SETTINGS additional_table_filters = {}",
        "SELECT * FROM (SELECT * FROM otel_logs SETTINGS additional_table_filters = {'otel_logs': '1'})",
        "WITH otel_logs AS (SELECT 1 AS Body) SELECT * FROM otel_logs",
        "SELECT * FROM otel_logs, otel_traces",
        "SELECT * FROM merge('otel_logs')",
        "SELECT * FROM otel_traces_trace_id_ts",
        "SELECT * FROM loop(otel_logs)",
    ],
)
def test_a_reader_with_a_scope_has_no_way_around_it(scene, statement):
    answer = scene.reader("east").sql(statement)

    assert answer["isError"] is True, answer
    assert LEAK not in json.dumps(answer)


def test_the_narrowed_count_is_that_of_its_part(scene):
    east, everything = (
        scene.reader(name).sql("SELECT count() FROM otel_logs")["structuredContent"]["tables"][0]["rows"][0][0]
        for name in ("east", "all")
    )

    assert (east, everything) == ("20", "40")


def test_a_signal_that_is_not_in_scope_is_denied(scene):
    answer = scene.reader("traces-only").sql("SELECT count() FROM otel_logs")

    assert answer["isError"] is True
    assert answer["structuredContent"]["outcome"] in {"denied", "failed"}


ALIASED = [
    "SELECT Body FROM otel_logs AS otel_traces WHERE 1 IN (SELECT 1 FROM otel_traces) OR 1",
    "SELECT Body FROM otel_logs AS otel_k8s_objects WHERE 1 NOT IN (SELECT 0 FROM otel_k8s_objects)",
    "SELECT Body FROM otel_logs otel_traces WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT Body FROM otel_logs /* of */ otel_traces /* x */ WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT Body FROM otel_logs -- of\n`otel_traces` WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT Body FROM otel_logs AS `otel_traces` WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    'SELECT Body FROM otel_logs AS "otel_traces" WHERE 1 NOT IN (SELECT 0 FROM otel_traces)',
    "SELECT Body FROM otel_logs AS `otel\\x5ftraces` WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "select Body from otel_logs as otel_traces where 1 not in (select 0 from otel_traces)",
    "SELECT Body FROM default.otel_logs AS otel_traces WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT Body FROM `default`.`otel_logs` otel_traces WHERE 1 NOT IN (SELECT 0 FROM default.otel_traces)",
    "SELECT Body FROM otel_logs AS otel_traces_trace_id_ts",
    "SELECT Body FROM otel_logs AS otel_logs_mv WHERE 1",
    "SELECT t.Body FROM otel_traces AS x CROSS JOIN otel_logs AS otel_traces",
    "SELECT otel_traces.Body FROM otel_traces AS x, otel_logs AS otel_traces",
    "SELECT Body FROM (SELECT * FROM otel_logs AS otel_traces) AS x WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT Body FROM (SELECT * FROM otel_logs) AS otel_traces WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT count() FROM otel_traces WHERE 'x' NOT IN (SELECT Body FROM otel_logs AS otel_traces)",
    "SELECT (SELECT any(Body) FROM otel_logs AS otel_traces) FROM otel_traces",
    "WITH otel_traces AS (SELECT Body FROM otel_logs) SELECT * FROM otel_traces",
    "WITH x AS (SELECT Body FROM otel_logs AS otel_traces) SELECT * FROM x WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "WITH RECURSIVE otel_traces AS (SELECT Body FROM otel_logs) SELECT * FROM otel_traces",
    "WITH otel_traces (b) AS (SELECT Body FROM otel_logs) SELECT b FROM otel_traces",
    "SELECT Body AS otel_traces FROM otel_logs WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT 1 FROM otel_traces UNION ALL SELECT length(Body) FROM otel_logs AS otel_traces",
    "SELECT Body FROM otel_logs AS otel_traces FINAL WHERE 1 NOT IN (SELECT 0 FROM otel_traces)",
    "SELECT Body FROM otel_logs AS otel_traces ARRAY JOIN mapKeys(LogAttributes) AS k",
]
"""Ways to have a closed table taken for an open one by what narrows readers, which looks at aliases too."""

SIGNALS = [
    "SELECT Body FROM otel_logs",
    "SELECT count() FROM otel_logs",
    "SELECT Body FROM otel_logs WHERE 0",
    "SELECT Body FROM otel_logs WHERE Timestamp > '2999-01-01'",
    "SELECT 1 FROM otel_traces WHERE 'x' IN (SELECT Body FROM otel_logs)",
    "SELECT l.Body FROM otel_traces AS t JOIN otel_logs AS l ON t.TraceId = l.TraceId",
    "WITH x AS (SELECT Body FROM otel_logs) SELECT * FROM x",
    "SELECT Value FROM otel_metrics_gauge",
    "SELECT Reason FROM otel_k8s_events LIMIT 0",
]


@pytest.mark.parametrize("statement", ALIASED)
@pytest.mark.parametrize("name", ["traces-only", "east", "all"])
def test_no_part_of_a_statement_is_called_as_a_table_is(scene, statement, name):
    answer = scene.reader(name).sql(statement)

    assert answer["isError"] is True, answer
    assert answer["structuredContent"]["error"]["code"] in {"bad_parameter", "denied"}
    assert LEAK not in json.dumps(answer)


@pytest.mark.parametrize("statement", SIGNALS)
def test_a_signal_outside_of_the_scope_is_denied_and_never_empty_or_failed(scene, statement):
    answer = scene.reader("traces-only").sql(statement)

    assert answer["structuredContent"]["outcome"] == "denied", answer
    assert answer["structuredContent"]["error"]["code"] == "denied"
    assert LEAK not in json.dumps(answer)


def test_other_aliases_are_as_welcome_as_ever(scene):
    for statement in (
        "SELECT l.Body AS otel_body FROM otel_logs AS l JOIN otel_logs AS otel_logs_2 ON l.Body = otel_logs_2.Body",
        "SELECT otel_logs.Body, 'AS otel_traces' AS x FROM otel_logs",
        "SELECT Body FROM otel_logs WHERE TraceId IN (SELECT TraceId FROM otel_traces)",
    ):
        for name in ("east", "all"):
            answer = scene.reader(name).sql(statement, limit=3)
            assert answer["isError"] is False, answer
