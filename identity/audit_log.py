"""The audit trail in our own log, for where no file outlives the process: whoever collects the log keeps it.

In: stamped deeds. Out: one JSON object a message of the logger `otelhouse.audit`, whatever the log's level is. The
chain begins anew with each process.
"""

import logging
from collections import deque
from collections.abc import Sequence

from identity import audit_line
from identity.audit_line import Deed, Entry, Stamp

LOGGER = "otelhouse.audit"
MOST_UNHANDED = 2_000
"""Lines kept in memory for the sink; what is older is in the log alone, and its number is missing in ClickHouse."""


class LogJournal:
    """Implements `identity.audit.Journal` on our own log. `durable` means nothing here: the log's keeper decides."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._logger.setLevel(logging.INFO)
        self._number = 0
        self._last = b""
        self._unhanded: deque[bytes] = deque(maxlen=MOST_UNHANDED)

    def append(self, stamped: Sequence[tuple[Deed, Stamp]], *, durable: bool) -> None:
        """Write a line for each."""
        for deed, stamp in stamped:
            self._number += 1
            previous = audit_line.digest(self._last) if self._last else ""
            self._last = Entry(deed, stamp, self._number, previous).line()
            self._unhanded.append(self._last)
            self._logger.info("%s", self._last.decode().rstrip("\n"))

    def unhanded(self, most: int) -> list[bytes]:
        """The oldest lines in memory that the sink does not have yet."""
        return list(self._unhanded)[:most]

    def handed_over(self, line: bytes) -> None:
        """Forget all lines up to this one."""
        while self._unhanded and audit_line.number_of(self._unhanded[0]) <= audit_line.number_of(line):
            self._unhanded.popleft()
