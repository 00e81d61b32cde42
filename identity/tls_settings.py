"""Settings of TLS: one certificate for all doors, and who has to show one of their own.

In: plain values, read by the front desk from file and environment. Out: one frozen `TlsSettings`.
Refuses unknown keys and what would leave a door open that was meant to be shut, naming the key. Whether the files can
be used is `identity.tls_files`' business.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Door: TypeAlias = Literal["grpc", "http", "rest", "mcp"]
"""OTLP/gRPC, OTLP/HTTP, REST, MCP."""

HANDSHAKE_SECONDS = 10.0
"""What a client may take for its handshake; until it is done it holds no place and no thread."""

Doors: TypeAlias = Annotated[tuple[Door, ...], Field(min_length=1, max_length=4)]


class TlsSettings(BaseModel):
    """TLS at the doors, version 1.2 or 1.3. Off while no certificate is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path | None = Field(
        default=None,
        description="PEM file with the house's certificate, followed by those between it and its CA. Naming it turns "
        "TLS on. A new one is taken up within a second of the next connection, without a restart.",
    )
    key: Path | None = Field(
        default=None,
        description="PEM file with the certificate's private key, not encrypted, readable by the house alone.",
    )
    client_ca: Path | None = Field(
        default=None,
        description="PEM file with one or more CAs. Naming it turns on mutual TLS: who connects must show a "
        "certificate that one of them signed.",
    )
    doors: Doors = Field(
        default=("grpc", "http", "rest", "mcp"),
        description="Doors that speak TLS; the others stay in plain text, for a proxy in front that speaks TLS.",
    )
    client_certificates_at: Doors | None = Field(
        default=None,
        description="Doors that demand a client's certificate; null for all in `doors`. Kubernetes' HTTP probes and "
        "browsers have none to show to `rest`.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            given, missing = ("certificate", "key") if self.key is None else ("key", "certificate")
            raise ValueError(f"tls.{given} is given without tls.{missing}: name both files, or neither")
        if self.client_ca and not self.certificate:
            raise ValueError(
                "tls.client_ca is given without tls.certificate and tls.key: a door asks for a client's certificate "
                "only where it shows its own"
            )
        if self.client_certificates_at is not None:
            self._check_demand(self.client_certificates_at)
        return self

    def _check_demand(self, demanded: tuple[Door, ...]) -> None:
        if not self.client_ca:
            raise ValueError("tls.client_certificates_at is given without tls.client_ca: name the CAs to trust")
        if plain := [door for door in demanded if door not in self.doors]:
            raise ValueError(
                f"tls.client_certificates_at names {', '.join(plain)}, which tls.doors leaves in plain text: "
                "add it there too"
            )

    @property
    def on(self) -> bool:
        """Whether any door speaks TLS."""
        return self.certificate is not None

    def at(self, door: Door) -> bool:
        """Whether `door` speaks TLS."""
        return self.on and door in self.doors

    def demands_certificate(self, door: Door) -> bool:
        """Whether who comes to `door` must show a certificate."""
        if not self.at(door) or self.client_ca is None:
            return False
        return door in (self.doors if self.client_certificates_at is None else self.client_certificates_at)
