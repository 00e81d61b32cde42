"""What happens when somebody is turned away: it is counted, locks out who does it over and over, and is told.

In: a `Refusal`. Out: the error to raise. `on_refusal` gets a `Deed` for each; the audit trail folds those that repeat
(same address, actor and door) into one line a minute that says how many they were, so a flood does not flood it.
No credential comes here, only the reason: nothing here could write one down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from identity.audit_line import Deed
from identity.counters import Counters
from identity.errors import ForbiddenError, IdentityError, KeysUnavailableError, LockedOutError, UnauthenticatedError
from identity.lockout import Lockout

Purpose = Literal["ingest", "read"]


class Reason(StrEnum):
    """Why somebody was turned away; a label of the counters and a detail of the audit trail."""

    MISSING = "missing"
    """No credential."""
    MALFORMED = "malformed"
    """Not a credential as it was issued: cut, mistyped, or something else altogether."""
    WRONG_KIND = "wrong_kind"
    """A token for the other doors."""
    UNKNOWN = "unknown"
    """Well formed, but not ours, or taken back."""
    EXPIRED = "expired"
    ALGORITHM = "algorithm"
    """A JWT signed otherwise than with RS256 or ES256."""
    SIGNATURE = "signature"
    CLAIMS = "claims"
    """A JWT of another issuer, for somebody else, not yet valid, or without what it must say."""
    ROLE = "role"
    """A good JWT that gives no role here."""
    SCOPE = "scope"
    """A good JWT whose scope cannot be made out, or holds nothing."""
    UNKNOWN_KEY = "unknown_key"
    """A JWT signed with a key that the provider does not publish, yet."""
    NO_KEYS = "no_keys"
    """The provider's keys cannot be had."""
    LOCKED_OUT = "locked_out"


_KNOWN_BUT_NOT_ALLOWED = frozenset({Reason.ROLE, Reason.SCOPE})
_NOBODY_CAN_SAY = frozenset({Reason.UNKNOWN_KEY, Reason.NO_KEYS})
_NO_GUESS = _KNOWN_BUT_NOT_ALLOWED | _NOBODY_CAN_SAY | {Reason.MISSING}
"""Nothing wrong was tried."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, and what the one at the door is told."""

    reason: Reason
    message: str
    """Names the mend; holds nothing that came with the request."""
    actor: str = ""
    """The id of the known token that the credential claims to be, or empty."""
    retry_after: float = 0.0
    """Seconds, where nobody can say now."""


class Refusals:
    """Turns refusals into errors. One for all gates, so that an address is counted over all doors."""

    def __init__(self, lockout: Lockout, counters: Counters, on_refusal: Callable[[Deed], None] | None = None) -> None:
        self._lockout = lockout
        self._counters = counters
        self._on_refusal = on_refusal

    def error(self, purpose: Purpose, peer: str, refusal: Refusal) -> IdentityError:
        """Take note of a refusal; gives what to raise."""
        if refusal.reason in _NO_GUESS:
            return self._noted(purpose, peer, refusal)
        if left := self._lockout.remaining(peer):
            locked = Refusal(Reason.LOCKED_OUT, _locked_out(left), refusal.actor, left)
            return self._noted(purpose, peer, locked)
        self._lockout.failed(peer)
        return self._noted(purpose, peer, refusal)

    def _noted(self, purpose: Purpose, peer: str, refusal: Refusal) -> IdentityError:
        self._counters.refused(purpose, refusal.reason.value)
        if self._on_refusal is not None:
            details = {"reason": refusal.reason.value}
            self._on_refusal(Deed("sign_in.refused", refusal.actor, peer, "refused", purpose, details))
        return _error(refusal)


def _error(refusal: Refusal) -> IdentityError:
    if refusal.reason in _KNOWN_BUT_NOT_ALLOWED:
        return ForbiddenError(refusal.message)
    if refusal.reason in _NOBODY_CAN_SAY:
        return KeysUnavailableError(refusal.message, retry_after=refusal.retry_after)
    if refusal.reason is Reason.LOCKED_OUT:
        return LockedOutError(refusal.message, retry_after=refusal.retry_after)
    return UnauthenticatedError(refusal.message)


def _locked_out(left: float) -> str:
    return f"too many wrong credentials from this address: come again in {left:.0f} s, or now with a valid one"
