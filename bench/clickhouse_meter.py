"""ClickHouse seen from the bench: its CPU time, its merges, and raw bytes in and out over HTTP.

In: the HTTP address of a server. Out: figures. CPU time is what ClickHouse itself counts in ``system.events``, so it
works for a server on another machine as well. Merges are held back and then done once, since what ClickHouse merges by
itself depends on the moment, and two runs could not be compared.
"""

import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

MERGE_WAIT_SECONDS = 60.0


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

    def hold_merges(self, table: str) -> None:
        """Let no merge of `table` start, and wait until none runs."""
        self.say(f"SYSTEM STOP MERGES {self.database}.{table}")
        deadline = time.monotonic() + MERGE_WAIT_SECONDS
        while self.number(f"SELECT count() FROM system.merges WHERE table = '{table}'"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"a merge of {table} did not end in {MERGE_WAIT_SECONDS:.0f} s")
            time.sleep(0.05)  # ClickHouse tells nobody when a merge ends

    def merge_once(self, table: str) -> float:
        """Merge all parts of `table` into one a partition, and give the CPU seconds that it took."""
        before = self.cpu_seconds()
        self.say(f"SYSTEM START MERGES {self.database}.{table}")
        self.say(f"OPTIMIZE TABLE {table} FINAL")
        self.hold_merges(table)
        return self.cpu_seconds() - before
