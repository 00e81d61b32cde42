"""Who sends: a token or a client certificate, turned into a `Sender`.

In: the `Authorization` header (gRPC: metadata) as it came, the address, and the subject of a client certificate that
TLS has checked. Out: a `Sender`, or an `IdentityError`. Quick: a valid token costs a hash and a look-up, no I/O but a
`stat` once a second.

As soon as `identity.tokens_file` is set, or client certificates count, everybody has to say who they are. Where neither
is, nobody is asked: the address is the name, and an `Authorization` header is not looked at.
"""

from identity.counters import Counters
from identity.refusals import Reason, Refusal, Refusals
from identity.sender import Sender
from identity.settings import IdentitySettings
from identity.token_book import KnownToken, TokenBook
from identity.token_check import checked
from identity.token_format import LONGEST, Kind

_SCHEME = "Bearer "
_LONGEST_HEADER = len(_SCHEME) + LONGEST


class IngestGate:
    """Admits senders. May be called from any thread."""

    def __init__(
        self, settings: IdentitySettings, book: TokenBook | None, refusals: Refusals, counters: Counters
    ) -> None:
        """`book`: the tokens of `settings.tokens_file`, or None where none is set."""
        self._book = book
        self._certificates_count = settings.client_certificates_count
        self._asks = settings.senders_are_asked
        self._refusals = refusals
        self._by_token = counters.admitted("ingest_token")
        self._by_certificate = counters.admitted("certificate")
        self._open = counters.admitted("open_ingest")

    @property
    def asks(self) -> bool:
        """Whether senders have to say who they are."""
        return self._asks

    def admit(self, authorization: str | None, peer: str, certificate_subject: str = "") -> Sender:
        """Who this is.

        `peer`: address without the port. `certificate_subject`: of a certificate that TLS has checked, else empty.
        Raises `UnauthenticatedError` or `LockedOutError`.
        """
        if not self._asks:
            self._open.inc()
            return Sender(peer)
        if authorization and self._book is not None:
            found = _checked(self._book, authorization)
            if isinstance(found, Refusal):
                raise self._refusals.error("ingest", peer, found)
            self._by_token.inc()
            known = found.sender
            return Sender(peer, known.name, known.cluster_name, known.cluster_uid, known.limits)
        if certificate_subject and self._certificates_count:
            self._by_certificate.inc()
            return Sender(peer, certificate_subject)
        raise self._refusals.error("ingest", peer, Refusal(Reason.MISSING, self._what_is_missing()))

    def _what_is_missing(self) -> str:
        token = "the header `Authorization: Bearer ohi_...` with an ingest token" if self._book is not None else ""
        certificate = "a client certificate" if self._certificates_count else ""
        return f"sending telemetry needs {' or '.join(filter(None, (token, certificate)))}"


def _checked(book: TokenBook, authorization: str) -> KnownToken | Refusal:
    scheme, rest = authorization[:7], authorization[7:]
    if len(authorization) > _LONGEST_HEADER or (scheme != _SCHEME and scheme.lower() != "bearer "):
        return Refusal(Reason.MALFORMED, "the header must be `Authorization: Bearer ohi_...` with an ingest token")
    return checked(book, rest.strip(), Kind.INGEST)
