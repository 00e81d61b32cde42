"""Keeps strangers' web pages out of a house that asks nobody who they are.

Such a house takes who comes from this machine for its admin, and a browser comes from this machine whoever made the
page that it shows. A page has two ways here. It lets its own name mean 127.0.0.1 once it is loaded (DNS rebinding);
then it may read the answers, and `Host` bears that name. Or it posts to http://127.0.0.1 as it stands; then it reads
nothing, but what it posts is done, and `Origin` bears its name. A page at an address in digits is no stranger's: a
browser went to that address for it.

In: the scope of an ASGI request. Out: nothing. Refused, with `ForeignPageError`: names that are neither this machine's
nor allowed by the settings; and whatever changes something, or opens a WebSocket, from a page of another origin. Who
comes from elsewhere is let past: the gate takes it for a viewer at most.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from identity.errors import ForeignPageError
from identity.settings import is_loopback

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SHOWN = 100
"""Characters of what somebody sent that stand in a message."""


class HostCheck:
    """Knows by which names this house may be asked."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed`: names beside ``localhost`` and what ends with ``.localhost``, without a port."""
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)

    def check(self, scope: Mapping[str, Any]) -> None:
        """Raise `ForeignPageError` if a page of a stranger asks."""
        client = scope.get("client")
        if client and not is_loopback(client[0]):
            return
        hosts = _values(scope, b"host")
        for host in hosts:
            self._check_host(host)
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            check_origin(scope)

    def _check_host(self, host: str) -> None:
        parts = _parts(f"//{host}")
        name = ((parts and parts.hostname) or "").rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._allowed or _is_address(name):
            return
        raise ForeignPageError(
            f"this house asks nobody who they are, so it answers on this machine to names of this machine alone, and "
            f"{host[:_SHOWN]!r} is none"
        )


def check_origin(scope: Mapping[str, Any]) -> None:
    """Raise `ForeignPageError` if a page of another origin than this house's asks."""
    hosts = _values(scope, b"host")
    for origin in _values(scope, b"origin"):
        _check_origin(origin, hosts, str(scope.get("scheme", "http")))


def _check_origin(origin: str, hosts: Iterable[str], scheme: str) -> None:
    page = _parts(origin)
    if page is not None and page.hostname and any(_place(page) == _place(_parts(f"{scheme}://{one}")) for one in hosts):
        return
    raise ForeignPageError(f"a page of {origin[:_SHOWN]!r} may not change anything here")


def _place(parts: SplitResult | None) -> tuple[str, int | None]:
    """Host and port. Not the scheme, which a proxy may have changed."""
    if parts is None:
        return "", None
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def _parts(address: str) -> SplitResult | None:
    """The parts of an address, None for what is none."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # which is only looked at when it is asked for
    except ValueError:
        return None
    return parts


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _values(scope: Mapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
