"""Gets an identity provider's public keys (JWKS, RFC 7517), from an address or a file.

In: the settings. Out: keys by id. Blocks, within bounds: `timeout_s` for all of a fetch, 256 KiB, no redirects, no
compression. Takes RSA keys of 2048 bits and more for RS256 and P-256 keys for ES256; passes over all others, private
ones and shared secrets (`oct`) among them, which nobody should publish.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import urllib3
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from identity.settings import JwtSettings

MAX_BYTES = 256 * 1024
MOST_KEYS = 100
SMALLEST_RSA = 2048
"""Bits, after RFC 7518 section 3.3."""
ALGORITHMS: Mapping[str, str] = {"RSA": "RS256", "EC": "ES256"}
"""Key type -> the one algorithm that it is taken for."""

Keys = Mapping[str, jwt.PyJWK]
"""Key id, or an empty text for a key without one -> key."""


class KeysError(Exception):
    """The keys cannot be had now. The message is for the log, not for who asks."""


def fetch(settings: JwtSettings) -> Keys:
    """The keys as they are published now. Raises `KeysError`."""
    return parsed(_from_file(settings.jwks_file) if settings.jwks_file else _from_url(settings))


def parsed(raw: bytes) -> Keys:
    """The usable keys of a key set. Raises `KeysError` where there is none."""
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise KeysError("the answer is no JSON") from error
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise KeysError(f"the answer is no key set: an object with a list `keys` of at most {MOST_KEYS}")
    keys: dict[str, jwt.PyJWK] = {}
    for data in listed:
        if isinstance(data, dict) and (key := _usable(data)) is not None:
            keys.setdefault(str(data.get("kid", "")), key)
    if not keys:
        raise KeysError("the key set holds no public key for RS256 (2048 bits or more) or ES256 (P-256)")
    return keys


def _usable(data: Mapping[str, Any]) -> jwt.PyJWK | None:
    algorithm = ALGORITHMS.get(str(data.get("kty")))
    if algorithm is None or data.get("alg", algorithm) != algorithm or data.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(dict(data), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None  # one broken key must not take the others with it; without any there is a KeysError
    public = key.key
    if isinstance(public, RSAPublicKey):
        return key if public.key_size >= SMALLEST_RSA else None
    return key if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1) else None


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise KeysError(f"{path}: has more than {MAX_BYTES} bytes")
    return raw


def _from_url(settings: JwtSettings) -> bytes:
    deadline = time.monotonic() + settings.timeout_s
    trusted = str(settings.ca_file) if settings.ca_file else None
    try:
        with urllib3.PoolManager(num_pools=1, retries=False, timeout=settings.timeout_s, ca_certs=trusted) as pool:
            response = pool.request(
                "GET",
                settings.jwks_url,
                headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
                redirect=False,
                preload_content=False,
            )
            try:
                return _body(response, deadline)
            finally:
                response.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise KeysError(f"{settings.jwks_url}: {type(error).__name__}: {error}") from error


def _body(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    if response.status != 200:
        raise KeysError(f"answered with status {response.status}, not 200")
    body = bytearray()
    # What is there is taken as it comes, so that a server that drips does not outlast the deadline.
    while part := response.read1(MAX_BYTES + 1 - len(body), decode_content=False):
        body += part
        if len(body) > MAX_BYTES:
            raise KeysError(f"the answer has more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise KeysError("the answer took too long")
    return bytes(body)
