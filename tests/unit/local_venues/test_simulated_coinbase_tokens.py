"""The simulated Coinbase accepts exactly the tokens the vendor documents."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from local_venues_kit import NOW, Reader

from local.venues import CoinbaseSimulator, make_credential

if TYPE_CHECKING:
    from local_venues_kit import Client, ManualClock

    from local.venues import Credential

# The deterministic Ed25519 token for RFC 8032's first test key; valid only in November 2023.
GOLDEN_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
GOLDEN_NAME = "11111111-2222-3333-4444-555555555555"
GOLDEN = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6IjExMTExMTExLTIyMjItMzMzMy00NDQ0LTU1NTU1NTU1NTU1NSIsIm5vbmNlIjoiMDAx"
    "MTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmYiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxMTExMTExMS0yMjIyLTMzMzMt"
    "NDQ0NC01NTU1NTU1NTU1NTUiLCJpc3MiOiJjZHAiLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDEyMCwidXJpIjoi"
    "R0VUIGFwaS5jb2luYmFzZS5jb20vYXBpL3YzL2Jyb2tlcmFnZS9hY2NvdW50cyJ9.t6fCcQexzLNHio3-S2dBofJUkO5siWS"
    "Cseuhj3jO0jjUP74v1N6RwlAGyfj34sD1tSiN7t9Y06x4TcqoNGlhDQ"
)


@pytest.fixture
def golden_key() -> str:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(GOLDEN_SEED)).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


@pytest.fixture
def golden(coinbase: CoinbaseSimulator, golden_key: str, credential: Credential, clock: ManualClock) -> Reader:
    coinbase.open_portfolio(GOLDEN_NAME, golden_key, {"BTC": "1"})
    return Reader(coinbase.port, credential, clock)


def golden_headers(host: str = "api.coinbase.com") -> dict[str, str]:
    return {"Host": host, "Authorization": f"Bearer {GOLDEN}"}


def refusal(venue: CoinbaseSimulator) -> str:
    return venue.requests[-1].refusal or "accepted"


@pytest.mark.parametrize("second", [0, 60, 120])
def test_the_golden_token_is_accepted_from_its_first_to_its_last_second(
    golden: Client, clock: ManualClock, second: int
) -> None:
    clock.seconds = NOW + second
    got = golden.get("/api/v3/brokerage/accounts?limit=250", golden_headers())
    assert got.status == 200
    assert got.json["accounts"][0]["available_balance"] == {"value": "1", "currency": "BTC"}


@pytest.mark.parametrize(("second", "why"), [(121, "expired"), (-1, "nbf lies in the future")])
def test_the_golden_token_is_refused_one_second_outside_its_life(
    golden: Client, coinbase: CoinbaseSimulator, clock: ManualClock, second: int, why: str
) -> None:
    clock.seconds = NOW + second
    got = golden.get("/api/v3/brokerage/accounts", golden_headers())
    assert (got.status, got.body) == (401, b"Unauthorized")
    assert refusal(coinbase) == why


def test_a_token_for_one_host_opens_no_other(golden: Client, coinbase: CoinbaseSimulator) -> None:
    assert golden.get("/api/v3/brokerage/accounts", golden_headers("api.example.com")).status == 401
    assert refusal(coinbase).startswith("uri")


def test_a_token_for_one_path_opens_no_other(golden: Client, coinbase: CoinbaseSimulator) -> None:
    assert golden.get("/api/v3/brokerage/key_permissions", golden_headers()).status == 401
    assert refusal(coinbase).startswith("uri")


def test_a_token_is_good_for_one_request_only(golden: Client, coinbase: CoinbaseSimulator) -> None:
    assert golden.get("/api/v3/brokerage/accounts", golden_headers()).status == 200
    assert golden.get("/api/v3/brokerage/accounts", golden_headers()).status == 401
    assert refusal(coinbase) == "nonce was used before"


def test_both_algorithms_are_accepted(coinbase: CoinbaseSimulator, clock: ManualClock) -> None:
    for algorithm in ("ES256", "EdDSA"):
        credential = make_credential(algorithm)
        coinbase.open_portfolio(credential.name, credential.public_key, {"BTC": "1"})
        assert Reader(coinbase.port, credential, clock).accounts().status == 200


def test_a_der_signature_is_refused(coinbase: CoinbaseSimulator, clock: ManualClock) -> None:
    credential = make_credential("ES256")
    coinbase.open_portfolio(credential.name, credential.public_key)
    assert Reader(coinbase.port, credential, clock).accounts(der=True).status == 401
    assert "DER" in refusal(coinbase)


def test_an_unregistered_key_is_refused(coinbase: CoinbaseSimulator, reader: Reader, clock: ManualClock) -> None:
    stranger = Reader(coinbase.port, make_credential("EdDSA"), clock)
    assert stranger.accounts().status == 401
    assert refusal(coinbase) == "kid is not a registered key"


def test_a_revoked_key_is_refused(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    assert reader.accounts().status == 200
    coinbase.revoke(reader.credential.name)
    assert reader.accounts().status == 401


def test_another_key_cannot_sign_in_a_registered_name(
    coinbase: CoinbaseSimulator, reader: Reader, clock: ManualClock
) -> None:
    impostor = Reader(coinbase.port, make_credential("EdDSA", name=reader.credential.name), clock)
    assert impostor.accounts().status == 401
    assert refusal(coinbase) == "signature does not verify"


@pytest.mark.parametrize(
    ("header", "claims", "why"),
    [
        ({"alg": "ES256"}, {}, "alg"),
        ({"alg": "none"}, {}, "alg"),
        ({"typ": None}, {}, "typ"),
        ({"nonce": None}, {}, "nonce"),
        ({"kid": None}, {}, "kid"),
        ({}, {"sub": "someone-else"}, "sub"),
        ({}, {"iss": "coinbase-cloud"}, "iss"),
        ({}, {"uri": None}, "uri"),
        ({}, {"uri": "GET api.coinbase.com/api/v3/brokerage/accounts?limit=250"}, "uri"),
        ({}, {"exp": NOW + 121}, "lifetime"),
        ({}, {"exp": NOW}, "lifetime"),
        ({}, {"nbf": str(NOW)}, "nbf and exp"),
        ({}, {"exp": None}, "nbf and exp"),
        ({}, {"nbf": NOW - 200, "exp": NOW - 80}, "expired"),
    ],
)
def test_every_header_and_claim_counts(
    coinbase: CoinbaseSimulator, reader: Reader, header: dict[str, Any], claims: dict[str, Any], why: str
) -> None:
    assert reader.accounts(header=header, claims=claims).status == 401
    assert refusal(coinbase).startswith(why)


@pytest.mark.parametrize("value", ["", "Bearer ", "Basic abc", "Bearer a.b", "Bearer a.b.c", "Bearer =.=.="])
def test_garbage_in_place_of_a_token_is_refused(reader: Reader, value: str) -> None:
    assert reader.get("/api/v3/brokerage/accounts", {"Authorization": value}).status == 401


def test_a_query_is_not_part_of_the_signed_uri(reader: Reader) -> None:
    assert reader.accounts("?limit=1&cursor=").status == 200


def test_a_body_on_get_is_refused(reader: Reader) -> None:
    got = reader.get("/api/v3/brokerage/accounts", reader.bearer(), body=b"{}")
    assert got.status == 400


def test_a_private_key_is_no_public_key(coinbase: CoinbaseSimulator) -> None:
    for algorithm in ("ES256", "EdDSA"):
        credential = make_credential(algorithm)
        with pytest.raises(ValueError, match="private key") as caught:
            coinbase.open_portfolio(credential.name, credential.private_key)
        assert credential.private_key not in str(caught.value)
        assert credential.private_key not in repr(credential)
