"""Settings of who may do what.

In: plain values, read by the front desk from file and environment. Out: one frozen `IdentitySettings`.
Refuses unknown keys and values out of bounds, naming the key; half a JWT configuration; and, by `refuse_open_doors`,
a door that the network can reach and that asks nobody who they are.
"""

import logging
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from identity.audit_settings import AuditSettings
from identity.tls_settings import Door, TlsSettings
from identity.token_record import RoleName

_HostName = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
_Claim = Annotated[str, Field(min_length=1, max_length=255)]
_DOORS: Mapping[str, Door] = {"ingest.grpc.host": "grpc", "ingest.http.host": "http", "mcp.host": "mcp"}
_ASKED_AT: frozenset[Door] = frozenset({"rest", "mcp"})
"""Doors of readers."""
"""Doors by the setting that says where they listen; all others are REST's."""

_log = logging.getLogger(__name__)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockoutSettings(_Settings):
    """Answering those who try one wrong credential after the other. A valid credential always passes."""

    failures: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Wrong credentials from one address within `window_s` that lock it out.",
    )
    window_s: float = Field(default=300.0, ge=1, le=86_400, description="Seconds over which failures are counted.")
    lock_s: float = Field(
        default=300.0,
        ge=1,
        le=86_400,
        description="Seconds for which a wrong credential from that address is then answered with 429 (gRPC: "
        "UNAVAILABLE). Valid credentials pass meanwhile, so that nobody behind the same address is shut out.",
    )
    addresses: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="Addresses that are remembered, some 400 bytes each; the one not seen for longest is forgotten "
        "first. IPv6 counts by /64.",
    )


class JwtSettings(_Settings):
    """Readers who come with a JWT of an identity provider, signed with RS256 or ES256. Off without a key source."""

    jwks_url: str = Field(
        default="",
        max_length=2048,
        description="Where the provider's keys are (JWKS). https, or http on loopback; no redirects, at most 256 KiB.",
    )
    jwks_file: Path | None = Field(default=None, description="The same as a file, instead of `jwks_url`.")
    ca_file: Path | None = Field(
        default=None, description="PEM file with the CAs to trust for `jwks_url`; empty for the system's."
    )
    issuer: str = Field(default="", max_length=2048, description="What claim `iss` must be, to the letter.")
    audience: str = Field(default="", max_length=2048, description="What claim `aud` must be or hold.")
    leeway_s: float = Field(
        default=30.0, ge=0, le=60, description="Seconds that the provider's clock may differ from ours (`exp`, `nbf`)."
    )
    cache_s: float = Field(
        default=300.0, ge=10, le=86_400, description="Seconds after which the keys are fetched again; a key that the "
        "provider took back counts that long.",
    )  # fmt: skip
    min_refresh_s: float = Field(
        default=30.0, ge=1, le=3600, description="Seconds between two fetches because of a key id that is not known."
    )
    timeout_s: float = Field(default=5.0, ge=0.1, le=30, description="Seconds that a fetch may take in all.")
    keep_s: float = Field(
        default=3600.0,
        ge=0,
        le=604_800,
        description="Seconds since the last good fetch for which its keys still count while the provider does not "
        "answer. After that JWTs are answered with 503.",
    )
    name_claim: _Claim = Field(default="sub", description="Claim with the reader's name, for the audit trail.")
    role_claim: _Claim = Field(
        default="otelhouse_role",
        description="Claim with the role: `viewer`, `operator` or `admin`, or a list, of which the highest counts. A "
        "dot steps into an object: `realm_access.roles`. Words that are no role are passed over.",
    )
    role_prefix: str = Field(
        default="",
        max_length=100,
        description="What stands before the role in that claim, as in `otelhouse-viewer`; others do not count.",
    )
    default_role: RoleName | None = Field(
        default=None, description="Role of a JWT that names none; null refuses such a JWT with 403."
    )
    clusters_claim: _Claim = Field(
        default="otelhouse_clusters",
        description="Claim with the names or uids of the clusters that the reader may see: a text or a list. Without "
        "the claim nothing is narrowed; an empty list is refused with 403. So for the next three.",
    )
    namespaces_claim: _Claim = Field(default="otelhouse_namespaces", description="Claim with namespaces.")
    compositions_claim: _Claim = Field(default="otelhouse_compositions", description="Claim with composition ids.")
    signals_claim: _Claim = Field(
        default="otelhouse_signals", description="Claim with signals: `logs`, `traces`, `metrics`, `events`."
    )

    @property
    def on(self) -> bool:
        """Whether JWTs count."""
        return bool(self.jwks_url or self.jwks_file)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.jwks_url and self.jwks_file:
            raise ValueError("jwt.jwks_url and jwt.jwks_file are both set: the keys come from one of them")
        if not self.on:
            if self.issuer or self.audience:
                raise ValueError(
                    "jwt.issuer or jwt.audience is set without a key source: set jwt.jwks_url or jwks_file"
                )
            return self
        if not (self.issuer and self.audience):
            raise ValueError(
                "jwt needs jwt.issuer and jwt.audience: without them a JWT made for another house would count"
            )
        if self.jwks_url:
            _check_url(self.jwks_url)
        return self


class IdentitySettings(_Settings):
    """Who may do what."""

    tokens_file: Path | None = Field(
        default=None,
        description="File with the hashes of all tokens (`otelhouse token create`). As soon as it is set, who sends "
        "needs an ingest token and who asks a read token. It is read again when it changes.",
    )
    client_certificates_count: bool = Field(
        default=False,
        description="A client certificate that mutual TLS has checked lets a sender in without a token; its subject is "
        "the sender's name. Needs `identity.tls.client_ca`. Questions always need a token or a JWT.",
    )
    metrics_need_a_token: bool = Field(
        default=False,
        description="Whether `/metrics` asks for a read token without scopes, as questions do. Its figures name "
        "senders' signals and error classes, never contents.",
    )
    let_anyone_in: bool = Field(
        default=False,
        description="Start although a door that the network can reach asks nobody who they are: anybody who reaches it "
        "may send, and ask as a viewer. Only where the network itself keeps strangers out. Opens no door that asks.",
    )
    allowed_hosts: tuple[_HostName, ...] = Field(
        default=(),
        max_length=100,
        description="Names, without a port, by which REST may be asked on this machine beside `localhost`, addresses "
        "in digits and `query.host`, such as host.docker.internal. Counts only while nobody is asked who they are: "
        "then a web page whose name is made to mean 127.0.0.1 could read everything, so other names are refused (403).",
    )
    jwt: JwtSettings = Field(default=JwtSettings(), description="Readers with a JWT.")
    lockout: LockoutSettings = Field(default=LockoutSettings(), description="Repeated wrong credentials.")
    tls: TlsSettings = Field(default=TlsSettings(), description="TLS at the doors.")
    audit: AuditSettings = Field(default=AuditSettings(), description="The audit trail.")

    @model_validator(mode="after")
    def _certificates_are_asked_for(self) -> Self:
        if self.client_certificates_count and self.tls.client_ca is None:
            raise ValueError("client_certificates_count needs tls.client_ca: without it nobody shows a certificate")
        return self

    @property
    def senders_are_asked(self) -> bool:
        """Whether who sends must say who they are."""
        return self.tokens_file is not None or self.client_certificates_count

    @property
    def readers_are_asked(self) -> bool:
        """Whether who asks must say who they are."""
        return self.tokens_file is not None or self.jwt.on


def refuse_open_doors(hosts: Mapping[str, str], settings: IdentitySettings) -> None:
    """Refuse to start with a door that the network reaches and that asks nobody who they are.

    `hosts`: setting's key -> address, such as ``{"ingest.grpc.host": "0.0.0.0"}``. Raises `ValueError` with the key and
    the mends. Warns in the log of credentials that would travel in plain text.
    """
    for key, host in hosts.items():
        if is_loopback(host):
            continue
        door: Door = _DOORS.get(key, "rest")
        asked = settings.readers_are_asked if door in _ASKED_AT else settings.senders_are_asked
        if not asked and not settings.tls.demands_certificate(door) and not settings.let_anyone_in:
            raise ValueError(_open_door(key, host, door))
        if asked and not settings.tls.at(door):
            _log.warning(
                "%s: %s: credentials travel in plain text; set identity.tls.certificate and identity.tls.key, unless a "
                "proxy in front speaks TLS", key, host,
            )  # fmt: skip


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`. A name other than ``localhost`` may mean anything, so it is not."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _open_door(key: str, host: str, door: Door) -> str:
    may, kind = ("ask everything", "read") if door in _ASKED_AT else ("send", "ingest")
    others = " or identity.jwt" if door in _ASKED_AT else ""
    return (
        f"{key}: on {host} anybody who reaches this machine could {may}, since nobody is asked who they are. "
        f"Keep it on 127.0.0.1; or set identity.tokens_file{others} (`otelhouse token create --kind {kind}` makes a "
        "token); or, where the network itself keeps strangers out, identity.let_anyone_in: true"
    )


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("jwt.jwks_url must not hold a user or a password: it is written to the log")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError("jwt.jwks_url must be an https address, such as https://login.example.com/keys")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("jwt.jwks_url must be https: whoever can change plain http could let themselves in")
