"""The guard before an ASGI application: nobody gets in without a `Reader`, and no credential gets past it.

In: an ASGI application, a gate (`identity.read_gate.ReadGate`) and a function that writes a refusal in the window's own
shape. Out: an ASGI application. Behind it `scope["state"]["reader"]` says who asks, and the credential is gone from
headers and query string, so that nothing there can log it or hand it on.

The credential is looked for in this order: `Authorization: Bearer`, the cookie `krateo-session`, `?access_token=`,
`?token=`. The last two are for browsers' EventSource and WebSocket, which can set no header; since URLs end up in the
logs of proxies, they count for streams alone unless told otherwise, and are taken out of the URL in any case.

Refused: HTTP with 401, 403, 429 or 503; a WebSocket before it is accepted, with the same status where the server can
say it and the close codes 4401, 4403, 4429 or 4503 where it cannot. Health probes are never refused.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast
from urllib.parse import unquote_plus, urlsplit

from identity import errors
from identity.host_check import HostCheck
from identity.reader import Reader, Role

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Recheck = Callable[[], Awaitable[Reader]]
InUrl = Literal["never", "streams", "always"]
"""Which requests may carry their credential in the URL."""

COOKIE = "krateo-session"
PROBES = frozenset({"/livez", "/readyz"})
"""Paths that are open to everybody, always: a kubelet has no token."""

_IN_URL = ("access_token", "token")
_LONGEST = 16_384
"""Bytes of a credential. A JWT with many groups has about four thousand."""
_SAFE = frozenset({"GET", "HEAD"})
Header = tuple[bytes, bytes]


class Gate(Protocol):
    """Says who somebody is; `identity.read_gate.ReadGate` is one."""

    async def admit(self, credential: str | None, peer: str) -> Reader:
        """Give the reader of a bare token, or raise an `IdentityError`. `peer` is an address without a port."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in, for the window to write down."""

    status: int
    """Of HTTP."""
    code: str
    """Stable; programs may rely on it."""
    message: str
    mend: str
    headers: tuple[tuple[str, str], ...] = ()


def refusal(error: errors.IdentityError, *, tried: bool = True) -> Refusal:
    """Say an `IdentityError` in terms of HTTP (RFC 9110, RFC 6750 section 3). `tried`: a credential was given."""
    said = str(error)
    if isinstance(error, errors.LockedOutError | errors.KeysUnavailableError):
        later = (("retry-after", str(max(1, round(error.retry_after)))),)
        if isinstance(error, errors.LockedOutError):
            return Refusal(429, "locked_out", said, "Wait as long as Retry-After says, then use a valid token.", later)
        return Refusal(503, "keys_unavailable", said, "Ask again in a few seconds.", later)
    if isinstance(error, errors.ForeignPageError):
        mend = "Ask by 127.0.0.1 or localhost, add the name to identity.allowed_hosts, or set identity.tokens_file."
        return Refusal(403, "foreign_page", said, mend)
    if isinstance(error, errors.ForbiddenError):
        return Refusal(403, "denied", said, "Use a token that is allowed this, or ask an admin for one.")
    challenge = 'Bearer realm="otelhouse"' + (', error="invalid_token"' if tried else "")
    mend = "Send a read token as `Authorization: Bearer TOKEN`; in the URL it counts for streams only: with "
    mend += "`Accept: text/event-stream`, or for a WebSocket."
    return Refusal(401, "unauthenticated", said, mend, (("www-authenticate", challenge),))


def reader_of(scope: Scope) -> Reader:
    """Who asks. Raises RuntimeError where no guard stands before the application, which is a mistake in its making."""
    try:
        return cast("Reader", scope["state"]["reader"])
    except KeyError:
        raise RuntimeError("nobody said who asks: wrap the application in identity.asgi_guard.AsgiGuard") from None


def recheck_of(scope: Scope) -> Recheck | None:
    """What says who asks once more, and raises an `IdentityError` when that credential does not hold any more.

    None where no credential was shown: whoever that was, it stays so.
    """
    return cast("Recheck | None", scope["state"].get("recheck"))


def require(scope: Scope, role: Role, *, narrowed_too: bool = False) -> Reader:
    """Give the reader if it may do what `role` may. Raises `ForbiddenError`.

    A reader that may see a part of the data only is refused as well, since what is asked for holds all of it; not so
    with `narrowed_too`, for what narrows its answer itself.
    """
    reader = reader_of(scope)
    if reader.role < role:
        raise errors.ForbiddenError(
            f"{reader.name} has the role {reader.role.name.lower()}, and this needs {role.name.lower()}"
        )
    if not narrowed_too and not reader.scope.everything:
        raise errors.ForbiddenError(
            f"{reader.name} may see a part of the data only, and this is about all: it needs a token without scope"
        )
    return reader


class AsgiGuard:
    """Stands before `application`."""

    def __init__(
        self,
        application: Application,
        gate: Gate,
        render: Callable[[Refusal], bytes],
        *,
        open_paths: Iterable[str] = PROBES,
        in_url: InUrl = "streams",
        hosts: HostCheck | None = None,
    ) -> None:
        """`render` writes the JSON body of a refusal; `open_paths` need no credential, and get no reader.

        `hosts` keeps strangers' web pages out; where the gate asks for a credential they are out by that.
        """
        self._application = application
        self._gate = gate
        self._render = render
        self._open_paths = frozenset(open_paths)
        self._in_url = in_url
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)  # the server's own start and end
            return
        found = _take_credentials(scope)
        if scope["type"] == "http" and scope["path"] in self._open_paths:
            await self._application(scope, receive, send)
            return
        try:
            if self._hosts is not None:
                self._hosts.check(scope)
            credential = self._chosen(scope, found)
            reader = await self._gate.admit(credential, _peer(scope))
            recheck = self._rechecking(credential, _peer(scope))
            scope["state"] = {**scope.get("state", {}), "reader": reader, "recheck": recheck}
        except errors.IdentityError as error:
            await self._refuse(scope, receive, send, refusal(error, tried=found.any))
            return
        await self._application(scope, receive, send)

    def _chosen(self, scope: Scope, found: "_Found") -> str | None:
        """The one credential that counts, or None. Raises `UnauthenticatedError`."""
        if len(found.bearer) > 1:
            raise errors.UnauthenticatedError("Authorization is given twice; send it once")
        allowed = found.bearer or (found.cookie if _from_own_pages(scope) else [])
        if not allowed and self._takes_from_url(scope):
            allowed = found.url
        if allowed and len(allowed[0]) > _LONGEST:
            raise errors.UnauthenticatedError(f"the credential is longer than {_LONGEST} bytes, so it is none of ours")
        return allowed[0] if allowed else None

    def _rechecking(self, credential: str | None, peer: str) -> Recheck | None:
        """Lets a long answer ask again who gets it. A function of its own, since what it holds must show nowhere."""
        if not credential:
            return None
        return lambda: self._gate.admit(credential, peer)

    def _takes_from_url(self, scope: Scope) -> bool:
        if self._in_url != "streams":
            return self._in_url == "always"
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
        return scope["type"] == "websocket" or b"text/event-stream" in accept.lower()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, why: Refusal) -> None:
        prefix = "http" if scope["type"] == "http" else "websocket.http"
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            if "websocket.http.response" not in (scope.get("extensions") or {}):
                await send({"type": "websocket.close", "code": 4000 + why.status, "reason": why.code})
                return
        body = self._render(why)
        told = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **dict(why.headers),
        }
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
        await send({"type": f"{prefix}.response.start", "status": why.status, "headers": headers})
        await send({"type": f"{prefix}.response.body", "body": body})


@dataclass(frozen=True, slots=True)
class _Found:
    """Credentials of one request, by where they stood."""

    bearer: list[str]
    cookie: list[str]
    url: list[str]

    @property
    def any(self) -> bool:
        return bool(self.bearer or self.cookie or self.url)


def _take_credentials(scope: Scope) -> _Found:
    """Take all credentials out of the request, whether they count or not.

    In the server's own scope and not in a copy, since its access log would write down the query string from there.
    """
    headers, bearer, cookie = _without_credentials(scope["headers"])
    query, url = _without_tokens(scope.get("query_string", b""))
    scope["headers"], scope["query_string"] = headers, query
    return _Found(bearer, cookie, url)


def _without_credentials(headers: Iterable[Header]) -> tuple[list[Header], list[str], list[str]]:
    """The headers without credentials; Bearer tokens; session cookies."""
    left: list[Header] = []
    bearer: list[str] = []
    cookies: list[str] = []
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"authorization":
            scheme, _, token = value.decode("latin-1").strip().partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                bearer.append(token.strip())
        elif lowered == b"cookie":
            others = _without_session(value.decode("latin-1"), cookies)
            left += [(name, others.encode("latin-1"))] if others else []
        else:
            left.append((name, value))
    return left, bearer, cookies


def _without_session(cookies: str, found: list[str]) -> str:
    """A Cookie header without the session, whose value goes to `found`."""
    others = []
    for pair in cookies.split(";"):
        name, _, value = pair.partition("=")
        if name.strip() != COOKIE:
            others.append(pair.strip())
        elif value.strip().strip('"'):
            found.append(value.strip().strip('"'))
    return "; ".join(filter(None, others))


def _without_tokens(query: bytes) -> tuple[bytes, list[str]]:
    """A query string without tokens, and those, `access_token` first. Names count however they are written."""
    left: list[bytes] = []
    found: dict[str, list[str]] = {name: [] for name in _IN_URL}
    for part in query.split(b"&"):
        name, _, value = part.decode("latin-1").partition("=")
        known = found.get(unquote_plus(name).strip().lower())
        if known is None:
            left.append(part)
        elif token := unquote_plus(value).strip():
            known.append(token)
    return b"&".join(left), [token for name in _IN_URL for token in found[name]]


def _from_own_pages(scope: Scope) -> bool:
    """Whether the request may use the cookie, which a browser sends along whoever made the page that asks.

    What changes nothing may; its answer is not shown to a stranger's page. For the rest, and for a WebSocket, which no
    such rule protects, the page must come from this host (any port), as its Origin says; programs send none.
    """
    if scope["type"] == "http" and scope["method"] in _SAFE:
        return True
    origin, host = (_header(scope, name) for name in (b"origin", b"host"))
    try:
        return not origin or urlsplit(origin).hostname == urlsplit(f"//{host}").hostname
    except ValueError:  # one of them is no address
        return False


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _peer(scope: Scope) -> str:
    client = cast("tuple[str, int] | None", scope.get("client"))
    return client[0] if client else ""
