"""Who asks questions: a role, and the part of the data that it may see.

In: what `identity.read_gate` found out. Out: an immutable `Reader`. It holds no secret, so it may be logged.
"""

from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """What a reader may do; each role may do what those before it may."""

    VIEWER = 1
    """Ask questions."""
    OPERATOR = 2
    """Look at and work on the house: spool, dead letters."""
    ADMIN = 3
    """Everything, raw SQL and other people's tokens included."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader may see. An empty tuple does not narrow; all that are given must hold."""

    clusters: tuple[str, ...] = ()
    """Names or uids."""
    namespaces: tuple[str, ...] = ()
    compositions: tuple[str, ...] = ()
    """Krateo composition ids."""
    signals: tuple[str, ...] = ()
    """``logs``, ``traces``, ``metrics``, ``events``."""

    @property
    def everything(self) -> bool:
        """Whether nothing is narrowed."""
        return not (self.clusters or self.namespaces or self.compositions or self.signals)


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader."""

    name: str
    """The token's id, the JWT's subject, or ``anonymous``."""
    role: Role
    scope: Scope = field(default_factory=Scope)
    peer: str = ""
    """Network address without the port."""
