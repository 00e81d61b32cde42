"""Going through the pages of an answer while rows arrive, over both doors: nothing twice, and nothing lost."""

import random
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from answers import NOON, log
from asgi_client import Client, Said
from prometheus_client import CollectorRegistry

from query.rest import build_app
from sql.catalogue import load_catalogue

ROOT = "/api/v1/questions"
CATALOGUE = load_catalogue()
GOES_ON = sorted(name for name, one in CATALOGUE.items() if one.goes_on)


@pytest.fixture
def rest(desk) -> Iterator[Client]:
    app = build_app(desk, {}, CollectorRegistry())
    client = Client(app)
    yield client
    client.close()
    app.state.readiness.close()


def ask(rest: Client, name: str, **parameters: object) -> Said:
    return rest.get(f"{ROOT}/{name}?{urlencode(parameters)}")


def pages(rest: Client, name: str, **parameters: object) -> Iterator[list[dict]]:
    cursor = ""
    while cursor is not None:
        said = ask(rest, name, **parameters, **({"cursor": cursor} if cursor else {}))
        assert said.status == 200, said.text
        assert (said.json["next_cursor"] is not None) == said.json["truncated"]
        assert said.headers.get("x-otelhouse-next-cursor") == said.json["next_cursor"]
        yield said.json["rows"]
        cursor = said.json["next_cursor"]


def bodies(rows) -> list[str]:
    return [row["body"] for row in rows]


def test_the_pages_of_an_answer_are_the_answer(rest, put):
    put("otel_logs", [log(second / 7, f"at {second}") for second in range(50)])
    whole = ask(rest, "recent_logs", limit=1000).json["rows"]

    for limit in (1, 7, 49, 50, 51):
        assert [row for page in pages(rest, "recent_logs", limit=limit) for row in page] == whole


def test_records_of_one_moment_are_each_there_once_also_those_that_are_the_same(rest, put):
    # Whole seconds, as many sources have them, and some that say the same twice.
    records = [log(n // 10, f"line {n % 4}", LogAttributes={"n": str(n % 3)}) for n in range(60)]
    random.Random(7).shuffle(records)
    put("otel_logs", records[:30])
    put("otel_logs", records[30:])
    expected = Counter(
        (record["Body"], record["LogAttributes"]["n"], str(record["Timestamp"])[:19]) for record in records
    )

    for limit in (1, 3, 8):
        rows = [row for page in pages(rest, "recent_logs", limit=limit) for row in page]
        seen = Counter((row["body"], row["attributes"]["n"], row["time"][:19].replace("T", " ")) for row in rows)
        assert seen == expected


def test_what_arrives_meanwhile_moves_nothing(rest, put):
    put("otel_logs", [log(second, f"early {second}") for second in range(0, 60, 3)])
    seen: list[str] = []
    for turn, page in enumerate(pages(rest, "recent_logs", limit=4)):
        seen += bodies(page)
        # Late ones, before and after the place where the reader is, and newer ones.
        put("otel_logs", [log(second + 0.5, f"late {turn} {second}") for second in range(0, 60, 9)] + [log(99, "new")])

    assert [body for body in seen if body.startswith("early")] == [f"early {second}" for second in range(57, -1, -3)]
    assert len(seen) == len(set(seen))
    assert not any(f"late {turn}" in body for turn in range(1) for body in seen[:4])


def test_the_window_stays_that_of_the_first_page_to_the_nanosecond(rest, put):
    put("otel_logs", [log(second, str(second)) for second in range(9)])
    first = ask(rest, "recent_logs", limit=4)

    second = ask(rest, "recent_logs", limit=4, cursor=first.json["next_cursor"])

    assert second.json["window"] == first.json["window"]


def test_a_filter_holds_on_every_page(rest, put):
    put("otel_logs", [log(n, f"{'wanted' if n % 3 else 'other'} {n}") for n in range(30)])

    rows = [row for page in pages(rest, "recent_logs", limit=3, text="wanted") for row in page]

    assert bodies(rows) == [f"wanted {n}" for n in range(29, -1, -1) if n % 3]


@pytest.mark.parametrize("name", ["services", "clusters", "ingest_volume", "namespaces"])
def test_questions_that_count_are_paged_by_passing_over(rest, put, name):
    for n in range(7):
        resource = {"k8s.cluster.name": f"c{n}", "k8s.namespace.name": f"n{n}"}
        put("otel_logs", [log(1, "x" * n, ServiceName=f"s{n}", ResourceAttributes=resource)])
    whole = ask(rest, name).json["rows"]

    assert len(whole) == 7
    assert [row for page in pages(rest, name, limit=3) for row in page] == whole


def test_a_page_may_be_asked_for_by_post_and_in_any_format(rest, put):
    put("otel_logs", [log(n, f"line {n}") for n in range(5)])
    cursor = ask(rest, "recent_logs", limit=2).json["next_cursor"]

    posted = rest.post(f"{ROOT}/recent_logs?format=ndjson", {"limit": 2, "cursor": cursor})
    as_csv = ask(rest, "recent_logs", limit=2, cursor=cursor, format="csv")

    assert [line.split('"body":')[1][:8] for line in posted.text.splitlines()] == ['"line 2"', '"line 1"']
    assert [line.split(",")[3] for line in as_csv.text.splitlines()] == ["body", "line 2", "line 1"]
    assert posted.headers["x-otelhouse-next-cursor"] == as_csv.headers["x-otelhouse-next-cursor"]


@pytest.mark.parametrize("cursor", ["x", "null", "' OR 1", "AAAA", "🦉"])
def test_garbage_is_no_cursor(rest, cursor):
    said = ask(rest, "recent_logs", cursor=cursor)

    assert (said.status, said.json["error"]["code"], said.json["error"]["field"]) == (400, "bad_parameter", "cursor")


def test_a_cursor_belongs_to_its_question_and_its_parameters(rest, put):
    put("otel_logs", [log(n, f"line {n}", ServiceName=f"s{n}") for n in range(5)])
    cursor = ask(rest, "recent_logs", limit=2, text="line").json["next_cursor"]

    for said in (
        ask(rest, "services", cursor=cursor),
        ask(rest, "recent_logs", cursor=cursor),
        ask(rest, "recent_logs", cursor=cursor, text="line", since=str(NOON)),
    ):
        assert (said.status, said.json["error"]["field"]) == (400, "cursor")
    assert ask(rest, "recent_logs", cursor=cursor, text="line").status == 200


def test_questions_over_rows_that_keep_coming_go_on_after_the_last_row():
    assert set(GOES_ON) >= {"recent_logs"}


def test_records_of_one_moment_come_from_many_services(rest, put):
    records = [log(n // 20, f"line {n}", ServiceName=f"s{n % 7}") for n in range(60)]
    put("otel_logs", records)
    whole = ask(rest, "recent_logs", limit=1000).json["rows"]

    for limit in (1, 4, 9):
        assert [row for page in pages(rest, "recent_logs", limit=limit) for row in page] == whole
    assert len(whole) == 60
