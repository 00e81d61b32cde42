"""The heartbeat that leaves the house: a dead man's switch, so that the alarm does not travel the way it watches.

In: an address, as healthchecks.io and the like give one. Out: after each beat a GET, to the address itself when all is
well, with ``/fail`` behind its path when something is broken. When nothing comes any more, whoever runs the address
gives alarm. The address is a secret: it is written nowhere.
"""

from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from canary import doors
from canary.doors import Door, Request, UnreachableError

SECONDS = 10.0


class PingError(Exception):
    """The address did not take the ping. The message says why, and not where."""


def ping(url: SecretStr, *, well: bool) -> None:
    """Send one. Raises `PingError`."""
    parts = urlsplit(url.get_secret_value())
    path = parts.path if well else f"{parts.path.rstrip('/')}/fail"
    query = f"?{parts.query}" if parts.query else ""
    door = Door(urlunsplit((parts.scheme, parts.netloc, "", "", "")))
    try:
        status, _, _ = doors.ask(door, Request("GET", f"{path}{query}" or "/"), SECONDS)
    except UnreachableError as problem:
        raise PingError("canary.dead_man_url does not answer") from problem
    if not 200 <= status < 300:
        raise PingError(f"canary.dead_man_url says {status}")
