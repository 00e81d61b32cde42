"""What a spool tells operators, in one shape, whether a running house tells it or the folder itself.

In: `SpoolStatus` and `Checked`. Out: dicts for JSON, as the routes below /api/v1/ingest/spool answer and
`otelhouse spool --format json` prints them. Refuses nothing.
"""

import time
from collections.abc import Mapping

from ingest.spool.checking import Checked
from ingest.spool.entry import Damage, SpoolStatus

NO_SPOOL = "no_spool"
"""Code of the answer of a house that has none."""


def of_status(status: SpoolStatus, waiting_because: Mapping[str, str]) -> dict[str, object]:
    """What waits. `waiting_because`: why ClickHouse takes nothing, by kind. Times in Unix seconds, of one clock."""
    return {
        "now": time.time(),
        "entries": status.entries,
        "items": status.items,
        "bytes": status.bytes,
        "oldest": status.oldest,
        "limit_bytes": status.limit_bytes,
        "damaged_files": status.damaged,
        "full": status.full,
        "kinds": {
            kind: {"entries": entries, "items": items, "bytes": size}
            for kind, (entries, items, size) in status.by_kind.items()
        },
        "waiting_because": dict(waiting_because),
    }


def of_check(checked: Checked) -> dict[str, object]:
    """What one look found; `after` is where the next one goes on, null where it was the last."""
    return {
        "checked": checked.entries,
        "damaged": [_of_damage(damage) for damage in checked.damages],
        "after": checked.go_on_after,
    }


def _of_damage(damage: Damage) -> dict[str, object]:
    return {
        "entry": damage.entry.number,
        "kind": damage.entry.kind,
        "token": damage.entry.token,
        "requests_lost": damage.parts_lost,
        "items_lost": damage.items_lost,
        "bytes_lost": damage.bytes_lost,
        # It may name a file whose name is no text.
        "what": damage.what.encode("utf-8", "backslashreplace").decode(),
    }
