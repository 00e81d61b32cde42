"""Names out of telemetry that stand in sentences of our own, outside of the frame around rows.

In: names of pods and clusters as senders told them. Out: a few of them, and how many more there are. A name that
Kubernetes would not give is not repeated, since whoever sends telemetry could say anything by it.
"""

import re
from collections.abc import Iterable

MOST = 5
"""Names in one sentence."""

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:@/-]{0,251}[A-Za-z0-9])?")
_ODD = "(an unusual name)"
_NONE = "(no name)"


def plain(name: str) -> str:
    """The name, or what stands for one that is none."""
    if not name:
        return _NONE
    return name if _PLAIN.fullmatch(name) else _ODD


def listed(names: Iterable[str], total: int = 0) -> str:
    """The first of these names, and how many more there are of `total`, or of them."""
    told = [plain(name) for name in names]
    more = max(total, len(told)) - MOST
    return ", ".join(told[:MOST]) + (f" and {more} more" if more > 0 else "")
