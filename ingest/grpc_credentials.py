"""TLS for gRPC: the door's credentials, a client's, and whose certificate a call came with.

In: a door's TLS, or the files of a client. Out: gRPC's credentials, by which every handshake of a server meets the
certificate, key and client CAs in force then; open connections live on. gRPC speaks TLS 1.2 and 1.3, and either demands
a client's certificate or asks for none.
"""

import ssl
import threading
from typing import TYPE_CHECKING, Protocol

import grpc

from identity import client_certificate
from identity.tls_settings import HANDSHAKE_SECONDS

if TYPE_CHECKING:
    # Certificates take their time to load; a house without TLS needs none.
    from identity.tls import DoorTls
    from identity.tls_files import Material

HANDSHAKE_OPTIONS = [("grpc.server_handshake_timeout_ms", round(HANDSHAKE_SECONDS * 1000))]
"""Channel arguments of a server, with TLS or without: gRPC would wait two minutes for a connection's first frame."""


class Call(Protocol):
    """What a `grpc.aio.ServicerContext` tells of its connection."""

    def auth_context(self) -> dict[str, list[bytes]]:
        """What the handshake found out."""


class _Fetcher:
    """Tells gRPC at each handshake whether there is something new."""

    def __init__(self, door: "DoorTls") -> None:
        self._door = door
        self._lock = threading.Lock()
        self._given = door.material
        self.first = self._configuration(self._given)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """The configuration in force, or None where gRPC has it already. Called on gRPC's own threads."""
        material = self._door.material
        with self._lock:
            if material is self._given:
                return None
            self._given = material
        return self._configuration(material)

    def _configuration(self, material: "Material") -> grpc.ServerCertificateConfiguration:
        trusted = material.client_ca_pem if self._door.demands_certificate else None
        return grpc.ssl_server_certificate_configuration([(material.key_pem, material.chain_pem)], trusted)


def server_credentials(door: "DoorTls") -> grpc.ServerCredentials:
    """Credentials for `add_secure_port` that follow the files."""
    fetcher = _Fetcher(door)
    return grpc.dynamic_ssl_server_credentials(
        fetcher.first, fetcher, require_client_authentication=door.demands_certificate
    )


def certificate_subject(call: Call) -> str:
    """Whose certificate the call's connection was opened with; empty without one.

    Written as `identity.client_certificate.subject` does.
    """
    shown = call.auth_context().get("x509_pem_cert")
    return client_certificate.subject(ssl.PEM_cert_to_DER_cert(shown[0].decode("ascii"))) if shown else ""


def channel_credentials(ca: bytes | None, certificate: bytes | None, key: bytes | None) -> grpc.ChannelCredentials:
    """A client's credentials from PEM; without `ca` the CAs that gRPC brings along, or its environment names."""
    return grpc.ssl_channel_credentials(ca, key, certificate)
