"""Where a client of this house finds it, judged by the settings that the house would be started with."""

from urllib.parse import urlunsplit

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  compared with, not listened on


def url(host: str, port: int, path: str = "", *, secure: bool = False) -> str:
    """The HTTP address of a listener, with TLS if `secure`; one that listens everywhere is asked on loopback."""
    host = _EVERYWHERE.get(host, host)
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return urlunsplit(("https" if secure else "http", netloc, path, "", ""))


def variable(key: str) -> str:
    """The environment variable of the setting with the dotted name `key`."""
    return "OTELHOUSE_" + key.upper().replace(".", "_")
