"""TLS for the doors of one house, or none of it.

In: the `identity.tls` settings and the registry for its figures. Out: what each door gets, None for plain text; a
`StartError` where the files cannot be used.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from identity.tls_settings import Door, TlsSettings
from otelhouse.opening import StartError

if TYPE_CHECKING:
    from identity.tls import Certificates, DoorTls


class OpenTls:
    """The house's certificate, watched until `close`. Made on a running event loop."""

    def __init__(self, settings: TlsSettings, registry: CollectorRegistry) -> None:
        """Raises `StartError`. To be made before anything changes the working folder."""
        self._certificates = _certificates(settings, registry) if settings.on else None
        self._watching = asyncio.create_task(self._certificates.watch(), name="tls") if self._certificates else None

    def at(self, door: Door) -> "DoorTls | None":
        """What `door` gets."""
        return self._certificates.at(door) if self._certificates else None

    async def close(self) -> None:
        """Watch no longer. Safe twice."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching


def _certificates(settings: TlsSettings, registry: CollectorRegistry) -> "Certificates":
    from identity import tls, tls_files  # noqa: PLC0415  a house without TLS should not load certificates

    try:
        certificates = tls.Certificates(settings)
    except tls_files.TlsError as error:
        raise StartError(str(error)) from error
    certificates.count_in(registry)
    return certificates
