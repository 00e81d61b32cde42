"""Who gets past the guard, with which credential, and what is left of it behind."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from identity import errors
from identity.asgi_guard import AsgiGuard, reader_of, refusal, require
from identity.reader import Reader, Role, Scope

GOOD = "ohr_viewer_0123"


class Gate:
    """Knows one token; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.error: errors.IdentityError | None = None

    async def admit(self, credential: str | None, peer: str) -> Reader:
        self.asked.append((credential, peer))
        if self.error:
            raise self.error
        if credential != GOOD:
            raise errors.UnauthenticatedError("no valid token")
        return Reader("viewer", Role.VIEWER, peer=peer)


class Behind:
    """The application behind the guard; remembers what got to it."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, object]] = []

    async def __call__(self, scope, receive, send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"in"})

    @property
    def saw(self) -> str:
        """All that it could log of the last request."""
        return repr({name: value for name, value in self.scopes[-1].items() if name != "state"})


@dataclass
class House:
    gate: Gate = field(default_factory=Gate)
    behind: Behind = field(default_factory=Behind)
    options: dict[str, object] = field(default_factory=dict)

    def ask(self, path: str = "/api", method: str = "GET", headers: object = (), kind: str = "http", **scope: object):
        """What the guard sends; `headers` a mapping, or pairs where one stands twice."""
        path, _, query = path.partition("?")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        asked = {
            "type": kind,
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in pairs],
            "client": ("192.0.2.7", 4711),
            **scope,
        }
        if kind == "websocket":
            del asked["method"]
        sent: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            return {"type": f"{kind}.connect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        guard = AsgiGuard(self.behind, self.gate, lambda why: json.dumps([why.code, why.mend]).encode(), **self.options)
        asyncio.run(guard(asked, receive, send))
        self.left = asked
        return sent

    def status(self, *args: object, **more: object) -> int:
        return self.ask(*args, **more)[0]["status"]


@pytest.fixture
def house() -> House:
    return House()


def bearer(token: str = GOOD) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_credential_in_the_url_of_what_is_no_stream_is_told_what_makes_a_stream():
    mend = refusal(errors.UnauthenticatedError("no credential")).mend

    assert "Accept: text/event-stream" in mend


# where the credential may stand

STREAM = {"accept": "text/event-stream"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api", bearer()),
        ("/api", {"authorization": f"bearer   {GOOD} "}),
        ("/api", {"cookie": f"a=b; krateo-session={GOOD}; c=d"}),
        ("/api", {"cookie": f'krateo-session="{GOOD}"'}),
        (f"/api?access_token={GOOD}", STREAM),
        (f"/api?token={GOOD}", STREAM),
        (f"/api?x=1&token={GOOD.replace('_', '%5F')}&y=2", STREAM),
        (f"/api?%74oken={GOOD}", STREAM),
    ],
)
def test_a_credential_is_found_wherever_it_may_stand_and_is_gone_behind(house, path, headers):
    assert house.status(path, headers=headers) == 200

    assert house.gate.asked == [(GOOD, "192.0.2.7")]
    assert reader_of(house.behind.scopes[0]) == Reader("viewer", Role.VIEWER, peer="192.0.2.7")
    assert GOOD not in house.behind.saw
    assert GOOD.replace("_", "%5F") not in house.behind.saw


def test_of_several_credentials_the_first_in_order_counts_and_all_are_gone(house):
    headers = {**bearer("first"), "cookie": "krateo-session=second", **STREAM}
    path = "/api?token=fourth&access_token=third&word=x"
    requests = {
        "first": (path, headers),
        "second": (path, {"cookie": headers["cookie"], **STREAM}),
        "third": (path, STREAM),
        "fourth": ("/api?token=fourth&word=x", STREAM),
    }

    for credential, (path, headers) in requests.items():
        assert house.status(path, headers=headers) == 401
        assert house.gate.asked[-1][0] == credential
        assert not any(one in repr(house.left) for one in requests)
        assert house.left["query_string"] == b"word=x"


def test_what_else_stands_in_url_and_headers_stays_as_it_was(house):
    house.ask(
        "/api?a=%20b&token=x&a=c+d&&e",
        headers=[("cookie", "a=b; krateo-session=x;c=d"), *bearer().items(), ("x", "y")],
    )

    assert house.left["query_string"] == b"a=%20b&a=c+d&&e"
    assert house.left["headers"] == [(b"cookie", b"a=b; c=d"), (b"x", b"y")]


@pytest.mark.parametrize("name", ["token", "access_token", "TOKEN", "Access_Token"])
def test_a_token_in_a_url_counts_for_streams_alone_and_is_taken_out_of_every_url(house, name):
    path = f"/api?{name}={GOOD}&limit=1"

    assert house.status(path) == 401
    assert house.gate.asked == [(None, "192.0.2.7")]
    assert house.left["query_string"] == b"limit=1"
    house.options["in_url"] = "always"
    assert house.status(path) == 200
    house.options["in_url"] = "never"
    assert house.status(path, headers=STREAM) == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": GOOD},
        {"authorization": f"Basic {GOOD}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"cookie": "krateo-session="},
        {"cookie": f"Krateo-Session={GOOD}"},
        {"cookie": f"xkrateo-session={GOOD}"},
        {"x-token": GOOD},
    ],
)
def test_what_is_no_credential_of_ours_counts_as_none(house, headers):
    sent = house.ask(headers=headers)

    assert (sent[0]["status"], house.gate.asked) == (401, [(None, "192.0.2.7")])
    assert (b"www-authenticate", b'Bearer realm="otelhouse"') in sent[0]["headers"]


def test_an_authorization_that_is_given_twice_is_refused_unread(house):
    assert house.status(headers=[*bearer().items(), *bearer("other").items()]) == 401
    assert house.gate.asked == []


def test_a_credential_of_many_kilobytes_is_refused_unread(house):
    assert house.status(headers=bearer("x" * 20_000)) == 401
    assert house.gate.asked == []


# the cookie, which browsers send along unasked

COOKIE = {"cookie": f"krateo-session={GOOD}", "host": "house.example:8080"}


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("GET", "https://evil.example", 200),
        ("POST", "https://evil.example", 401),
        ("POST", "null", 401),
        ("POST", "http://[", 401),
        ("DELETE", "https://house.example.evil.example", 401),
        ("POST", "https://house.example", 200),
        ("POST", "http://HOUSE.example:3000", 200),
        ("POST", "", 200),
    ],
)
def test_a_stranger_s_page_cannot_act_with_the_cookie(house, method, origin, status):
    headers = {**COOKIE, "origin": origin} if origin else COOKIE

    assert house.status("/api", method, headers) == status


# refusals


@pytest.mark.parametrize(
    ("error", "status", "code", "header"),
    [
        (
            errors.UnauthenticatedError("no"),
            401,
            "unauthenticated",
            ("www-authenticate", 'Bearer realm="otelhouse", error="invalid_token"'),
        ),
        (errors.ForbiddenError("no"), 403, "denied", None),
        (errors.LockedOutError("no", retry_after=17.2), 429, "locked_out", ("retry-after", "17")),
        (errors.LockedOutError("no", retry_after=0.0), 429, "locked_out", ("retry-after", "1")),
        (errors.KeysUnavailableError("no"), 503, "keys_unavailable", ("retry-after", "5")),
    ],
)
def test_each_reason_has_its_status_and_its_mend(house, error, status, code, header):
    house.gate.error = error

    start, body = house.ask(headers=bearer())

    assert start["status"] == status
    assert json.loads(body["body"])[0] == code
    assert json.loads(body["body"])[1]
    headers = dict(start["headers"])
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert headers[b"cache-control"] == b"no-store"
    if header:
        assert headers[header[0].encode()] == header[1].encode()
    assert house.behind.scopes == []


def test_a_mistake_in_the_gate_lets_nobody_in(house):
    house.gate.admit = lambda *_: 1 / 0

    with pytest.raises(ZeroDivisionError):
        house.ask(headers=bearer())

    assert house.behind.scopes == []


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_are_open_and_have_no_reader(house, path):
    house.gate.error = errors.LockedOutError("no", retry_after=1)

    assert house.status(f"{path}?token={GOOD}") == 200
    assert house.gate.asked == []
    assert GOOD not in house.behind.saw
    with pytest.raises(RuntimeError, match="AsgiGuard"):
        reader_of(house.behind.scopes[0])


@pytest.mark.parametrize("path", ["/metrics", "/livez/", "/livez/../api", "/LIVEZ", "//livez", "/readyz2", ""])
def test_nothing_else_is_open_unless_it_is_said(house, path):
    assert house.status(path) == 401


def test_a_path_is_open_when_it_is_said(house):
    house.options["open_paths"] = {"/metrics"}

    assert (house.status("/metrics"), house.status("/livez")) == (200, 401)


def test_the_server_s_own_start_and_end_pass(house):
    house.ask(kind="lifespan")

    assert house.behind.scopes[0]["type"] == "lifespan"


# WebSocket


def test_a_websocket_is_refused_before_it_is_accepted(house):
    assert house.ask(kind="websocket") == [{"type": "websocket.close", "code": 4401, "reason": "unauthenticated"}]
    house.gate.error = errors.ForbiddenError("no")
    assert house.ask(kind="websocket", headers=bearer())[0]["code"] == 4403


def test_a_websocket_is_refused_with_a_status_where_the_server_can_say_it(house):
    start, body = house.ask(kind="websocket", extensions={"websocket.http.response": {}})

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert body["type"] == "websocket.http.response.body"


def test_a_websocket_may_bring_its_token_in_the_url_and_its_cookie_from_own_pages_alone(house):
    house.ask(f"/api?token={GOOD}", kind="websocket")
    house.ask(kind="websocket", headers={**COOKIE, "origin": "https://house.example"})
    assert len(house.behind.scopes) == 2

    assert house.ask(kind="websocket", headers={**COOKIE, "origin": "https://evil.example"})[0]["code"] == 4401


# roles


def test_a_role_may_do_what_those_before_it_may():
    def may(role: Role, needed: Role) -> bool:
        try:
            require({"state": {"reader": Reader("me", role)}}, needed)
        except errors.ForbiddenError:
            return False
        return True

    assert [[may(role, needed) for needed in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_what_is_about_all_of_the_data_is_not_for_a_reader_of_a_part():
    scope = {"state": {"reader": Reader("me", Role.ADMIN, Scope(namespaces=("a",)))}}

    with pytest.raises(errors.ForbiddenError, match="needs a token without scope"):
        require(scope, Role.OPERATOR)
    assert require(scope, Role.OPERATOR, narrowed_too=True).name == "me"


def test_a_request_that_nobody_guarded_is_a_mistake_and_no_admin():
    with pytest.raises(RuntimeError, match="AsgiGuard"):
        require({"state": {}}, Role.VIEWER)


def test_a_refusal_does_not_claim_an_invalid_token_where_none_was_given():
    assert (
        "invalid_token" not in dict(refusal(errors.UnauthenticatedError("no"), tried=False).headers)["www-authenticate"]
    )
