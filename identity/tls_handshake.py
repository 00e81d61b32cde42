"""What happens between a connection and its first byte of HTTP: a handshake by what is in force, and clear failures.

asyncio and uvloop keep one `ssl.SSLContext` for as long as a server listens, and ask it for one thing: `wrap_bio`, once
a connection. `LiveContext` passes that on to the context of the moment. Both also drop a connection whose handshake
failed without sending the alert that says why; here it is sent first. A client that then does not hang up is cut off
with those who never finish their handshake.

In: a function that gives the context in force. Out: an `ssl.SSLContext` for servers, and a `Failure` for each handshake
that came to nothing.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

_PLAIN_TEXT = b"This port speaks TLS: write https instead of http.\n"
_PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_PLAIN_TEXT), _PLAIN_TEXT)
)

_REASONS = {
    "HTTP_REQUEST": ("plain_text", "plain HTTP at a port that speaks TLS"),
    "HTTPS_PROXY_REQUEST": ("plain_text", "plain HTTP at a port that speaks TLS"),
    "WRONG_VERSION_NUMBER": ("no_tls", "what came is no TLS"),
    "UNSUPPORTED_PROTOCOL": ("old_version", "the client speaks nothing newer than TLS 1.1"),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": ("no_certificate", "the client has no certificate"),
    "CERTIFICATE_VERIFY_FAILED": ("bad_certificate", "the client's certificate is refused"),
    "TLSV1_ALERT_UNKNOWN_CA": ("refused_by_client", "the client does not trust the house's CA"),
}
"""OpenSSL's reason -> a word to count by, and a text for the log."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a handshake came to nothing."""

    reason: str
    """A short fixed word."""
    text: str


Report = Callable[[Failure], None]


class LiveContext(ssl.SSLContext):
    """Gives every connection the context that `_now` names."""

    _now: Callable[[], ssl.SSLContext]
    _report: Report

    @classmethod
    def of(cls, now: Callable[[], ssl.SSLContext], report: Report) -> Self:
        """Ask `now` for each connection's context, and tell `report` what came to nothing."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._now, context._report = now, report
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  as ssl.SSLContext
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """One connection begins."""
        context = self._now()
        context.sslobject_class = _Handshake
        wrapped = context.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(wrapped, _Handshake):
            wrapped.outgoing, wrapped.report = outgoing, self._report
        return wrapped


class _Handshake(ssl.SSLObject):
    """One connection, whose failure is told to both sides."""

    outgoing: ssl.MemoryBIO
    report: Report
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Take the next step. Raises as `ssl.SSLObject`, but once more `SSLWantReadError` while there is something to
        tell the client: whoever drives the handshake sends what lies ready only then.
        """
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._failure = error
            self.report(_failure_of(error))
            if error.reason in {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"}:
                self.outgoing.write(_PLAIN_ANSWER)
            if not self.outgoing.pending:
                raise
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the handshake failed") from error


def _failure_of(error: ssl.SSLError) -> Failure:
    known = _REASONS.get(error.reason)
    if known is None:
        from_client = "ALERT" in (error.reason or "")
        return Failure("refused_by_client" if from_client else "other", f"OpenSSL says {error.reason}")
    word, text = known
    why = getattr(error, "verify_message", "")
    return Failure(word, f"{text} ({why})" if why else text)
