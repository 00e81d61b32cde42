"""Doctor's look at the doors: would strangers come in, and can those come in who belong.

In: the settings. Out: findings about addresses, tokens, the identity provider's keys, and TLS. Connects to nothing but
the provider.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from identity import tls_files, tokens_file
from identity.jwks_fetch import KeysError, fetch
from identity.settings import IdentitySettings, refuse_open_doors
from identity.tls_files import TlsError
from identity.tokens_file import TokensFileError
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.settings import Settings

DAY = 86_400.0
WARN_BEFORE_DAYS = 30
"""Days before the end of a certificate in which it is told."""


def check(settings: Settings) -> Iterator[Diagnosis]:
    """Look at all of them."""
    identity = settings.identity
    yield _open_doors(settings)
    if identity.tokens_file is not None:
        yield _tokens(identity.tokens_file.expanduser())
    if identity.jwt.on:
        yield _keys(identity)
    if identity.tls.on:
        yield _certificate(identity)


def _open_doors(settings: Settings) -> Diagnosis:
    hosts = {
        "ingest.grpc.host": settings.ingest.grpc.host,
        "ingest.http.host": settings.ingest.http.host,
        "query.host": settings.query.host,
        "mcp.host": settings.mcp.host,
    }
    try:
        refuse_open_doors(hosts, settings.identity)
    except ValueError as error:
        return failed(str(error), "see docs/identity.md")
    if settings.identity.let_anyone_in:
        return warning(
            "identity.let_anyone_in: whoever reaches a door may send and ask",
            "set identity.tokens_file, docs/identity.md",
        )
    return ok("no door that the network reaches is open to strangers")


def _tokens(path: Path) -> Diagnosis:
    try:
        read = tokens_file.read(path)
    except TokensFileError as error:
        return failed(str(error), "mend the file, or make it anew: otelhouse token create")
    if read.warning:
        return warning(f"{path}: {read.warning}", "it holds hashes only, and names")
    if not read.records:
        return warning(f"{path} holds no token, so nobody can send or ask", "otelhouse token create")
    ended = [one for one in read.records if one.expired()]
    if ended:
        names = ", ".join(one.id for one in ended[:5])
        return warning(
            f"{len(ended)} of {len(read.records)} tokens have run out: {names}", "make others: otelhouse token create"
        )
    return ok(f"{len(read.records)} tokens can be used")


def _keys(identity: IdentitySettings) -> Diagnosis:
    source = identity.jwt.jwks_url or identity.jwt.jwks_file
    try:
        keys = fetch(identity.jwt)
    except KeysError as error:
        return failed(f"no keys for JWTs: {error}", f"see that {source} can be read from here")
    return ok(f"{len(keys)} keys for JWTs from {source}")


def _certificate(identity: IdentitySettings) -> Diagnosis:
    try:
        material = tls_files.read(identity.tls)
    except TlsError as error:
        return failed(str(error), "see docs/tls.md")
    now = time.time()
    subject = material.certificates[0].subject.rfc4514_string()
    days = (material.expires - now) / DAY
    if days < 0:
        return failed(f"the certificate {subject} ran out {-days:.0f} days ago", "renew it; it is taken up by itself")
    if material.begins > now:
        return failed(f"the certificate {subject} does not count yet", "see that this machine's clock is right")
    if days < WARN_BEFORE_DAYS:
        return warning(f"the certificate {subject} runs out in {days:.0f} days", "renew it; it is taken up by itself")
    return ok(f"the certificate {subject} counts for {days:.0f} days")
