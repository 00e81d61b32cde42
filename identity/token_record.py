"""One token as it stands in the tokens file: everything about it but the token itself.

In: plain data. Out: a frozen `TokenRecord`, and from it what the gates hand on. Refuses a record that says what it
cannot mean: a role for a token that sends, a cluster for one that asks, an empty list where no list would mean "all".
Messages never show a value: somebody may have put a token where its hash belongs.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from identity.reader import Reader, Role, Scope
from identity.sender import Sender, SenderLimits
from identity.token_format import ID_PATTERN, Kind

SIGNALS = ("logs", "traces", "metrics", "events")
"""What a scope can narrow to."""
MOST_IN_SCOPE = 1000
_LAST_YEAR = 8999
"""Python's calendar ends soon after."""

_Name = Annotated[str, Field(min_length=1, max_length=253)]
_Names = Annotated[tuple[_Name, ...], Field(min_length=1, max_length=MOST_IN_SCOPE)]
_Signals = Annotated[tuple[Literal["logs", "traces", "metrics", "events"], ...], Field(min_length=1, max_length=4)]


class RoleName(StrEnum):
    """`identity.reader.Role` as people write it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role itself."""
        return Role[self.name]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TokenLimits(_Record):
    """What one sender may do; 0 is no bound of its own."""

    bytes_per_second: int = Field(default=0, ge=0, le=1 << 40)
    requests_at_once: int = Field(default=0, ge=0, le=100_000)


class TokenScopes(_Record):
    """What a reader may see; a list that is left out does not narrow."""

    clusters: _Names | None = None
    namespaces: _Names | None = None
    compositions: _Names | None = None
    signals: _Signals | None = None

    def scope(self) -> Scope:
        """The same as the gates hand it on."""
        return Scope(self.clusters or (), self.namespaces or (), self.compositions or (), self.signals or ())


class TokenRecord(_Record):
    """One token."""

    id: str = Field(pattern=ID_PATTERN)
    kind: Kind
    hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    cluster_name: str = Field(default="", max_length=253)
    cluster_uid: str = Field(default="", max_length=253)
    limits: TokenLimits = TokenLimits()
    role: RoleName | None = None
    scopes: TokenScopes = TokenScopes()
    expires: AwareDatetime | None = None
    created: AwareDatetime | None = None
    note: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if self.expires is not None and self.expires.year > _LAST_YEAR:
            raise ValueError(f"expires must lie before the year {_LAST_YEAR + 1}; a token without an end has none")
        if self.kind is Kind.READ:
            if self.role is None:
                raise ValueError("a read token needs a role: viewer, operator or admin")
            if self.cluster_name or self.cluster_uid or self.limits != TokenLimits():
                raise ValueError("cluster_name, cluster_uid and limits are for ingest tokens; a read token has scopes")
        elif self.role is not None or self.scopes != TokenScopes():
            raise ValueError(
                "role and scopes are for read tokens; an ingest token has cluster_name, cluster_uid, limits"
            )
        return self

    @property
    def digest(self) -> bytes:
        """SHA-256 of the token, 32 bytes."""
        return bytes.fromhex(self.hash.removeprefix("sha256:"))

    @property
    def expires_at(self) -> float:
        """Unix seconds; infinity where it does not expire."""
        return self.expires.timestamp() if self.expires else float("inf")

    def expired(self, now: datetime | None = None) -> bool:
        """Whether it is past its end; `now` is this moment without one."""
        return self.expires is not None and self.expires <= (now or datetime.now(UTC))

    def sender(self) -> Sender:
        """Whom an ingest token names; the address is known at the door alone."""
        limits = SenderLimits(self.limits.bytes_per_second, self.limits.requests_at_once)
        return Sender("", self.id, self.cluster_name, self.cluster_uid, limits)

    def reader(self) -> Reader:
        """Whom a read token names."""
        if self.role is None:
            raise ValueError(f"token {self.id} has no role, so it does not read")
        return Reader(self.id, self.role.role, self.scopes.scope())
