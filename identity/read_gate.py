"""Who asks: a read token or a JWT, turned into a `Reader`.

In: the bare credential (where in the request it stood is for the doors to know) and the address. Out: a `Reader`, or
an `IdentityError`. Never blocks the event loop: at most a JWT waits, within bounds, for its provider's keys.

As soon as `identity.tokens_file` or `identity.jwt` is set, everybody has to say who they are. Where neither is, who
sits at this machine may do everything, and who comes over the network (`identity.let_anyone_in`) may ask as a viewer.
"""

from dataclasses import replace

from identity import jwt_check, token_format
from identity.counters import Counters
from identity.jwt_check import JwtCheck
from identity.reader import Reader, Role
from identity.refusals import Reason, Refusal, Refusals
from identity.settings import is_loopback
from identity.token_book import TokenBook
from identity.token_check import checked
from identity.token_format import Kind

ANONYMOUS = "anonymous"


class ReadGate:
    """Admits readers. Used on one event loop."""

    def __init__(self, book: TokenBook | None, jwts: JwtCheck | None, refusals: Refusals, counters: Counters) -> None:
        """`book`, `jwts`: None where the settings name no tokens file, or no key source."""
        self._book = book
        self._jwts = jwts
        self._refusals = refusals
        self._by_token = counters.admitted("read_token")
        self._by_jwt = counters.admitted("jwt")
        self._open = counters.admitted("open_read")

    @property
    def asks(self) -> bool:
        """Whether readers have to say who they are."""
        return self._book is not None or self._jwts is not None

    async def admit(self, credential: str | None, peer: str) -> Reader:
        """Who this is.

        `credential`: the token or JWT without ``Bearer``. `peer`: address without the port, empty if it is not known.
        Raises `UnauthenticatedError`, `LockedOutError`, `ForbiddenError` or `KeysUnavailableError`.
        """
        if not self.asks:
            self._open.inc()
            # Who reset its connection has no address any more, and is nobody's neighbour for that.
            local = is_loopback(peer)
            return Reader(ANONYMOUS, Role.ADMIN if local else Role.VIEWER, peer=peer)
        if not credential:
            missing = Refusal(Reason.MISSING, f"asking questions needs {self._what_counts()}")
            raise self._refusals.error("read", peer, missing)
        if self._jwts is not None and jwt_check.looks_like_one(credential):
            found = await self._jwts.reader(credential, peer)
            counter = self._by_jwt
        else:
            found = self._by_tokens_file(credential, peer)
            counter = self._by_token
        if isinstance(found, Refusal):
            raise self._refusals.error("read", peer, found)
        counter.inc()
        return found

    def _by_tokens_file(self, token: str, peer: str) -> Reader | Refusal:
        if self._book is None or token_format.kind_of(token) is None:
            return Refusal(Reason.MALFORMED, f"this credential is none that counts here: send {self._what_counts()}")
        known = checked(self._book, token, Kind.READ)
        return known if isinstance(known, Refusal) else replace(known.record.reader(), peer=peer)

    def _what_counts(self) -> str:
        token = "a read token (ohr_...)" if self._book is not None else ""
        jwt = "a JWT of the identity provider" if self._jwts is not None else ""
        return " or ".join(filter(None, (token, jwt)))
