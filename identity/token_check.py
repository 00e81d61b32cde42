"""Is this token good at this door? The question that both gates ask of the tokens file.

In: a token as it came, and what it must be for. Out: its `KnownToken`, or the `Refusal` with the reason.
Who holds no valid token learns whether they mistyped it, and nothing about which tokens there are.
"""

import time

from identity import token_format
from identity.refusals import Reason, Refusal
from identity.token_book import KnownToken, TokenBook
from identity.token_format import Kind

_DOES = {Kind.INGEST: "sending telemetry", Kind.READ: "asking questions"}


def checked(book: TokenBook, token: str, kind: Kind) -> KnownToken | Refusal:
    """The valid token of this kind, or why it is none."""
    known = book.find(token)
    if known is not None and known.record.kind is kind and time.time() < known.expires_at:
        return known
    return _refusal(book, token, kind, known)


def _refusal(book: TokenBook, token: str, kind: Kind, known: KnownToken | None) -> Refusal:
    actor = token_format.claimed_id(token)
    actor = actor if book.has_id(actor) else ""
    if (known.record.kind if known else token_format.kind_of(token)) not in (kind, None):
        words = f"{_DOES[kind]} needs a token that begins with {kind.prefix}; this one is for something else"
        return Refusal(Reason.WRONG_KIND, words, actor)
    if known is not None:
        return Refusal(Reason.EXPIRED, "this token has expired: ask for a new one", actor)
    if token_format.well_formed(token):
        return Refusal(Reason.UNKNOWN, "this token is not known here: it was taken back, or is of another house", actor)
    words = f"this is no token as it was issued ({kind.prefix}<id>_<secret>): characters are missing, or mistyped"
    return Refusal(Reason.MALFORMED, words, actor)
