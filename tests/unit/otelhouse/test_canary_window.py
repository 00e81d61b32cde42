"""What the canary knows is told to whom it is of."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from canary.book import Standing
from identity.reader import Reader, Role, Scope
from otelhouse import canary_window

STANDINGS = [Standing(name, "ok", "", 0, ()) for name in ("east", "west")]


def asked(scope, monkeypatch):
    monkeypatch.setattr(canary_window.asgi_guard, "require", lambda *_, **__: Reader("a", Role.VIEWER, scope))
    app = FastAPI()
    app.include_router(canary_window.router(lambda: "running", lambda: STANDINGS))
    with TestClient(app) as client:
        return client.get(canary_window.PATH)


@pytest.mark.parametrize(
    ("scope", "clusters"),
    [
        (Scope(), ["east", "west"]),
        (Scope(clusters=("east",)), ["east"]),
        (Scope(clusters=("east",), namespaces=("shop",)), ["east"]),
        (Scope(clusters=("north",)), []),
    ],
)
def test_a_reader_sees_the_clusters_of_its_scope(scope, clusters, monkeypatch):
    answer = asked(scope, monkeypatch)

    assert answer.status_code == 200
    assert [one["cluster"] for one in answer.json()["clusters"]] == clusters


@pytest.mark.parametrize("scope", [Scope(namespaces=("shop",)), Scope(compositions=("a",)), Scope(signals=("logs",))])
def test_a_scope_that_names_no_cluster_is_denied_and_told_why(scope, monkeypatch):
    answer = asked(scope, monkeypatch)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "denied"
    assert "clusters" in answer.json()["error"]["mend"]
    assert "east" not in answer.text
