"""Every route of a whole house and every question, asked by readers of a part: nothing of the other parts comes out.

The routes are those that the application has, so a new one has to say here how a reader of a part asks it.
"""

import asyncio
import http.client
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import websockets.sync.client
from answers import NOON
from click.testing import CliRunner
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from scoped_world import (
    ASKED,
    CATALOGUE,
    LEAK,
    PLACES,
    VIEWED,
    WINDOW,
    World,
    event,
    more_to_tell,
    resource,
    rows,
    service,
    word,
)
from starlette.routing import Route

from identity.reader import Role
from identity.settings import IdentitySettings
from ingest.settings import GrpcSettings, HttpSettings, IngestSettings, SpoolSettings
from otelhouse import house as house_module
from otelhouse.__main__ import cli
from otelhouse.house import House, Roles
from otelhouse.progress import Progress
from otelhouse.settings import Settings
from query import rest
from query.settings import QuerySettings
from sql.settings import RetentionSettings, SchemaSettings
from store.settings import StoreSettings

PATIENCE = 20.0
SILENCE = 1.5
"""Seconds after which a stream has said what it had to say."""

READERS = {
    "all": ["--role", "admin"],
    "east": ["--role", "admin", "--cluster", "east"],
    "shop": ["--role", "viewer", "--composition", "shop-1"],
    "nobody": ["--role", "viewer", "--namespace", "of-nobody"],
    "viewer": ["--role", "viewer"],
    "operator": ["--role", "operator"],
}
QUESTIONS = rest.ROOT
PAST = {"after": str(NOON - 600), "until": str(NOON + 600)}
SIGNALS = ("logs", "spans", "events")


@dataclass(frozen=True)
class Heard:
    """A response, or what came of it in the time."""

    status: int
    text: str


@dataclass(frozen=True)
class Town:
    """A house that listens, its application, and who may ask it."""

    app: FastAPI
    port: int
    tokens: Mapping[str, str]
    world: World

    def ask(self, reader: str, method: str, path: str, body: str = "", *, meanwhile: Callable[[], None] = lambda: None):
        """What comes, to its end or for as long as a stream says something; `meanwhile` once it has begun."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"authorization": f"Bearer {self.tokens[reader]}", "content-type": "application/json"}
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        text = str(response.getheaders())
        meanwhile()
        streams = response.getheader("content-type", "").startswith("text/event-stream")
        if connection.sock is not None and streams:
            connection.sock.settimeout(SILENCE)
        try:
            while chunk := response.read1(65_536):
                text += chunk.decode("utf-8", "replace")
        except TimeoutError:
            assert streams
        connection.close()
        return Heard(response.status, text)


@pytest.fixture(scope="module")
def town(clickhouse_server, tmp_path_factory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    tokens = {name: token(folder, name, words) for name, words in READERS.items()}
    world = World(StoreSettings(url=clickhouse_server.url), "rights", [*PLACES])
    some_of_now(world)()  # for routes that look back from now
    for place in PLACES:
        for table, lines in more_to_tell(place).items():
            world.put(table, lines)
    settings = Settings(
        store=StoreSettings(url=clickhouse_server.url, database=world.name),
        sql=SchemaSettings(
            retention=RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0), fsync_inserts=False
        ),
        query=QuerySettings(port=0, concurrency=8),
        ingest=IngestSettings(
            grpc=GrpcSettings(port=0), http=HttpSettings(port=0), spool=SpoolSettings(path=folder / "spool")
        ),
        identity=IdentitySettings(tokens_file=folder / "tokens.yaml", metrics_need_a_token=True),
    )
    built: list[FastAPI] = []
    with pytest.MonkeyPatch.context() as patch, running(settings, built, patch) as port:
        yield Town(built[0], port, tokens, world)
    world.close()


def token(folder, name: str, words: list[str]) -> str:
    file = str(folder / "tokens.yaml")
    done = CliRunner().invoke(cli, ["token", "create", name, "--kind", "read", *words, "--file", file])
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


class running:  # noqa: N801  reads as a word in a with statement
    """A house on a loop of its own."""

    def __init__(self, settings: Settings, built: list[FastAPI], patch: pytest.MonkeyPatch) -> None:
        build = rest.build_app
        patch.setattr(house_module.rest, "build_app", lambda *words, **named: keep(built, build(*words, **named)))
        self._house = House(settings, Roles(mcp=False), Progress(lambda _: None))
        self._opened, self._end = threading.Event(), asyncio.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._house.open()
        except BaseException as problem:
            self._problem = problem
            raise
        finally:
            self._opened.set()
        await self._end.wait()
        await self._house.close()

    def __enter__(self) -> int:
        self._thread.start()
        assert self._opened.wait(PATIENCE)
        assert self._problem is None
        return int(self._house.listening["REST"].rpartition(":")[2])

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)


def keep(built: list[FastAPI], app: FastAPI) -> FastAPI:
    built.append(app)
    return app


def window_of(name: str) -> Mapping[str, str]:
    return {key: value for key, value in WINDOW.items() if CATALOGUE[name].parameter(key)}


def of_question(name: str) -> list[str]:
    """Ways of asking one question."""
    question = CATALOGUE[name]
    needed = {one.name: one.example for one in question.parameters if one.default is None}
    many = [{**needed, **one} for one in ASKED.get(name, [{}])]
    # Also what is not asked for in so many words: everything there is, and each dimension of theirs by name.
    for parameter, value in (("cluster", "west"), ("composition", "bank-1"), ("composition_id", "bank-1")):
        if question.parameter(parameter):
            many.append({**many[0], parameter: value})
    return [urllib.parse.urlencode({**window_of(name), **one}) for one in many]


RECIPES: dict[str, list[str]] = {
    "/livez": [""],
    "/readyz": [""],
    "/metrics": [""],
    "/ping": [""],
    "/health": [""],
    "/api/v1/openapi.json": [""],
    QUESTIONS: [""],
    f"{QUESTIONS}/{{name}}": ["no_such_question"],
    "/events": ["", "?composition_id=shop-1", "?composition_id=bank-1", "?limit=200"],
    "/events/{composition_id}": ["shop-1", "bank-1", "uid-west"],
    "/notifications": ["", "?composition_id=bank-1"],
    "/notifications/": ["", "?composition_id=shop-1", "?since=1h"],
    "/notifications/ws": ["", "?composition_id=bank-1"],
    "/api/v1/tail": [f"?signal={signal}" for signal in SIGNALS] + ["?signal=logs&cluster=west"],
    "/api/v1/tail/missed": [f"?{urllib.parse.urlencode({'signal': signal, **PAST})}" for signal in SIGNALS],
    "/api/v1/canary": [""],
    "/api/v1/ingest/spool": [""],
    "/api/v1/ingest/spool/drain": [""],
    "/api/v1/ingest/spool/verify": [""],
    "/api/v1/ingest/dead_letters/retry": [""],
    "/api/v1/ingest/dead_letters/count": [""],
}
"""By route, the ways in which a reader of a part asks it: what comes after its fixed part."""

LIVE = frozenset({"/notifications", "/notifications/", "/notifications/ws", "/api/v1/tail"})
ANSWERS = frozenset({200, 307, 400, 403, 404, 405, 422})


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of everything that the application answers."""
    return list(walked(app.routes, ""))


def walked(held: Iterable[object], prefix: str) -> Iterator[tuple[str, str]]:
    for route in held:
        if (inner := getattr(route, "original_router", None)) is not None:
            yield from walked(inner.routes, prefix + route.include_context.prefix)
        elif isinstance(route, APIWebSocketRoute):
            yield "WS", prefix + route.path
        elif isinstance(route, APIRoute | Route):
            yield from (
                (method, prefix + route.path) for method in sorted(route.methods or {"GET"}) if method != "HEAD"
            )
        else:
            pytest.fail(f"{route!r} is neither a route nor a WebSocket: say here how it is walked")


def ways(path: str) -> list[str]:
    """Paths with their parameters for one route."""
    name = path.removeprefix(f"{QUESTIONS}/")
    if name in CATALOGUE:
        return [f"{path}?{query}" for query in of_question(name)]
    assert path in RECIPES, f"{path} is new: say in RECIPES how a reader of a part asks it"
    fixed = path.partition("{")[0]
    return [f"{fixed}{rest_of_it}" for rest_of_it in RECIPES[path]]


def some_of_now(world: World) -> Callable[[], None]:
    """Rows that arrive while somebody listens: of all places, told now."""

    def arrive() -> None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        for place in PLACES:
            told = event(place)
            # An event of its own each time, since one that was told already is no news.
            attributes = {**told["LogAttributes"], "k8s.event.uid": f"{place} {stamp}"}
            fresh = [{**told, "LogAttributes": attributes}, rows(place)["otel_logs"][0], rows(place)["otel_traces"][0]]
            for row in fresh:
                row.pop("IngestedAt")
                row["Timestamp"] = stamp
            world.put("otel_logs", fresh[:2])
            world.put("otel_traces", fresh[2:])

    return arrive


def over_websocket(town: Town, reader: str, path: str) -> Heard:
    """What comes over a WebSocket until it says no more."""
    headers = {"authorization": f"Bearer {town.tokens[reader]}"}
    text = ""
    url = f"ws://127.0.0.1:{town.port}{path}"
    try:
        with websockets.sync.client.connect(url, additional_headers=headers, open_timeout=PATIENCE) as socket:
            some_of_now(town.world)()
            while True:
                text += str(socket.recv(timeout=SILENCE))
    except (TimeoutError, websockets.exceptions.WebSocketException) as end:
        return Heard(200 if text else 403, text + str(end))


def ask(town: Town, reader: str, method: str, path: str, way: str) -> Heard:
    if method == "WS":
        return over_websocket(town, reader, way)
    body = "{}" if method == "POST" else ""
    return town.ask(reader, method, way, body, meanwhile=some_of_now(town.world) if path in LIVE else lambda: None)


def test_every_route_tells_readers_of_a_part_nothing_of_the_others(town):
    asked = 0
    for method, path in routes(town.app):
        # Posted, a question is the same one: what differs is how its parameters come in.
        for number, way in enumerate(ways(path)[: 1 if method == "POST" else None]):
            for reader in ("east",) if path in LIVE else ("east", "shop") if number else ("east", "shop", "nobody"):
                heard = ask(town, reader, method, path, way)
                asked += 1
                assert heard.status in ANSWERS, (reader, method, way, heard)
                assert LEAK not in heard.text, (reader, method, way, heard.text[:2000])
    assert asked > 3 * len(VIEWED)


def test_the_walk_goes_by_every_path_of_openapi_and_every_question_of_the_catalogue(town):
    walked_paths = {path for _, path in routes(town.app)}

    assert set(town.app.openapi()["paths"]) <= walked_paths
    assert {f"{QUESTIONS}/{name}" for name in CATALOGUE.behind("rest")} <= walked_paths


NAMELESS = frozenset({"freshness", "namespaces", "clusters", "resolution", "canary_records"})
"""Questions whose answers have no cell that this test's word gets into. What `resolution` counts is looked at below;
who sees what the canary sent, in test_canary_hidden.py."""

TELLING = [("GET", f"{QUESTIONS}/{name}") for name in ASKED if name not in NAMELESS]


def test_the_same_walk_by_a_reader_of_all_finds_what_the_others_must_not_see(town):
    """Else the walk above would prove nothing."""
    walked = {
        path: [ask(town, "all", method, path, way).text for way in ways(path)]
        for method, path in routes(town.app)
        if (method, path) in {*TELLING, ("GET", "/events"), ("WS", "/notifications/ws"), ("GET", "/api/v1/tail")}
    }

    telling = {path for path, texts in walked.items() if any(LEAK in text for text in texts)}
    assert telling >= {"/events", "/notifications/ws", "/api/v1/tail", f"{QUESTIONS}/recent_logs"}
    assert walked.keys() == telling


@pytest.mark.parametrize(("reader", "places"), [("all", 4), ("east", 1), ("shop", 1)])
def test_what_is_counted_before_and_after_a_change_is_of_the_readers_places_alone(town, reader, places):
    """Of each place: a warning, the step of a rollout, 14 error logs, and 5 spans, of which 3 are of servers."""
    asked = {"changed_at": NOON + 300, "before_s": 600, "settle_s": 0, "until": NOON + 600, "format": "json"}

    heard = town.ask(reader, "GET", f"{QUESTIONS}/resolution?{urllib.parse.urlencode(asked)}")

    told = {row["aspect"]: row for row in json.loads(heard.text[heard.text.index('{"') :])["rows"]}
    counted = {name: (row["before"] / places, row["looked_at_before"] / places) for name, row in told.items()}
    assert counted == {
        "warning_events": (1, 2), "error_logs": (14, 14), "failed_requests": (0, 3), "alive": (20, 20),
        "p95_ms": (counted["p95_ms"][0], 3),
    }  # fmt: skip
    assert ("west" in heard.text) == (reader == "all")


def test_a_reader_of_nothing_is_told_of_no_condition(town):
    heard = town.ask("nobody", "GET", f"{QUESTIONS}/resolution?changed_at={NOON + 300}&until={NOON + 600}")

    assert (heard.status, '"rows":[]' in heard.text.replace(" ", "")) == (200, True)


@pytest.mark.parametrize(
    ("reader", "path"),
    [
        ("east", f"{QUESTIONS}/recent_logs?cluster=west"),
        ("shop", f"{QUESTIONS}/recent_logs?composition=bank-1"),
        ("shop", "/events/bank-1"),
        ("shop", "/events?composition_id=bank-1"),
        ("shop", "/notifications/?composition_id=bank-1"),
        ("east", "/api/v1/tail?cluster=west"),
        ("east", f"{QUESTIONS}/storage"),
        ("east", "/api/v1/ingest/spool"),
        ("shop", "/metrics"),
        ("viewer", "/api/v1/ingest/spool"),
    ],
)
def test_asking_for_what_one_may_not_see_is_denied_and_not_empty(town, reader, path):
    heard = town.ask(reader, "GET", path)

    assert (heard.status, '"denied"' in heard.text or '"forbidden"' in heard.text) == (403, True), heard


@pytest.mark.parametrize("name", CATALOGUE.behind("rest"))
def test_a_question_is_denied_to_a_lower_role_and_to_no_other(town, name):
    way = f"{QUESTIONS}/{name}?{of_question(name)[0]}"

    denied = {reader for reader in ("viewer", "operator", "all") if town.ask(reader, "GET", way).status == 403}

    roles = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "all": Role.ADMIN}
    assert denied == {reader for reader, role in roles.items() if role < CATALOGUE[name].role}


def test_nobody_asks_without_a_token(town):
    open_to_all = {"/livez", "/readyz", "/ping", "/health"}
    for method, path in routes(town.app):
        if path in open_to_all or method == "WS":
            continue
        connection = http.client.HTTPConnection("127.0.0.1", town.port, timeout=PATIENCE)
        connection.request(method, ways(path)[0])
        assert connection.getresponse().status == 401, path
        connection.close()


def test_what_the_test_calls_a_leak_is_everywhere_but_in_the_east():
    assert {place for place in PLACES if LEAK in f"{resource(place)}{service(place)}{word(place)}"} == PLACES.keys() - {
        "east"
    }
