"""Where a ClickHouse server is: an address taken apart.

In: an URL of one of these forms, credentials and database optional:

    clickhouse://user:password@host:9000/database?http_port=8123     (clickhouses:// for TLS)
    http://user:password@host:8123/database?native_port=9000         (https:// for TLS)

Out: a frozen `Address` with both ports, since questions go over the native protocol and inserts over HTTP.
It refuses other schemes, unknown query parameters and ports that are none; no message repeats a password.
"""

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

NATIVE_PORT, NATIVE_TLS_PORT = 9000, 9440
HTTP_PORT, HTTPS_PORT = 8123, 8443
"""ClickHouse's own defaults: https://clickhouse.com/docs/guides/sre/network-ports"""

_PARAMETERS = frozenset({"http_port", "native_port", "secure", "verify"})
_SCHEMES = frozenset({"clickhouse", "clickhouses", "http", "https"})
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Address:
    """One ClickHouse server, both its doors. It carries no password on purpose."""

    host: str
    native_port: int
    http_port: int
    secure: bool = False
    """Speak TLS on both ports."""
    verify: bool = True
    """Check the server's certificate."""

    @property
    def name(self) -> str:
        """The server as a person may read it, in messages."""
        return f"{self.host} (native port {self.native_port}, HTTP port {self.http_port})"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an URL may carry beside the place."""

    username: str = ""
    password: str = ""
    database: str = ""

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"Credentials(username={self.username!r}, database={self.database!r})"


def parse(url: str) -> Address:
    """Take an URL apart; raises ValueError with the mend."""
    parts = _split(url)
    options = _options(parts)
    scheme_is_secure = parts.scheme in {"clickhouses", "https"}
    secure = _flag(options, "secure", default=scheme_is_secure)
    if scheme_is_secure and not secure:
        raise ValueError(f"{parts.scheme}:// asks for TLS and secure={options['secure']} forbids it: say one of them")
    own = "http" if parts.scheme.startswith("http") else "native"
    ports = {"native": NATIVE_TLS_PORT if secure else NATIVE_PORT, "http": HTTPS_PORT if secure else HTTP_PORT}
    for protocol in ports:
        named = options.get(f"{protocol}_port")
        if named is not None:
            ports[protocol] = _port(f"{protocol}_port", named)
    if (port := _own_port(parts)) is not None:
        ports[own] = port
    return Address(
        host=parts.hostname or "",
        native_port=ports["native"],
        http_port=ports["http"],
        secure=secure,
        verify=_flag(options, "verify", default=True),
    )


def credentials(url: str) -> Credentials:
    """Give the user name, password and database that the URL carries, percent-decoded; empty where it has none."""
    parts = _split(url)
    return Credentials(
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")),
    )


def without_credentials(url: str) -> str:
    """Give the URL without user name, password and database."""
    parts = _split(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], path="/").geturl()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the password
        raise ValueError("this is not an URL; write clickhouse://HOST:9000/DATABASE?http_port=8123") from None
    if parts.scheme not in _SCHEMES:
        # Without `scheme://` everything before the first colon counts as the scheme, which may be a user's name.
        raise ValueError("the URL must begin with clickhouse://, clickhouses://, http:// or https://")
    if not parts.hostname:
        raise ValueError("the URL names no host; write clickhouse://HOST:9000/DATABASE?http_port=8123")
    if parts.path.strip("/").count("/"):
        raise ValueError("the URL's path is the database alone: clickhouse://HOST:9000/DATABASE")
    return parts


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _PARAMETERS):
        raise ValueError(f"unknown URL parameter {unknown[0]!r}; known are {', '.join(sorted(_PARAMETERS))}")
    return options


def _own_port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("the URL's port must be a number from 1 to 65535") from None


def _port(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise ValueError(f"{name}={text} must be a number from 1 to 65535")
    return int(text)


def _flag(options: dict[str, str], name: str, *, default: bool) -> bool:
    text = options.get(name)
    if text is None:
        return default
    if text.lower() not in _FLAGS:
        raise ValueError(f"{name}={text} must be true or false")
    return _FLAGS[text.lower()]
