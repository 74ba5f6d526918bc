"""What must not be found, and finding it in a text.

Secrets are found by any 31 characters in a row: every 16 of them in a row are remembered, and of a text every sixteenth
16 are looked up. That costs the same for ten secrets and for ten thousand.
"""

import base64
import re
import threading
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_GRAM = 16
SHORTEST = 2 * _GRAM - 1
"""Characters of a secret that are found for certain."""
DIGITS = 8
"""Significant digits that make a balance one of a kind."""
_RUN = re.compile(rf"[A-Za-z0-9+/=_-]{{{SHORTEST},}}")
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])\d[\d,]*(?:\.\d+)?")
# Secrets of processes we cannot see into.
_SHAPES = {
    "a signed token": re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "a key's PEM block": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed address": re.compile(r"X-Amz-(?:Signature|Security-Token|Credential)=", re.IGNORECASE),
}


class Canaries:
    """Secrets, which may be nowhere, and balances, which may be in evidence, reports, books and alerts only."""

    def __init__(self) -> None:
        self._grams: dict[str, str] = {}
        self._balances: set[str] = set()
        self._lock = threading.Lock()

    def add_secret(self, what: str, text: str) -> None:
        """Remember a text that may be nowhere, as it is and as base64 of it. Too short a one cannot be told apart."""
        if len(text) < SHORTEST:
            return
        with self._lock:
            self._remember(what, text)
            for encoded in _in_base64(text.encode()):
                self._remember(what, encoded)

    def add_key(self, private_key: str) -> None:
        """Remember a venue's private key: its characters, and its bytes in hex and base64 wherever they begin."""
        if "-----BEGIN" in private_key:
            key = load_pem_private_key(private_key.encode(), password=None)
            assert isinstance(key, EllipticCurvePrivateKey)
            raw = key.private_numbers().private_value.to_bytes(32, "big")
        else:
            raw = base64.b64decode(private_key)[:32]  # then comes the public half
        secret_characters = next(found for found in _in_base64(raw) if found in "".join(private_key.split()))
        with self._lock:
            for text in (raw.hex(), raw.hex().upper(), *_in_base64(raw), *_in_base64(secret_characters.encode())):
                self._remember("a private key", text)

    def add_token(self, token: str) -> None:
        """Remember the signature of a token; without it the rest opens nothing."""
        signature = token.rpartition(".")[2]
        if token.count(".") == 2 and len(signature) >= SHORTEST:
            with self._lock:
                self._remember("a signature", signature)

    def add_balance(self, amount: str) -> None:
        """Remember an amount, unless it is short enough to be met by accident."""
        digits = amount.lstrip("+-")
        if len(digits.replace(".", "").strip("0")) >= DIGITS and _NUMBER.fullmatch(digits):
            with self._lock:
                self._balances.add(digits)
                whole, _, fraction = digits.partition(".")
                if len(whole) + 2 >= DIGITS:
                    self._balances.add(f"{whole}.{fraction[:2]:0<2}")

    def _remember(self, what: str, text: str) -> None:
        for start in range(len(text) - _GRAM + 1):
            self._grams[text[start : start + _GRAM]] = what

    def in_text(self, text: str, *, balances: bool) -> Iterator[str]:
        """Name everything in the text that must not be there; `balances` are looked for only where they matter."""
        for what, shape in _SHAPES.items():
            if shape.search(text):
                yield what
        found = set()
        for run in _RUN.findall(text):
            for start in range(0, len(run) - _GRAM + 1, _GRAM):
                if what := self._grams.get(run[start : start + _GRAM], ""):
                    found.add(what)
        yield from sorted(found)
        if balances and self._balances:
            for number in sorted({number.replace(",", "") for number in _NUMBER.findall(text)} & self._balances):
                yield f"the balance {number}"


def _in_base64(content: bytes) -> set[str]:
    """Write bytes in base64 of both alphabets, as they look after 0, 1 and 2 bytes of something else."""
    written = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        # The first and the last characters also depend on what is beside the bytes.
        inner = whole[(0, 2, 3)[before] : (before + len(content)) * 8 // 6]
        written |= {inner, inner.replace("+", "-").replace("/", "_")}
    return written
