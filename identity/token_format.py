"""What a token looks like: minted here, hashed here, and told from a typing mistake here.

    ohi_<id>_<secret><check>    sends telemetry (ingest)
    ohr_<id>_<secret><check>    asks questions (read)

`secret` is 256 bits from the operating system's random source in 43 characters of base 62, `check` the CRC-32 of all
before it in 6: a token that was cut or mistyped is known as such, before anybody looks for it. Only the SHA-256 of the
whole text is ever kept. That needs no salt and no slow hash: those defend what people can guess, and nobody guesses
256 random bits.
"""

import re
import secrets
import string
import zlib
from enum import StrEnum
from hashlib import sha256

ID_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
"""1 to 63 small letters, digits and hyphens, as in Kubernetes names; no underscore, which parts a token."""

SECRET_BYTES = 32
LONGEST = 160
"""Characters of the longest token, and some more."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = 43
"""62^43 > 2^256."""
_CHECK_LENGTH = 6
"""62^6 > 2^32."""
_SHAPE = re.compile(rf"(oh[ir])_([a-z0-9-]{{1,63}})_([0-9A-Za-z]{{{_SECRET_LENGTH + _CHECK_LENGTH}}})")


class Kind(StrEnum):
    """What a token is for."""

    INGEST = "ingest"
    READ = "read"

    @property
    def prefix(self) -> str:
        """What tokens of this kind begin with."""
        return "ohi_" if self is Kind.INGEST else "ohr_"


def mint(kind: Kind, token_id: str) -> str:
    """A new token. It is the only copy; `token_id` must match `ID_PATTERN`, or `ValueError`."""
    if not re.fullmatch(ID_PATTERN, token_id):
        raise ValueError(
            "a token's id is 1 to 63 small letters, digits and hyphens, and begins and ends with no hyphen"
        )
    secret = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), _SECRET_LENGTH)
    body = f"{kind.prefix}{token_id}_{secret}"
    return body + _check(body)


def digest(token: str) -> bytes:
    """SHA-256 of the whole token, 32 bytes. Takes any text, half a surrogate pair included."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def kind_of(text: str) -> Kind | None:
    """What kind of token `text` begins like, or None for what is no token of ours, such as a JWT."""
    return next((kind for kind in Kind if text.startswith(kind.prefix)), None)


def well_formed(text: str) -> bool:
    """Whether `text` is a token as it was issued, every character in place."""
    if len(text) > LONGEST or _SHAPE.fullmatch(text) is None:
        return False
    body = text[:-_CHECK_LENGTH]
    return _check(body) == text[-_CHECK_LENGTH:]


def claimed_id(text: str) -> str:
    """The id that a token says it has, or an empty text. Anybody may claim any: show it only if it is a known one."""
    found = _SHAPE.fullmatch(text) if len(text) <= LONGEST else None
    return found[2] if found else ""


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
