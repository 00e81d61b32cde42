"""ClickHouse seen from the bench: its CPU time, its merges, and raw bytes in and out over HTTP.

In: the HTTP address of a server. Out: figures. CPU time is what ClickHouse itself counts in ``system.events``, so it
works for a server on another machine as well, and merges are in it. It says no DDL but that of the floor's tables.
"""

import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

MERGE_WAIT_SECONDS = 60.0
_QUIET_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Meter:
    """One server, one database."""

    url: str
    """``http://host:port``"""
    database: str
    username: str = "default"
    password: str = ""

    def say(self, sql: str, body: bytes = b"", **settings: str | int) -> bytes:
        """Send one statement and give the answer's bytes; an error of ClickHouse is raised with its text."""
        query = urllib.parse.urlencode({"query": sql, "database": self.database, "wait_end_of_query": 1, **settings})
        headers = {"X-ClickHouse-User": self.username, "X-ClickHouse-Key": self.password}
        request = urllib.request.Request(f"{self.url}/?{query}", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode(errors="replace")[:800]) from error

    def number(self, sql: str) -> int:
        """Ask for one number."""
        return int(self.say(f"{sql} FORMAT TSV") or 0)

    def cpu_seconds(self) -> float:
        """CPU time of all queries and merges since the server started."""
        return (
            self.number(
                "SELECT sum(value) FROM system.events WHERE event IN ('UserTimeMicroseconds', 'SystemTimeMicroseconds')"
            )
            / 1e6
        )

    def wait_for_merges(self) -> None:
        """Return once no merge runs for a second, or after a minute: their cost belongs to the inserts before."""
        deadline = time.monotonic() + MERGE_WAIT_SECONDS
        quiet_since = time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - quiet_since < _QUIET_SECONDS:
            if self.number("SELECT count() FROM system.merges"):
                quiet_since = time.monotonic()
            time.sleep(0.1)
