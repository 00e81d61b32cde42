"""What a command shows to a running house, and what it trusts.

In: the `client` settings and the environment. Out: an `Access`, or an `AccessError` that names the setting, the file
and the mend. A token is never shown: not in messages, not in a repr.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from otelhouse import addresses, invocation
from otelhouse.client_settings import ClientSettings
from otelhouse.configuration import TOKEN_VARIABLE
from otelhouse.invocation import Misuse, setting_option
from otelhouse.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

_MAX_TOKEN_BYTES = 16 * 1024
"""A JWT with many claims has some 4 KB, and no header of ours may have more than 64 KiB."""


class AccessError(Exception):
    """A file of the client's cannot be used. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Access:
    """A token and the files of TLS, each empty or None where there is none."""

    token: str = field(default="", repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def context(self) -> ssl.SSLContext:
        """TLS for a connection to a house. Raises `AccessError`."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise AccessError(f"client.ca: {self.ca} cannot be used ({_why(error)}): give a PEM file") from error
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key, password=_no_password)
            except (OSError, ssl.SSLError) as error:
                files = f"client.certificate, client.key: {self.certificate} and {self.key}"
                raise AccessError(f"{files} cannot be used ({_why(error)}): give a pair of PEM files") from error
        return context


NO_ACCESS = Access()
"""Of who has nothing to show and trusts what this machine trusts."""


def access(settings: ClientSettings, environ: Mapping[str, str]) -> Access:
    """Put together what this command has. Raises `AccessError`."""
    token, where = environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
    if settings.token_file is not None:
        token, where = _read(settings.token_file), f"client.token_file: {settings.token_file}"
        if not token.strip():
            raise AccessError(f"{where} is empty: write the token into it")
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise AccessError(f"{where} holds no token: it must be one word, and nothing else")
    return Access(token, settings.ca, settings.certificate, settings.key)


def access_of_command(settings: Settings) -> Access:
    """What the command that runs now has. Raises `Misuse` where that cannot be used."""
    try:
        return access(settings.client, invocation.environment(click.get_current_context()))
    except AccessError as error:
        raise Misuse(str(error)) from error


def rest_url(settings: Settings) -> str:
    """Where the house with these settings answers questions."""
    place = settings.query
    return addresses.url(place.host, place.port, secure=settings.identity.tls.at("rest"))


def access_options(command: Callable[P, R]) -> Callable[P, R]:
    """Flags for what is given most often; `@configured` goes below it."""
    token = setting_option(
        "--token-file",
        "client.token_file",
        metavar="FILE",
        help="File with the token to show. [default: the variable OTELHOUSE_TOKEN]",
    )
    ca = setting_option(
        "--ca",
        "client.ca",
        metavar="FILE",
        type=click.Path(),
        help="PEM file with the CA of the house's certificate. [default: this machine's CAs]",
    )
    return token(ca(command))


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_TOKEN_BYTES)
    except OSError as error:
        mend = "give the path of a file with the token"
        raise AccessError(f"client.token_file: {path} cannot be read ({error.strerror}): {mend}") from error


def _no_password() -> str:
    raise ssl.SSLError(0, "the key is encrypted")


def _why(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
