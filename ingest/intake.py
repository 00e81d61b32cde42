"""The seam between the doors and the house: what a door hands in, and what it hears back.

A door (`ingest.grpc_door`, `ingest.http_door`) owns transport, sizes and compression; behind this seam a request is
whole, decompressed bytes. `Intake.accept` returns only after ClickHouse holds every row that is not counted as
rejected, and raises one of `ingest.errors` when it does not.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from identity.sender import Sender
from sql.signals import Signal


class Encoding(StrEnum):
    """How the body of an Export request is written."""

    PROTOBUF = "protobuf"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is stored, but for `rejected` items that can never be.

    `rejected` counts log records, spans or data points; `message` says why and how to mend it. Both are empty on full
    success, and then `partial_success` must stay unset (OTLP specification, "Full Success").
    """

    rejected: int = 0
    message: str = ""


class Intake(Protocol):
    """Takes whole requests. `ingest.pipeline.Pipeline` is the house's own."""

    async def accept(self, signal: Signal, body: bytes, encoding: Encoding, sender: Sender) -> Accepted:
        """Store one Export request of `sender`, whose `key` is what shares of memory go by."""
