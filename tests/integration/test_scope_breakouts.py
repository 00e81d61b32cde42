"""Ways to see more than one's part through any question, over REST and both doors; none of them may."""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from asgi_client import Said
from scoped_world import ALL_LOGS, LEAK, MY_LOGS, ROOT, SHARED, THEIRS, WINDOW, path, window

# trying to see more

TRIES: list[tuple[str, Mapping[str, object]]] = [
    # names of others
    ("recent_logs", {"service": f"{LEAK}-west"}),
    ("recent_logs", {"service": "' OR 1 = 1 --"}),
    ("recent_logs", {"service": "\\' OR 1 = 1 --"}),
    ("recent_logs", {"namespace": "payments"}),
    ("slow_traces", {"service": f"{LEAK}-west"}),
    ("slow_traces", {"min_duration_ms": 0, "limit": 1000}),
    # ids of others
    ("trace", {"trace_id": THEIRS}),
    ("trace", {"trace_id": THEIRS.upper()}),
    ("trace", {"trace_id": SHARED, "limit": 10000}),
    ("trace", {"trace_id": f"{THEIRS[:28]}' --"}),
    ("recent_logs", {"trace_id": SHARED.upper()}),
    ("object_events", {"uid": f"pod of {LEAK}"}),
    ("composition_events", {"composition": "bank-1"}),
    ("log_patterns", {"composition": "bank-1"}),
    # pods and events of others
    ("pod_errors", {"namespace": "payments", "pod": "*"}),
    ("pod_errors", {"namespace": "payments", "pod": f"pod-{LEAK}"}),
    ("pod_timeline", {"namespace": "payments", "pod": "pod*"}),
    ("object_events", {"namespace": "kitchen"}),
    ("object_events", {"name": f"pod-{LEAK}"}),
    ("object_events", {"kind": "Pod' OR '1"}),
    ("warning_summary", {"composition": "bank-1"}),
    ("log_patterns", {"text": LEAK}),
    # words and attributes of others
    ("recent_logs", {"text": LEAK.lower()}),
    ("recent_logs", {"text": "%"}),
    ("recent_logs", {"text": "password') OR (1 = 1"}),
    ("recent_logs", {"text": "\\"}),
    ("recent_logs", {"attribute": "secret"}),
    ("recent_logs", {"attribute": "k8s.cluster.name", "attribute_value": "west"}),
    ("recent_logs", {"attribute": "k8s.cluster.name", "attribute_value": ""}),
    ("recent_logs", {"attribute": "k'] != '' OR LogAttributes['k"}),
    ("recent_logs", {"attribute_value": LEAK}),
    ("recent_logs", {"attribute": "", "attribute_value": "west"}),
    ("metric_series", {"metric": "gauge", "attribute": "k", "attribute_value": LEAK}),
    ("metric_series", {"metric": "gauge", "service": f"{LEAK}-west"}),
    ("metric_series", {"metric": "gauge", "series": 100, "limit": 20000}),
    ("metric_series", {"metric": "sum' UNION ALL SELECT * FROM otel_logs --"}),
    ("metric_series", {"metric": "{{service:String}}"}),
    # statements, settings and parameters of the engine
    ("recent_logs", {"service": "x SETTINGS additional_table_filters = {}"}),
    ("recent_logs", {"text": "'} SETTINGS additional_table_filters = {} --"}),
    ("recent_logs", {"additional_table_filters": "{}"}),
    ("recent_logs", {"readonly": "0"}),
    ("recent_logs", {"param_service": f"{LEAK}-west"}),
    ("recent_logs", {"query": "SELECT * FROM otel_logs"}),
    ("recent_logs", {"limit": "10; SELECT * FROM otel_logs"}),
    ("recent_logs", {"since": "0", "until": "now", "limit": "10000"}),
    ("recent_logs", {"since": "' OR 1=1"}),
    # the way in
    ("recent_logs", {"token": "all"}),
    ("recent_logs", {"access_token": "all"}),
    ("recent_logs", {"scope": "{}"}),
    ("recent_logs", {"reader": "all"}),
    ("recent_logs", {"min_severity": "error' OR '1"}),
    ("services", {"limit": "10000"}),
    ("Services", {}),
    ("services/", {}),
    ("../questions/services", {}),
    ("services%00", {}),
]


@pytest.mark.parametrize(("question", "parameters"), TRIES, ids=str)
def test_no_question_and_no_parameter_shows_what_is_not_in_scope(world, question, parameters):
    reader = world.reader("by-name")

    said = [
        reader.get(path(question, parameters)),
        reader.get(path(question, parameters, "csv")),
        reader.post(f"{ROOT}/{question}", {**window(question), **parameters}),
    ]

    for one in said:
        assert one.status in {200, 400, 404}, one.text
        assert leaks(one, parameters) == []
        if one.status == 200:
            assert one.headers["x-otelhouse-scope"] == "clusters=east"


def leaks(said: Said, parameters: Mapping[str, object]) -> list[str]:
    """The secret word, and names of others, wherever an answer does not only give back what was asked for."""
    text = said.text
    if said.status == 200 and said.headers["content-type"] == "application/json":
        answer = said.json
        assert set(answer.pop("parameters")) >= {"limit"}
        text = json.dumps(answer)
    elif said.status != 200:
        for written in parameters.values():
            for shown in (repr(written), str(written)):
                text = text.replace(json.dumps(shown, ensure_ascii=False)[1:-1], "")
    return re.findall(f"(?i){LEAK}|uid-west|bank-1", text)


def test_the_tries_would_see_others_if_nothing_held_them(world):
    """A try that finds nothing even without a scope shows nothing."""
    seen = 0
    for question, parameters in TRIES:
        said = world.reader("all").get(path(question, parameters))
        seen += bool(said.status == 200 and leaks(said, parameters))

    assert seen >= 20


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "krateo-session=all"},
        {"x-reader": "all", "x-forwarded-user": "all", "x-otelhouse-scope": "", "x-http-method-override": "POST"},
        {"x-clickhouse-user": "default", "x-clickhouse-database": "system", "x-clickhouse-setting": "readonly=0"},
        {"accept": "text/event-stream, application/json"},
    ],
    ids=str,
)
def test_no_header_shows_what_is_not_in_scope(world, headers):
    said = world.reader("by-name").get(f"{path('recent_logs', {})}&token=all", **headers)

    assert (said.status, said.json["row_count"], leaks(said, {})) == (200, MY_LOGS, [])


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-ndjson", "*/*"])
def test_every_format_is_narrowed(world, accept):
    said = world.reader("by-name").get(f"{ROOT}/recent_logs?{urlencode(WINDOW)}", accept=accept)

    assert said.status == 200
    assert "plain password" in said.text
    assert leaks(said, {}) == []


def test_readers_beside_each_other_see_each_its_own(world):
    mine, all_of_it = world.reader("by-name"), world.reader("all")
    for _ in range(3):
        assert mine.get(path("recent_logs", {})).json["row_count"] == MY_LOGS
        assert all_of_it.get(path("recent_logs", {})).json["row_count"] == ALL_LOGS
    assert {said.json["row_count"] for said in mine.together(path("recent_logs", {}), 8)} == {MY_LOGS}
