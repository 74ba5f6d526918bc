"""Coinbase's API keys (CDP): reading the key file as downloaded, and signing one token for one request.

Source: Coinbase's documentation of CDP API keys, and its Advanced Trade SDK for the forms a secret comes in. An error
names the field and what is wrong with it, never a fragment of the key.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trueup.domain.amounts import describe

LIFETIME_SECONDS = 120
_LEGACY_NAME = re.compile(r"[A-Za-z0-9]{16}")
_LEGACY_SECRET = re.compile(r"[A-Za-z0-9]{32}")
_LEGACY = (
    "is a legacy API key (HMAC); Coinbase switched those off in February 2025. "
    "Make a CDP key with view permission and use its key file"
)


class KeyRefused(Exception):
    """The key file is not one; `field` says which part, the message says why."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that can sign."""

    name: str
    algorithm: str
    private: EllipticCurvePrivateKey | Ed25519PrivateKey = field(repr=False)

    def token(self, method: str, host: str, path: str, *, now: int, nonce: str) -> str:
        """Sign a token for one request, valid from `now` (epoch seconds) for two minutes. The path has no query."""
        claims = {
            "sub": self.name,
            "iss": "cdp",
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "uri": f"{method} {host}{path}",
        }
        headers = {"kid": self.name, "nonce": nonce}
        # sort_headers gives alg, kid, nonce, typ: the order of the vendor's SDK, which the golden vector fixes.
        return jwt.encode(claims, self.private, self.algorithm, headers, sort_headers=True)


def read_key(document: object) -> Key:
    """Read a key file, {"name" or "id": ..., "privateKey": ...}. Raises KeyRefused."""
    if not isinstance(document, Mapping):
        raise KeyRefused("key file", f"must be an object with name and privateKey, not {describe(document)}")
    name = _text(document, "name" if document.get("name") is not None else "id")
    secret = _text(document, "privateKey").replace("\\n", "\n").strip()
    if _LEGACY_NAME.fullmatch(name) and _LEGACY_SECRET.fullmatch(secret):
        raise KeyRefused("privateKey", _LEGACY)
    private = _read_pem(secret) if "-----BEGIN" in secret else _read_base64(secret)
    return Key(name, "ES256" if isinstance(private, EllipticCurvePrivateKey) else "EdDSA", private)


def _text(document: Mapping[str, object], where: str) -> str:
    value = document.get(where)
    if value is None:
        missing = "name" if where == "id" else where
        raise KeyRefused(missing, 'is missing: the key file has the form {"name": ..., "privateKey": ...}')
    if not isinstance(value, str):
        raise KeyRefused(where, f"must be a string, not {describe(value)}")
    # Quotes and blanks come along when a key is pasted through a shell or an .env file.
    text = value.strip().strip("\"'").strip()
    if not text:
        raise KeyRefused(where, "must not be empty")
    if where != "privateKey" and not text.isprintable():
        raise KeyRefused(where, "must be one line without control characters")
    return text


def _read_pem(secret: str) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(secret.encode(), password=None)
    except TypeError:
        raise KeyRefused("privateKey", "is protected by a password; use the key file as Coinbase gave it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("privateKey", "begins like a PEM key but is not one; it may be cut or altered") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise KeyRefused("privateKey", "must be an ECDSA key on P-256 or an Ed25519 key")


def _read_base64(secret: str) -> Ed25519PrivateKey:
    try:
        content = base64.b64decode("".join(secret.split()), validate=True)
    except (binascii.Error, ValueError):
        raise KeyRefused("privateKey", "must be a PEM key (ECDSA) or base64 (Ed25519)") from None
    if len(content) not in (32, 64):
        raise KeyRefused("privateKey", f"must be 32 or 64 bytes of base64 (Ed25519), not {len(content)}")
    key = Ed25519PrivateKey.from_private_bytes(content[:32])
    if len(content) == 64 and key.public_key().public_bytes_raw() != content[32:]:
        raise KeyRefused("privateKey", "is damaged: its public half does not belong to its private half")
    return key
