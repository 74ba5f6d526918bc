"""Verifies Coinbase CDP tokens by hand, as strictly as the vendor documents them.

Written against the token's definition (RFC 7515: base64url without padding, ES256 as raw r||s, EdDSA) and
the vendor's page on CDP API keys, with no JWT library: what signs and what verifies share nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

if TYPE_CHECKING:
    from collections.abc import Mapping

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

LIFETIME_SECONDS = 120
REMEMBERED_NONCES = 100_000
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class TokenRefusedError(Exception):
    """Why a token is not accepted. The words are for our request log; the venue only says Unauthorized."""


def read_public_key(text: str) -> PublicKey:
    """A P-256 or Ed25519 public key, from PEM or (Ed25519 only) from base64 of its 32 bytes.

    Raises ValueError for anything else, a private key above all: a venue never has it.
    """
    if "PRIVATE KEY" in text:
        raise ValueError("public key: this is a private key; a venue only has the public part")
    if "BEGIN" not in text:
        return _raw_ed25519(text)
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("public key: expected a PEM public key (P-256 or Ed25519)") from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("public key: expected P-256 (ES256) or Ed25519 (EdDSA)")


def _raw_ed25519(text: str) -> ed25519.Ed25519PublicKey:
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("public key: expected a PEM block or base64") from error
    if len(raw) == 64:
        raise ValueError("public key: 64 bytes are a private key; a venue only has the public 32")
    if len(raw) != 32:
        raise ValueError(f"public key: an Ed25519 public key has 32 bytes, this has {len(raw)}")
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


class TokenCheck:
    """Checks tokens against registered keys and remembers every nonce it has accepted."""

    def __init__(self) -> None:
        self._used_nonces: dict[tuple[str, str], None] = {}

    def accept(
        self,
        token: str,
        *,
        keys: Mapping[str, PublicKey],
        method: str,
        host: str,
        path: str,
        now: float,
    ) -> str:
        """The name of the key that signed this token for this very request. Raises TokenRefusedError."""
        parts = token.split(".")
        if len(parts) != 3:
            raise TokenRefusedError("not a token of three parts")
        header, claims = _document(parts[0], "header"), _document(parts[1], "claims")
        name = header.get("kid")
        if not isinstance(name, str) or name not in keys:
            raise TokenRefusedError("kid is not a registered key")
        _check_signature(header, keys[name], f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2], "signature"))
        _check_header(header)
        _check_claims(claims, name=name, uri=f"{method} {host}{path}", now=now)
        self._use_nonce(name, header["nonce"])
        return name

    def _use_nonce(self, name: str, nonce: str) -> None:
        if (name, nonce) in self._used_nonces:
            raise TokenRefusedError("nonce was used before")
        self._used_nonces[name, nonce] = None
        if len(self._used_nonces) > REMEMBERED_NONCES:
            del self._used_nonces[next(iter(self._used_nonces))]


def _bytes(part: str, what: str) -> bytes:
    if not _BASE64URL.fullmatch(part):
        raise TokenRefusedError(f"{what} is not base64url without padding")
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise TokenRefusedError(f"{what} is not base64url without padding") from error


def _document(part: str, what: str) -> dict[str, Any]:
    try:
        document = json.loads(_bytes(part, what))
    except (ValueError, RecursionError) as error:
        raise TokenRefusedError(f"{what} is not JSON") from error
    if not isinstance(document, dict):
        raise TokenRefusedError(f"{what} is not a JSON object")
    return document


def _check_signature(header: dict[str, Any], key: PublicKey, message: bytes, signature: bytes) -> None:
    algorithm = "EdDSA" if isinstance(key, ed25519.Ed25519PublicKey) else "ES256"
    if header.get("alg") != algorithm:
        raise TokenRefusedError(f"alg does not fit the key, which signs with {algorithm}")
    if len(signature) != 64:
        raise TokenRefusedError(f"signature has {len(signature)} bytes instead of 64 (DER is not accepted)")
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise TokenRefusedError("signature does not verify") from error


def _check_header(header: dict[str, Any]) -> None:
    if header.get("typ") != "JWT":
        raise TokenRefusedError("typ is not JWT")
    nonce = header.get("nonce")
    if not isinstance(nonce, str) or not nonce:
        raise TokenRefusedError("nonce is missing")


def _check_claims(claims: dict[str, Any], *, name: str, uri: str, now: float) -> None:
    if claims.get("sub") != name:
        raise TokenRefusedError("sub is not kid")
    if claims.get("iss") != "cdp":
        raise TokenRefusedError("iss is not cdp")
    if claims.get("uri") != uri:
        raise TokenRefusedError("uri does not name this request (method, host as addressed, path, no query)")
    not_before, expires = claims.get("nbf"), claims.get("exp")
    if type(not_before) is not int or type(expires) is not int:
        raise TokenRefusedError("nbf and exp must be whole seconds")
    if not 0 < expires - not_before <= LIFETIME_SECONDS:
        raise TokenRefusedError(f"lifetime is not within {LIFETIME_SECONDS} seconds")
    if now < not_before:
        raise TokenRefusedError("nbf lies in the future")
    if now > expires:
        raise TokenRefusedError("expired")
