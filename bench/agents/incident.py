"""What an incident is: the page that somebody is sent, the cause that is to be found, and who makes its telemetry.

In: nothing. Out: immutable descriptions; `bench.agents.incidents` holds one a file. The scripted agent sees the page
alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.agents.scene import Scene


@dataclass(frozen=True, slots=True)
class Cause:
    """A right cause, in terms that can be compared."""

    kind: str
    """The kind of it, as a regular expression."""
    object: str
    """Its name: of the workload, service, cluster or resource that has to be mended."""
    reason: str
    """What the diagnosis must say about it, as a regular expression."""
    seen: str = ""
    """The same in the words of the telemetry, where the tools have words of their own: what raw SQL must read."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident in one cluster."""

    name: str
    title: str
    cluster: str
    page: str
    """All that the agent is told."""
    causes: tuple[Cause, ...]
    """All of them must be named and no others; without any, the right answer is that nothing is wrong."""
    tell: Callable[[Scene], None]
    """Sets what goes wrong in the scene."""
    remark: str = ""
    """For an incident without a cause: what the answer must explain, as a regular expression."""
    flat: bool = False
    """Whether its events come from the k8s_events receiver instead of k8sobjects."""
    is_control: bool = False
    """Whether it is noise alone, told to see that nothing is found."""
