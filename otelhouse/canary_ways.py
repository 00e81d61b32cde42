"""The ways by which a canary gets into a house: from the settings of that house, or from where it listens.

In: settings, addresses, tokens. Out: `canary.beating.Ways`. Files are read here, once, at the start; `StartError` names
the one that cannot be. A token is never shown.
"""

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from canary.beating import Ways
from canary.doors import Door
from canary.finding import Records
from canary.grpc_sender import GrpcSender
from canary.http_sender import HttpSender
from canary.items import GRPC, HTTP
from canary.sending import Sender
from canary.settings import MOST_CLUSTERS
from mcp_server.settings import PATH
from otelhouse import addresses, house_access
from otelhouse.house_access import Access, AccessError
from otelhouse.opening import StartError
from otelhouse.settings import Settings

_log = logging.getLogger(__name__)

_LISTENERS = {"grpc": "OTLP/gRPC", "http": "OTLP/HTTP", "rest": "REST", "mcp": "MCP"}
"""Doors, and how a house calls them that says where it listens."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown at the doors."""

    ingest: str = ""
    read: str = ""


def clusters(settings: Settings) -> tuple[str, ...]:
    """The clusters that beats are sent for; an empty name where none is known."""
    enrich = settings.enrich
    known = (enrich.cluster.name, *(one.name for one in enrich.clusters))
    named = tuple(dict.fromkeys(name for name in known if name))
    if not settings.canary.clusters and len(named) > MOST_CLUSTERS:
        _log.warning("the canary sends for %s, and for none of %s", named[:MOST_CLUSTERS], named[MOST_CLUSTERS:])
    return settings.canary.clusters or named[:MOST_CLUSTERS] or ("",)


def tokens(settings: Settings, folder: Path, otherwise: Shown) -> Shown:
    """The tokens of the files that the settings name, else their own, else `otherwise`. Raises `StartError`."""
    canary = settings.canary
    ingest = _token(canary.ingest_token_file, "canary.ingest_token_file", folder)
    read = _token(canary.read_token_file, "canary.read_token_file", folder)
    return Shown(
        ingest or canary.ingest_token.get_secret_value() or otherwise.ingest,
        read or canary.read_token.get_secret_value() or otherwise.read,
    )


def told(settings: Settings) -> dict[str, str]:
    """Addresses by door, as the settings say."""
    ingest, secure = settings.ingest, settings.identity.tls.at
    own = {
        "grpc": addresses.url(ingest.grpc.host, ingest.grpc.port, secure=secure("grpc")),
        "http": addresses.url(ingest.http.host, ingest.http.port, secure=secure("http")),
        "rest": house_access.rest_url(settings),
        "mcp": addresses.url(settings.mcp.host, settings.mcp.port, PATH, secure=secure("mcp")),
    }
    return own | _set(settings)


def listened(settings: Settings, listening: Mapping[str, str]) -> dict[str, str]:
    """Addresses by door, of a house that listens there; a door that it has not is left out."""
    own = {door: listening[name] for door, name in _LISTENERS.items() if name in listening}
    return own | {door: url for door, url in _set(settings).items() if url}


def ways(settings: Settings, urls: Mapping[str, str], access: Access, shown: Shown, records: Records | None) -> Ways:
    """Put the ways together. Raises `StartError` for a file of TLS that cannot be read."""
    roots = _read(access.ca, "client.ca")
    pair = (_read(access.key, "client.key"), _read(access.certificate, "client.certificate"))
    certificate = (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None

    def door(name: str, token: str) -> Door | None:
        return Door(urls[name], token, partial(_context, access), roots, certificate) if name in urls else None

    grpc, http = door("grpc", shown.ingest), door("http", shown.ingest)
    senders: dict[str, Callable[[], Sender]] = {}
    if grpc is not None:
        senders[GRPC] = partial(GrpcSender, grpc)
    if http is not None:
        senders[HTTP] = partial(HttpSender, http)
    mcp = None if settings.canary.without_mcp else door("mcp", shown.read)
    return Ways(senders, door("rest", shown.read), mcp, records)


def _context(access: Access) -> ssl.SSLContext:
    try:
        return access.context()
    except AccessError as problem:
        raise OSError(str(problem)) from problem


def _set(settings: Settings) -> dict[str, str]:
    canary = settings.canary
    found = {"grpc": canary.grpc_url, "http": canary.http_url, "rest": canary.rest_url, "mcp": canary.mcp_url}
    return {door: url for door, url in found.items() if url}


def _token(path: Path | None, key: str, folder: Path) -> str:
    return (_read(None if path is None else folder / path.expanduser(), key) or b"").decode("ascii", "replace").strip()


def _read(path: Path | None, key: str) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise StartError(f"{key}: {path} cannot be read: {error.strerror or error}") from error
