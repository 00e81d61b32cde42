"""Settings of the commands that speak to a running house: what they trust, and what they show.

In: plain values, read by the front desk. Out: one frozen `ClientSettings`. Refuses unknown keys and half a pair.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ClientSettings(BaseModel):
    """How `otelhouse query`, `demo` and the like get in where a house asks who they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_file: Path | None = Field(
        default=None,
        description="File with the token to show, and nothing else. Beats the variable OTELHOUSE_TOKEN, which holds "
        "the token itself.",
    )
    ca: Path | None = Field(
        default=None,
        description="PEM file with the CAs that may have signed the house's certificate; null for this machine's own.",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file with the certificate to show to a house that speaks mutual TLS."
    )
    key: Path | None = Field(default=None, description="PEM file with that certificate's private key.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            given, missing = ("certificate", "key") if self.key is None else ("key", "certificate")
            raise ValueError(f"client.{given} is given without client.{missing}: name both files, or neither")
        return self
