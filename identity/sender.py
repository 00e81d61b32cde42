"""Who sends telemetry: what every room behind the OTLP doors needs to know of it.

In: what `identity.ingest_gate` found out. Out: an immutable `Sender`. It holds no secret, so it may be logged.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """What one sender may do; 0 is no bound of its own."""

    bytes_per_second: int = 0
    """Bytes of request bodies, after decompression, on average."""
    requests_at_once: int = 0


@dataclass(frozen=True, slots=True)
class Sender:
    """One source of telemetry, as far as the house knows it."""

    peer: str
    """Network address without the port, such as ``10.0.0.7``; empty where there is none (a Unix socket)."""
    name: str = ""
    """The ingest token's id, or the subject of a client certificate; empty where nobody had to say who they are."""
    cluster_name: str = ""
    """The cluster that the token is bound to, or empty."""
    cluster_uid: str = ""
    """The same by uid of its kube-system namespace."""
    limits: SenderLimits = field(default_factory=SenderLimits)

    @property
    def key(self) -> str:
        """What shares and counts go by: the name where there is one, the address otherwise."""
        return self.name or self.peer
