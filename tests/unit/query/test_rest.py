"""The REST window from outside: a real HTTP server, a real client, a store whose answers are written beforehand."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
from prometheus_client import CollectorRegistry
from scripted_store import CATALOGUE, NOW, PATIENCE, ScriptedStore
from served import Served, serve

from query.desk import Desk
from query.readiness import Finding, NotReadyError, Readiness, store_checks
from query.rest import build_app
from query.settings import QuerySettings
from store import errors as store_errors
from store.port import Answer, Column, Select
from store.settings import StoreSettings
from store.turnstile import Turnstile

ROOT = "/api/v1/questions"
THINGS = [("a", 1, {"x": float("nan")}), ('b, "c"', 2**63, {})]


class House:
    """What stands behind the window, for tests to change."""

    def __init__(self) -> None:
        self.store = ScriptedStore(THINGS)
        self.registry = CollectorRegistry()
        self.wrong: Exception | None = None
        settings = QuerySettings(max_body_bytes=1024, ready_seconds=0.2)
        self.desk = Desk(self.store, CATALOGUE, settings, now=lambda: NOW)
        self.held = threading.Event()

    def check(self) -> None:
        if self.wrong:
            raise self.wrong


@pytest.fixture(scope="module")
def _house() -> Iterator[tuple[House, Served]]:
    house = House()
    app = build_app(house.desk, {"check": house.check}, house.registry)
    with serve(app) as served:
        yield house, served
    house.desk.close()


@pytest.fixture
def house(_house) -> House:
    house = _house[0]
    house.wrong = None
    fresh = ScriptedStore(THINGS)
    house.store.__dict__.update(fresh.__dict__)
    return house


@pytest.fixture
def window(_house, house) -> Served:
    return _house[1]


def test_the_catalogue_lists_what_this_door_offers(window):
    (listing,) = window.ask(ROOT).json["questions"]

    assert (listing["name"], listing["href"]) == ("listing", f"{ROOT}/listing")
    assert listing["parameters"][3] == {
        "name": "limit",
        "type": "UInt32",
        "required": False,
        "default": "10",
        "low": 1,
        "high": 50,
        "choices": [],
        "example": "5",
        "help": "The most things.",
    }
    assert [column["name"] for column in listing["columns"]] == ["thing", "n", "extra"]


def test_a_question_is_answered_with_its_circumstances(window):
    heard = window.ask(f"{ROOT}/listing?word=x&since=30m")

    assert heard.status == 200
    assert heard.json["rows"] == [
        {"thing": "a", "n": 1, "extra": {"x": None}},
        {"thing": THINGS[1][0], "n": 2**63, "extra": {}},
    ]
    assert heard.json["window"]["since"] == "2026-01-01T11:30:00.000000000Z"
    assert (heard.headers["x-otelhouse-rows"], heard.headers["x-otelhouse-truncated"]) == ("2", "false")
    assert (heard.headers["cache-control"], heard.headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_an_empty_answer_is_200_with_no_rows(window, house):
    house.store.things = []

    heard = window.ask(f"{ROOT}/listing")

    assert (heard.status, heard.json["rows"], heard.json["truncated"]) == (200, [], False)


def test_post_takes_the_parameters_as_a_json_object(window, house):
    heard = window.post(f"{ROOT}/listing?format=ndjson", {"word": "x", "limit": 1})

    assert heard.body == b'{"thing":"a","n":1,"extra":{"x":null}}\n'
    assert heard.headers["x-otelhouse-truncated"] == "true"
    assert house.store.asked[0].parameters["word"] == "x"


def test_post_without_a_body_asks_with_the_defaults(window):
    assert window.ask(f"{ROOT}/listing", "POST").json["row_count"] == 2


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/html, application/jsonl;q=0.5", "application/x-ndjson"),
        ("application/json;q=0.1, text/csv;q=0.9", "text/csv; charset=utf-8; header=present"),
        ("application/json;q=0, text/csv;q=0.1", "text/csv; charset=utf-8; header=present"),
    ],
)
def test_the_accept_header_chooses_the_format(window, accept, content_type):
    assert window.ask(f"{ROOT}/listing", accept=accept).headers["content-type"] == content_type


def test_the_format_parameter_goes_before_the_accept_header(window):
    heard = window.ask(f"{ROOT}/listing?format=csv", accept="application/json")

    assert heard.body.decode() == 'thing,n,extra\na,1,"{""x"":null}"\n"b, ""c""",9223372036854775808,{}\n'


@pytest.mark.parametrize(
    ("path", "status", "code", "field"),
    [
        (f"{ROOT}/listning", 404, "unknown_question", "name"),
        (f"{ROOT}/hidden", 404, "unknown_question", "name"),
        (f"{ROOT}/{'x' * 5000}", 404, "unknown_question", "name"),
        (f"{ROOT}/listing?wrod=x", 400, "unknown_parameter", "wrod"),
        (f"{ROOT}/listing?limit=51", 400, "bad_parameter", "limit"),
        (f"{ROOT}/listing?limit=1&limit=2", 400, "bad_parameter", "limit"),
        (f"{ROOT}/listing?since=never", 400, "bad_parameter", "since"),
        (f"{ROOT}/listing?format=xml", 400, "bad_parameter", "format"),
        (f"{ROOT}/listing?format=csv&format=csv", 400, "bad_parameter", "format"),
        (f"{ROOT}/listing/", 404, "not_found", ""),
        ("/nowhere", 404, "not_found", ""),
        ("/docs", 404, "not_found", ""),
    ],
)
def test_every_refusal_has_one_shape_and_a_stable_code(window, path, status, code, field):
    heard = window.ask(path)

    assert (heard.status, heard.error["code"], heard.error["field"]) == (status, code, field)


def test_a_refused_question_names_the_nearest_one(window):
    assert "Did you mean `listing`?" in window.ask(f"{ROOT}/listning").error["mend"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_is_refused_with_405(window, method):
    heard = window.ask(f"{ROOT}/listing", method)

    assert (heard.status, heard.error["code"]) == (405, "method_not_allowed")
    assert heard.error["mend"] == f"Ask with {heard.headers['allow']}."


def test_a_body_of_another_type_is_refused_with_what_to_send(window):
    heard = window.post(f"{ROOT}/listing", b'{"word": "x"}', "text/plain")

    assert "Content-Type: application/json" in heard.error["mend"]


def test_an_accept_header_that_wants_none_of_the_formats_is_refused_with_406(window):
    heard = window.ask(f"{ROOT}/listing", accept="image/png")

    assert (heard.status, heard.error["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_parameter"),
        (b"[]", "application/json", 400, "bad_parameter"),
        (b"\xff", "application/json", 400, "bad_parameter"),
        (b'{"word": ["x"]}', "application/json", 400, "bad_parameter"),
        (b'{"word": null}', "application/json", 400, "bad_parameter"),
        (b'{"limit": NaN}', "application/json", 400, "bad_parameter"),
        (b'{"format": "csv"}', "application/json", 400, "unknown_parameter"),
        (b'{"word": "x"}', "text/plain", 415, "unsupported_media_type"),
        (b'{"word": "' + b"x" * 1024 + b'"}', "application/json", 413, "too_large"),
        (b"[" * 1000, "application/json", 400, "bad_parameter"),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(window, body, content_type, status, code):
    heard = window.post(f"{ROOT}/listing", body, content_type)

    assert (heard.status, heard.error["code"]) == (status, code)


def test_a_parameter_in_the_url_and_in_the_body_is_given_twice(window):
    assert window.post(f"{ROOT}/listing?word=a", {"word": "b"}).error["field"] == "word"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (store_errors.NotReachableError("gone"), 503, "not_reachable"),
        (store_errors.OverloadedError("full"), 503, "busy"),
        (store_errors.LimitError("long"), 422, "limit_exceeded"),
        (store_errors.MisconfiguredError("no table"), 502, "failed"),
    ],
)
def test_a_failed_question_is_no_empty_answer(window, house, error, status, code):
    house.store.error = error

    heard = window.ask(f"{ROOT}/listing?format=csv")

    assert (heard.status, heard.error["code"]) == (status, code)
    assert ("retry-after" in heard.headers) == (status == 503)


def test_a_mistake_of_ours_is_500_without_its_inside(window, house):
    house.store.error = RuntimeError("secret")

    heard = window.ask(f"{ROOT}/listing")

    assert (heard.status, heard.error["code"]) == (500, "internal")
    assert "secret" not in heard.error["message"]


@pytest.mark.timeout(30)
def test_an_asker_that_hangs_up_stops_the_statement(window, house):
    house.store.may_end.clear()

    window.hang_up_on(f"{ROOT}/listing", house.store.begun)

    assert house.store.may_end.wait(PATIENCE)
    assert house.store.cancelled == [house.store.asked[0].query_id]


def test_openapi_describes_each_question_with_typed_parameters(window):
    document = window.ask("/api/v1/openapi.json").json
    operations = document["paths"][f"{ROOT}/listing"]

    assert [path for path in document["paths"] if path.startswith(ROOT)] == [ROOT, f"{ROOT}/listing"]
    limit = next(one for one in operations["get"]["parameters"] if one["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "default": 10, "minimum": 1, "maximum": 50}
    assert (limit["example"], limit["required"], limit["in"]) == (5, False, "query")
    body = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == ["since", "until", "word", "limit", "cursor"]
    assert {"200", "400", "404", "413", "422", "502", "503"} <= operations["get"]["responses"].keys()
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)


def test_livez_answers_whatever_the_checks_say(window, house):
    house.wrong = RuntimeError("all is lost")

    assert (window.ask("/livez").status, window.ask("/livez").json) == (200, {"status": "alive"})


def test_readyz_lists_each_check(window):
    heard = window.ask("/readyz")

    found = {"ok": True, "problem": "", "degraded": False}
    assert (heard.status, heard.json) == (200, {"status": "ready", "checks": {"check": found}})


@pytest.mark.parametrize(
    "problem", [NotReadyError("no tables"), store_errors.NotReachableError("gone"), KeyError("a bug")]
)
def test_readyz_is_503_and_says_what_is_wrong(window, house, problem):
    house.wrong = problem

    heard = window.ask("/readyz")

    assert (heard.status, heard.json["status"]) == (503, "not ready")
    assert str(problem) in heard.json["checks"]["check"]["problem"]


def test_a_check_that_hangs_is_a_no_and_is_not_started_twice():
    hold, starts = threading.Event(), []

    def hang() -> None:
        starts.append(1)
        assert hold.wait(PATIENCE)

    desk = Desk(ScriptedStore(), CATALOGUE, QuerySettings(ready_seconds=0.05))
    with serve(build_app(desk, {"hanging": hang}, CollectorRegistry())) as window:
        answers = [window.ask("/readyz") for _ in range(3)]
        hold.set()
    desk.close()

    assert [answer.status for answer in answers] == [503] * 3
    assert "no answer within 0.05 seconds" in answers[0].json["checks"]["hanging"]["problem"]
    assert len(starts) == 1


class NarrowStore(ScriptedStore):
    """Lets as many in at once as a real store does unless it is told otherwise."""

    def __init__(self) -> None:
        super().__init__(THINGS)
        self.places = Turnstile(StoreSettings().select_connections, "questions")

    def select(self, select: Select) -> Answer:
        with self.places.turn(select.limits.seconds):
            return super().select(select)


@pytest.mark.timeout(60)
def test_a_house_that_is_full_of_slow_questions_is_busy_to_askers_and_ready_to_probes():
    store = NarrowStore()
    store.may_end.clear()
    store.probe = lambda _: Answer((Column("table", "String"),), [], 0.0, 0, 0, "")
    settings = QuerySettings(max_wait_seconds=0.2, max_waiting=1)
    desk = Desk(store, CATALOGUE, settings, now=lambda: NOW)
    most = settings.concurrency + settings.max_waiting
    with serve(build_app(desk, store_checks(store), CollectorRegistry())) as window, ThreadPoolExecutor(most) as askers:
        asked = [askers.submit(window.ask, f"{ROOT}/listing") for _ in range(most)]
        refused = next(as_completed(asked, PATIENCE)).result()
        ready = window.ask("/readyz")
        store.may_end.set()
        heard = [one.result() for one in asked]
    desk.close()

    assert (refused.status, refused.error["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert sorted(one.status for one in heard) == [200] * settings.concurrency + [503]


def test_a_check_needs_no_thread_that_others_may_have_taken():
    ends = threading.Event()

    async def look() -> dict[str, Finding]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        taken = loop.run_in_executor(None, ends.wait, PATIENCE)
        found = await Readiness({"check": lambda: None}, PATIENCE / 4).look()
        ends.set()
        await taken
        return found

    assert asyncio.run(look()) == {"check": Finding()}


def test_the_store_s_own_checks_ask_it_and_name_missing_tables():
    store = ScriptedStore()
    missing: list[tuple[object, ...]] = []
    store.probe = lambda _: Answer((Column("table", "String"),), missing, 0.0, 0, 0, "")
    checks = store_checks(store)

    checks["clickhouse"]()
    checks["tables"]()
    missing.append(("otel_logs",))

    with pytest.raises(NotReadyError, match="missing: otel_logs; run `otelhouse migrate`"):
        checks["tables"]()


def test_metrics_count_questions_by_how_they_ended(window, house):
    window.ask(f"{ROOT}/listing?limit=0")
    window.ask(f"{ROOT}/listing")
    window.ask(f"{ROOT}/nothing-of-the-kind")

    heard = window.ask("/metrics")

    assert heard.headers["content-type"].startswith("text/plain; version=")
    value = house.registry.get_sample_value
    assert value("otelhouse_questions_total", {"question": "listing", "outcome": "answered"}) >= 1
    assert value("otelhouse_questions_total", {"question": "listing", "outcome": "bad_parameter"}) >= 1
    assert value("otelhouse_questions_total", {"question": "", "outcome": "unknown_question"}) >= 1
    assert b"otelhouse_question_seconds_bucket" in heard.body
    assert b"nothing-of-the-kind" not in heard.body


def test_an_answer_of_many_rows_is_whole(window, house):
    house.store.things = [(f"thing {n}", n, {}) for n in range(50)]

    rows = window.ask(f"{ROOT}/listing?limit=50&format=ndjson").body.splitlines()

    assert [json.loads(row)["n"] for row in rows] == list(range(50))
