"""The REST window with a gate before it: who gets in, and that refusals have the one shape that errors have."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry
from scripted_store import CATALOGUE, NOW, PATIENCE, ScriptedStore
from served import Served, serve

from identity import errors as identity_errors
from identity.reader import Reader, Role, Scope
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.rest import build_app
from query.settings import QuerySettings

ROOT = "/api/v1/questions"
SECRET = "ohr_me_4f9f6a1d2c"
READERS = {
    SECRET: Reader("me", Role.VIEWER),
    "other": Reader("other", Role.VIEWER),
    "part": Reader("part", Role.ADMIN, Scope(clusters=("east",))),
}


class Gate:
    async def admit(self, credential: str | None, peer: str) -> Reader:
        assert peer == "127.0.0.1"
        if credential == "locked":
            raise identity_errors.LockedOutError("too many failures", retry_after=30)
        if credential == "keys":
            raise identity_errors.KeysUnavailableError("no keys")
        if credential not in READERS:
            raise identity_errors.UnauthenticatedError("no valid read token")
        return READERS[credential]


@pytest.fixture(scope="module")
def store() -> ScriptedStore:
    return ScriptedStore([("a", 1, {})])


@pytest.fixture(scope="module")
def window(store) -> Iterator[Served]:
    desk = Desk(store, CATALOGUE, QuerySettings(max_per_reader=2, max_waiting_per_reader=1), now=lambda: NOW)
    app = build_app(desk, {}, CollectorRegistry(), doorkeeping=Doorkeeping(Gate(), metrics_need_a_token=True))
    with serve(app) as served:
        yield served
    desk.close()


def bearer(token: str = SECRET) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/listing", f"{ROOT}/nothing", "/api/v1/openapi.json", "/metrics", "/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_nothing_but_probes_answers_without_a_token(window, path, method):
    heard = window.ask(path, method)

    assert (heard.status, heard.error["code"]) == (401, "unauthenticated")
    assert heard.headers["www-authenticate"] == 'Bearer realm="otelhouse"'
    assert heard.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_without_a_token(window, path):
    assert window.ask(path).status == 200


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/listing", "/api/v1/openapi.json", "/metrics"])
def test_everything_answers_with_a_token(window, path):
    assert window.ask(path, **bearer()).status == 200


@pytest.mark.parametrize(
    ("token", "status", "code", "header"),
    [
        ("wrong", 401, "unauthenticated", "www-authenticate"),
        ("locked", 429, "locked_out", "retry-after"),
        ("keys", 503, "keys_unavailable", "retry-after"),
    ],
)
def test_a_refusal_has_the_shape_of_every_error(window, token, status, code, header):
    heard = window.ask(f"{ROOT}/listing", **bearer(token))

    assert (heard.status, heard.error["code"]) == (status, code)
    assert heard.headers[header]


def test_figures_of_all_are_not_for_a_reader_of_a_part_once_they_need_a_token(window):
    heard = window.ask("/metrics", **bearer("part"))

    assert (heard.status, heard.error["code"]) == (403, "denied")


def test_a_reader_of_a_part_is_denied_what_is_not_divided(window):
    heard = window.ask(f"{ROOT}/listing", **bearer("part"))
    listed = window.ask(ROOT, **bearer("part")).json

    assert (heard.status, heard.error["code"]) == (403, "denied")
    assert "reads `things`" in heard.error["message"]
    assert (listed["questions"], [one["name"] for one in listed["denied"]]) == ([], ["listing"])


def test_a_token_in_the_url_is_never_a_parameter_nor_written_down(window, caplog):
    caplog.set_level(logging.DEBUG)
    for method in ("GET", "POST"):
        refused = window.ask(f"{ROOT}/listing?token={SECRET}", method)
        answered = window.ask(f"{ROOT}/listing?access_token={SECRET}&limit=1", method, **bearer())
        broken = window.ask(f"{ROOT}/listing?access_token={SECRET}&limit=x", method, **bearer())
        unknown = window.ask(f"{ROOT}/nothing?token={SECRET}", method, **bearer())

        assert [heard.status for heard in (refused, answered, broken, unknown)] == [401, 200, 400, 404]
        assert not any(SECRET.encode() in heard.body for heard in (refused, answered, broken, unknown))
    assert SECRET not in caplog.text


@pytest.mark.timeout(60)
def test_a_reader_with_many_slow_questions_is_asked_to_wait_while_others_are_answered(window, store):
    store.may_end.clear()
    store.asked.clear()

    def ask(token: str) -> int:
        heard = window.ask(f"{ROOT}/listing", **bearer(token))
        if heard.status == 429:
            assert heard.error["code"] == "too_many"
            assert int(heard.headers["retry-after"]) > 0
            refused.set()
        return heard.status

    refused = threading.Event()
    with ThreadPoolExecutor(5) as askers:
        mine = [askers.submit(ask, SECRET) for _ in range(4)]
        assert refused.wait(PATIENCE)
        begun_by_me = len(store.asked)
        store.begun.clear()
        others = askers.submit(ask, "other")
        assert store.begun.wait(PATIENCE), "another reader's question is asked at once"
        store.may_end.set()
        statuses = sorted(one.result() for one in mine)

    assert begun_by_me <= 2
    assert (statuses, others.result()) == ([200, 200, 200, 429], 200)


def test_openapi_says_how_to_come_in(window):
    document = window.ask("/api/v1/openapi.json", **bearer()).json

    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["security"] == [{"token": []}]
    assert {"401", "403", "429"} <= document["paths"][f"{ROOT}/listing"]["get"]["responses"].keys()


def test_a_house_that_asks_nobody_lets_everybody_in_and_tells_figures():
    desk = Desk(ScriptedStore([("a", 1, {})]), CATALOGUE, QuerySettings(), now=lambda: NOW)
    with serve(build_app(desk, {}, CollectorRegistry())) as window:
        statuses = [window.ask(path).status for path in (ROOT, f"{ROOT}/listing", "/metrics", "/livez")]
        with_a_token = window.ask(f"{ROOT}/listing", **bearer("whatever")).status
    desk.close()

    assert (statuses, with_a_token) == ([200] * 4, 200)
