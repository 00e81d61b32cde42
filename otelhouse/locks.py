"""The locks of one house: TLS, the gates that ask who somebody is, and the trail of what was done.

In: settings, the addresses that the process listens on, a registry. Out: `Locks`, closed with the house. Refused, with
`StartError`: a door that the network reaches and that asks nobody who they are, and files of TLS, tokens or audit that
cannot be used: a house with broken locks does not open.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from identity.audit import AuditTrail
from identity.gates import Gates, open_gates
from identity.host_check import HostCheck
from identity.settings import IdentitySettings, refuse_open_doors
from identity.tokens_file import TokensFileError
from otelhouse import audit_opening
from otelhouse.opening import StartError
from otelhouse.settings import Settings
from otelhouse.tls_opening import OpenTls
from query.doorkeeping import Doorkeeping


@dataclass(frozen=True, slots=True)
class Locks:
    """What stands between the house and strangers."""

    tls: OpenTls
    gates: Gates
    trail: AuditTrail
    doorkeeping: Doorkeeping


async def open_locks(
    settings: Settings,
    hosts: Mapping[str, str],
    registry: CollectorRegistry,
    began_in: Path,
    closing: AsyncExitStack,
) -> Locks:
    """Put the locks on; `closing` takes them off. `hosts`: address by setting. Raises `StartError`."""
    identity = _from(began_in, settings.identity)
    try:
        refuse_open_doors(hosts, identity)
    except ValueError as error:
        raise StartError(str(error)) from error
    tls = OpenTls(identity.tls, registry)
    closing.push_async_callback(tls.close)
    trail = audit_opening.open_trail(settings, began_in)
    closing.push_async_callback(asyncio.to_thread, trail.close)
    try:
        gates = open_gates(identity, registry, trail.record)
    except TokensFileError as error:
        raise StartError(str(error)) from error
    closing.callback(gates.close)
    # Where readers are asked who they are, a stranger's page has nothing to show.
    names = None if gates.read.asks else HostCheck((*identity.allowed_hosts, settings.query.host, settings.mcp.host))
    return Locks(tls, gates, trail, Doorkeeping(gates.read, identity.metrics_need_a_token, names))


def _from(folder: Path, identity: IdentitySettings) -> IdentitySettings:
    """The same settings with whole paths: these files are read again later, when the working folder may be another."""

    def whole(path: Path | None) -> Path | None:
        return None if path is None else folder / path.expanduser()

    jwt = identity.jwt.model_copy(
        update={"jwks_file": whole(identity.jwt.jwks_file), "ca_file": whole(identity.jwt.ca_file)}
    )
    return identity.model_copy(update={"tokens_file": whole(identity.tokens_file), "jwt": jwt})
