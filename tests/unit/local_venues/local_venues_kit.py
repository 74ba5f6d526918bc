"""A clock that stands still, tokens signed by hand, and a plain HTTP client."""

from __future__ import annotations

import base64
import http.client
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from local.venues import Credential

NOW = 1_700_000_000


class ManualClock:
    """Epoch seconds that move only when told."""

    def __init__(self, seconds: float = NOW) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One request per connection; nothing is retried, followed or unpacked."""

    def __init__(self, port: int, timeout: float = 5) -> None:
        self.port = port
        self.timeout = timeout

    def get(self, target: str, headers: dict[str, str] | None = None, **more: Any) -> Got:
        return self.ask("GET", target, headers, **more)

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: Any = None) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Got(answer.status, received, answer.read())
        finally:
            connection.close()

    def control(self, verb: str, document: object) -> Got:
        headers = {"Content-Type": "application/json"}
        return self.ask("POST", f"/_control/{verb}", headers, json.dumps(document))


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(
    credential: Credential,
    host: str,
    *,
    path: str = "/api/v3/brokerage/accounts",
    now: int = NOW,
    der: bool = False,
    header: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
) -> str:
    """A token as the vendor documents it; `header` and `claims` override, None removes."""
    name = credential.name
    full_header = {"alg": credential.algorithm, "kid": name, "nonce": uuid.uuid4().hex, "typ": "JWT"}
    full_claims = {"sub": name, "iss": "cdp", "nbf": now, "exp": now + 120, "uri": f"GET {host}{path}"}
    parts = [
        encode(json.dumps({k: v for k, v in {**full, **(over or {})}.items() if v is not None}).encode())
        for full, over in ((full_header, header), (full_claims, claims))
    ]
    message = ".".join(parts).encode()
    return ".".join([*parts, encode(sign(credential, message, der=der))])


def sign(credential: Credential, message: bytes, *, der: bool = False) -> bytes:
    if credential.algorithm == "EdDSA":
        seed = base64.b64decode(credential.private_key)[:32]
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    key = load_pem_private_key(credential.private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(message, ec.ECDSA(SHA256()))
    if der:
        return signature
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Reader(Client):
    """Reads accounts with a key, a fresh token each time."""

    def __init__(self, port: int, credential: Credential, clock: ManualClock) -> None:
        super().__init__(port)
        self.credential = credential
        self.clock = clock

    def bearer(self, path: str = "/api/v3/brokerage/accounts", **more: Any) -> dict[str, str]:
        more.setdefault("now", int(self.clock()))
        made = token(self.credential, f"127.0.0.1:{self.port}", path=path, **more)
        return {"Authorization": f"Bearer {made}"}

    def accounts(self, query: str = "", **more: Any) -> Got:
        return self.get(f"/api/v3/brokerage/accounts{query}", self.bearer(**more))

    def transactions(self, currency: str, query: str = "") -> Got:
        """The transactions of the first account of a currency."""
        rows = self.accounts("?limit=250").json["accounts"]
        uuid = next(row["uuid"] for row in rows if row["currency"] == currency)
        path = f"/v2/accounts/{uuid}/transactions"
        return self.get(f"{path}{query}", self.bearer(path))
