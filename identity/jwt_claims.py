"""What a JWT's claims allow here. Its signature has been checked.

In: the claims, and the settings that say which of them mean what. Out: a `Reader`, or the `Refusal` with the reason.
A claim that is there and cannot be made out never widens what its reader may see: it is refused.
"""

from collections.abc import Mapping
from typing import Any

from identity.reader import Reader, Role, Scope
from identity.refusals import Reason, Refusal
from identity.settings import JwtSettings
from identity.token_record import MOST_IN_SCOPE, SIGNALS, RoleName

Claims = Mapping[str, Any]

LONGEST_NAME = 255
_ABSENT = object()


def reader(claims: Claims, settings: JwtSettings, peer: str) -> Reader | Refusal:
    """Whom these claims name."""
    name = _claim(claims, settings.name_claim)
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return Refusal(
            Reason.CLAIMS, f"the JWT's claim {settings.name_claim} must be a name of 1 to {LONGEST_NAME} characters"
        )
    role = _role(claims, settings)
    if role is None:
        return Refusal(
            Reason.ROLE, f"the JWT's claim {settings.role_claim} gives no role here: viewer, operator or admin"
        )
    parts: list[tuple[str, ...]] = []
    for claim in (
        settings.clusters_claim,
        settings.namespaces_claim,
        settings.compositions_claim,
        settings.signals_claim,
    ):
        names = _names(_claim(claims, claim))
        if names is None or (claim == settings.signals_claim and not set(names) <= set(SIGNALS)):
            return Refusal(Reason.SCOPE, f"the JWT's claim {claim} must be a text or a list of texts, and not empty")
        parts.append(names)
    return Reader(name, role, Scope(*parts), peer)


def _role(claims: Claims, settings: JwtSettings) -> Role | None:
    said = _claim(claims, settings.role_claim)
    words = said if isinstance(said, list) else [said]
    prefix = settings.role_prefix
    known = {f"{prefix}{role.value}": role.role for role in RoleName}
    given = [known[word] for word in words if isinstance(word, str) and word in known]
    if given:
        return max(given)
    return settings.default_role.role if settings.default_role else None


def _names(said: object) -> tuple[str, ...] | None:
    """The names in a claim, none where the claim is absent; None where it cannot be made out."""
    if said is _ABSENT:
        return ()
    listed: list[object] = said if isinstance(said, list) else [said]
    names = tuple(name for name in listed if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME)
    return names if len(names) == len(listed) and 0 < len(names) <= MOST_IN_SCOPE else None


def _claim(claims: Claims, name: str) -> object:
    """The claim with this name; where there is none, a dot steps into an object."""
    if name in claims:
        return claims[name]
    found: object = claims
    for step in name.split("."):
        if not isinstance(found, dict) or step not in found:
            return _ABSENT
        found = found[step]
    return found
