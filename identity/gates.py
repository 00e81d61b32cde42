"""Both gates, put together: one tokens file, one count of failures, one set of counters.

In: the settings, a Prometheus registry, and where sign-in failures and token changes are told (the audit trail). Out:
`Gates`. Raises `TokensFileError` where the tokens file cannot be used: a house with broken locks does not open.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from identity import token_format
from identity.audit_line import Deed
from identity.counters import Counters
from identity.ingest_gate import IngestGate
from identity.jwks import KeySource
from identity.jwt_check import JwtCheck
from identity.lockout import Lockout
from identity.read_gate import ReadGate
from identity.refusals import Refusals
from identity.settings import IdentitySettings
from identity.token_book import TokenBook
from identity.token_format import Kind
from identity.token_record import RoleName, TokenRecord


@dataclass(frozen=True, slots=True)
class Gates:
    """The two gates of one process, and what they share."""

    ingest: IngestGate
    read: ReadGate
    _book: TokenBook | None
    _keys: KeySource | None

    @property
    def problem(self) -> str:
        """What is wrong though the gates still work (tokens or keys of before in force), or an empty text."""
        problems = (self._book.problem if self._book else "", self._keys.problem if self._keys else "")
        return "; ".join(filter(None, problems))

    def own_token(self, kind: Kind, token_id: str) -> str:
        """A new token for something that runs in this process: of a sender, or a viewer who sees everything.

        Empty where there is no tokens file: then no token counts.
        """
        if self._book is None:
            return ""
        token = token_format.mint(kind, token_id)
        role = RoleName.VIEWER if kind is Kind.READ else None
        hashed = f"sha256:{token_format.digest(token).hex()}"
        self._book.keep(TokenRecord(id=token_id, kind=kind, hash=hashed, role=role))
        return token

    def close(self) -> None:
        """Fetch nothing more, and look at no file. Safe twice."""
        if self._book is not None:
            self._book.close()
        if self._keys is not None:
            self._keys.close()


def open_gates(
    settings: IdentitySettings, registry: CollectorRegistry, record: Callable[[Deed], None] | None = None
) -> Gates:
    """Make both gates. `record` is told of sign-in failures and token changes. Raises `TokensFileError`."""
    counters = Counters(registry)
    refusals = Refusals(Lockout(settings.lockout), counters, record)
    book = TokenBook(settings.tokens_file.expanduser(), on_change=record) if settings.tokens_file else None
    if book is not None:
        counters.tokens_file_usable.set_function(lambda: 0.0 if book.problem else 1.0)
        book.watch()
    keys = KeySource(settings.jwt) if settings.jwt.on else None
    jwts = JwtCheck(settings.jwt, keys) if keys is not None else None
    return Gates(IngestGate(settings, book, refusals, counters), ReadGate(book, jwts, refusals, counters), book, keys)
