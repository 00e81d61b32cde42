"""Checks a JWT (RFC 7519, with the advice of RFC 8725): who signed it, for whom, until when.

In: the text. Out: a `Reader`, or the `Refusal` with the reason. The algorithm is the key's, RS256 or ES256, never the
one that the JWT asks for: `none` and shared secrets (HS256) have no way in. Issuer, audience and expiry must be there
and right; `nbf` and `iat` where they are there. What can be refused without a key is refused before one is looked for.
"""

from typing import Any

import jwt

from identity import jwt_claims
from identity.jwks import KeySource
from identity.jwks_fetch import ALGORITHMS
from identity.reader import Reader
from identity.refusals import Reason, Refusal
from identity.settings import JwtSettings

LONGEST = 16 * 1024
"""Characters; what providers issue has 1 to 4 KiB."""

_WORDS = {
    Reason.MALFORMED: "this is no JWT as it was issued",
    Reason.EXPIRED: "this JWT has expired: sign in again",
    Reason.SIGNATURE: "the signature of this JWT is wrong",
    Reason.CLAIMS: "this JWT is not for this house, is not valid yet, or lacks iss, aud or exp",
    Reason.ALGORITHM: "this JWT is not signed with RS256 or ES256",
}


def looks_like_one(credential: str) -> bool:
    """Whether it has a JWT's three parts."""
    return credential.count(".") == 2


class JwtCheck:
    """Checks the JWTs of one provider."""

    def __init__(self, settings: JwtSettings, keys: KeySource) -> None:
        self._settings = settings
        self._keys = keys

    async def reader(self, credential: str, peer: str) -> Reader | Refusal:
        """Who this is; may have the keys fetched, and waits for them within bounds."""
        header, reason = self._decoded(credential, None)
        if reason is not None:
            return Refusal(reason, _WORDS[reason])
        if header.get("alg") not in ALGORITHMS.values():
            return Refusal(Reason.ALGORITHM, _WORDS[Reason.ALGORITHM])
        key = await self._keys.key(header.get("kid", ""))
        if isinstance(key, Refusal):
            return key
        claims, reason = self._decoded(credential, key)
        if reason is not None:
            return Refusal(reason, _WORDS[reason])
        return jwt_claims.reader(claims, self._settings, peer)

    def _decoded(self, credential: str, key: jwt.PyJWK | None) -> tuple[dict[str, Any], Reason | None]:
        """With a key the claims, all checked; without one the header, with all checked but the signature.

        Raises nothing: the library's errors hold parts of what they read.
        """
        settings = self._settings
        if len(credential) > LONGEST:
            return {}, Reason.MALFORMED
        try:
            decoded = jwt.decode_complete(
                credential,
                key if key is not None else "",
                algorithms=[key.algorithm_name] if key is not None else [],
                issuer=settings.issuer,
                audience=settings.audience,
                leeway=settings.leeway_s,
                options={
                    "verify_signature": key is not None,
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": True,
                    "verify_nbf": True,
                    "verify_iat": True,
                    "verify_aud": True,
                    "verify_iss": True,
                },
            )
        except (jwt.PyJWTError, ValueError) as error:
            return {}, _reason(error)
        return decoded["payload" if key is not None else "header"], None


def _reason(error: Exception) -> Reason:
    if isinstance(error, jwt.ExpiredSignatureError):
        return Reason.EXPIRED
    if isinstance(error, jwt.InvalidAlgorithmError):
        return Reason.ALGORITHM
    if isinstance(error, jwt.InvalidSignatureError):
        return Reason.SIGNATURE
    # A DecodeError is an InvalidTokenError too; what remains of those speaks of claims.
    return Reason.MALFORMED if isinstance(error, (jwt.DecodeError, ValueError)) else Reason.CLAIMS
