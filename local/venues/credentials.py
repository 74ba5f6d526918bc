"""Throw-away credentials and addresses, made when needed and never stored in the repository."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

Algorithm = Literal["ES256", "EdDSA"]


@dataclass(frozen=True)
class Credential:
    """A CDP API key: its name, the private part as the vendor's portal hands it out, the public part.

    `private_key` is a SEC1 PEM block (ES256) or base64 of seed and public key, 64 bytes (EdDSA);
    `public_key` is what a simulated venue is given.
    """

    name: str
    algorithm: Algorithm
    public_key: str
    private_key: str = field(repr=False)

    def key_file(self) -> str:
        """The key file's text, as downloaded: ``{"name": ..., "privateKey": ...}``."""
        return json.dumps({"name": self.name, "privateKey": self.private_key})


def make_credential(algorithm: Algorithm = "EdDSA", *, name: str | None = None) -> Credential:
    """A fresh random key; its name has the vendor's form for its algorithm unless one is given."""
    if algorithm == "ES256":
        elliptic = ec.generate_private_key(ec.SECP256R1())
        private = elliptic.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = elliptic.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        vendor_name = f"organizations/{uuid.uuid4()}/apiKeys/{uuid.uuid4()}"
        return Credential(name or vendor_name, algorithm, public.decode(), private.decode())
    edwards = ed25519.Ed25519PrivateKey.generate()
    seed, point = edwards.private_bytes_raw(), edwards.public_key().public_bytes_raw()
    return Credential(
        name or str(uuid.uuid4()),
        algorithm,
        base64.b64encode(point).decode(),
        base64.b64encode(seed + point).decode(),
    )


def make_address(label: str) -> str:
    """A dYdX address that belongs to nobody: 20 bytes hashed from `label`, in bech32 (BIP 173)."""
    account = hashlib.sha256(f"trueup simulated address {label}".encode()).digest()[:20]
    bits = int.from_bytes(account, "big")
    words = [(bits >> shift) & 31 for shift in range(155, -1, -5)]
    prefix = "dydx"
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = _polymod([*expanded, *words, 0, 0, 0, 0, 0, 0]) ^ 1
    words += [(check >> shift) & 31 for shift in range(25, -1, -5)]
    return prefix + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[word] for word in words)


def _polymod(words: list[int]) -> int:
    """BIP 173's checksum."""
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                check ^= generator
    return check
