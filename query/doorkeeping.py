"""Who gets in by the REST window: the gate that is asked, and the paths that need no token.

In: a gate, or none. Out: what `identity.asgi_guard` needs to stand before the window. It refuses nothing itself.
"""

from dataclasses import dataclass, field

from identity import asgi_guard
from identity.asgi_guard import Gate
from identity.host_check import HostCheck
from identity.reader import Reader, Role


class Unguarded:
    """The gate of a house that asks nobody who they are: everybody is its admin."""

    async def admit(self, credential: str | None, peer: str) -> Reader:
        """Let in."""
        return Reader("anonymous", Role.ADMIN, peer=peer)


@dataclass(frozen=True, slots=True)
class Doorkeeping:
    """Who gets in."""

    gate: Gate = field(default_factory=Unguarded)
    metrics_need_a_token: bool = False
    """Whether /metrics is for readers without a scope, and for nobody else."""
    hosts: HostCheck | None = None
    """Keeps strangers' web pages out where the gate asks for nothing."""

    @property
    def open_paths(self) -> frozenset[str]:
        """What is asked without a token."""
        probes = asgi_guard.PROBES | {"/ping", "/health"}
        return probes if self.metrics_need_a_token else probes | {"/metrics"}
