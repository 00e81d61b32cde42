"""What an agent says at the end, and whether that is right.

In: a diagnosis, the incident's true causes. Out: a verdict. Right is only who names every cause with its kind, its
object and its reason, and nothing else as a cause; where nothing is wrong, who says so and explains what was seen.
"""

import re
from dataclasses import dataclass

from bench.agents.incident import Cause, Incident

LONGEST_REASON = 900
"""Characters of a reason: to name everything is no diagnosis."""


@dataclass(frozen=True, slots=True)
class Named:
    """One cause as an agent names it, in words of the answers that it got."""

    kind: str
    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The end of an investigation."""

    causes: tuple[Named, ...] = ()
    remark: str = ""
    """Where nothing was found: what was seen of the subject of the page, and why it is nothing."""
    is_known: bool = True
    """Whether the agent looked at everything; without that, no cause is no answer."""


def is_right(found: Diagnosis, incident: Incident) -> bool:
    """Whether the diagnosis is the truth and nothing but the truth."""
    if not found.is_known or len(found.causes) != len(incident.causes):
        return False
    left = list(found.causes)
    for cause in incident.causes:
        named = next((one for one in left if _is(one, cause)), None)
        if named is None:
            return False
        left.remove(named)
    return bool(incident.causes) or re.search(incident.remark, found.remark) is not None


def _is(named: Named, cause: Cause) -> bool:
    return (
        re.fullmatch(cause.kind, named.kind) is not None
        and named.object == cause.object
        and re.search(cause.reason, named.reason[:LONGEST_REASON]) is not None
    )
