"""Certificates for tests: CAs of our own, and the files of a house and of its clients."""

import itertools
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from identity.tls import Certificates
from identity.tls_settings import TlsSettings

_numbers = itertools.count()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@dataclass(frozen=True)
class Client:
    """Files that a client is given: the CA that it trusts, and what it shows."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None

    def context(self):
        """For the standard library and urllib3."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


class HouseFiles:
    """A folder with a house's certificate, key and client CAs, each of which can be changed while it runs."""

    def __init__(self, folder, ca):
        self.folder = folder
        self.clock = Clock()
        self.show(ca)

    def show(self, ca, **attributes):
        """Put a new certificate of `ca` in place."""
        leaf = ca.issue_cert("127.0.0.1", "localhost", **attributes)
        _write(self.folder / "tls.crt", b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        _write(self.folder / "tls.key", leaf.private_key_pem.bytes())
        self.clock.now += 1.0
        return leaf

    def trust(self, *authorities):
        """Put new client CAs in place."""
        _write(self.folder / "clients.crt", b"".join(ca.cert_pem.bytes() for ca in authorities))
        self.clock.now += 1.0

    def settings(self, *, mutual=False, **more):
        paths = {"certificate": self.folder / "tls.crt", "key": self.folder / "tls.key"}
        if mutual:
            paths["client_ca"] = self.folder / "clients.crt"
        return TlsSettings(**paths, **more)

    def certificates(self, **settings):
        """What a house makes of the files."""
        return Certificates(self.settings(**settings), self.clock)


def client(folder, trusted, shown_by=None, *, name="agent", **attributes):
    """Files of a client that trusts `trusted` and shows a certificate of `shown_by`."""
    number = next(_numbers)
    ca = folder / f"ca-{number}.crt"
    trusted.cert_pem.write_to_path(ca)
    if shown_by is None:
        return Client(ca)
    leaf = shown_by.issue_cert(f"{name}.example", common_name=name, **attributes)
    certificate, key = folder / f"client-{number}.crt", folder / f"client-{number}.key"
    _write(certificate, b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    _write(key, leaf.private_key_pem.bytes())
    return Client(ca, certificate, key)


def _write(path, content):
    """As an operator should: a finished file takes the old one's place."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.rename(path)


def authority(name="test"):
    return trustme.CA(organization_name=name)
