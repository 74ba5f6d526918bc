"""Coinbase keys in every form people paste them, and the token they sign."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from trueup.venues.coinbase_key import KeyRefused, read_key

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032, test 1
EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
POINT = EDWARDS.public_key().public_bytes_raw()
SEED_AND_POINT = base64.b64encode(SEED + POINT).decode()
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
NAME = "11111111-2222-3333-4444-555555555555"

GOLDEN = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6IjExMTExMTExLTIyMjItMzMzMy00NDQ0LTU1NTU1NTU1NTU1NSIsIm5vbmNlIjoiMDAxMTIyMzM0NDU1"
    "NjY3Nzg4OTlhYWJiY2NkZGVlZmYiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUiLC"
    "Jpc3MiOiJjZHAiLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDEyMCwidXJpIjoiR0VUIGFwaS5jb2luYmFzZS5jb20vYXBpL3YzL2Jy"
    "b2tlcmFnZS9hY2NvdW50cyJ9.t6fCcQexzLNHio3-S2dBofJUkO5siWSCseuhj3jO0jjUP74v1N6RwlAGyfj34sD1tSiN7t9Y06x4TcqoNGlhDQ"
)


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> str:
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    text: str = key.private_bytes(Encoding.PEM, form, encryption).decode()
    return text


def sign(document: Any) -> str:
    key = read_key(document)
    return key.token("GET", "api.coinbase.com", "/api/v3/brokerage/accounts", now=1_700_000_000, nonce=NONCE)


NONCE = "00112233445566778899aabbccddeeff"


def test_the_token_is_the_documented_one_byte_for_byte() -> None:
    assert sign({"name": NAME, "privateKey": SEED_AND_POINT}) == GOLDEN


ED25519_FORMS = {
    "64 bytes": SEED_AND_POINT,
    "32 bytes": base64.b64encode(SEED).decode(),
    "wrapped lines": f"{SEED_AND_POINT[:44]}\n{SEED_AND_POINT[44:]}\n",
    "literal newlines": f"{SEED_AND_POINT[:44]}\\n{SEED_AND_POINT[44:]}\\n",
    "quotes": f'"{SEED_AND_POINT}"',
    "PKCS#8": pem(EDWARDS),
    "PKCS#8 with literal newlines": pem(EDWARDS).replace("\n", "\\n"),
}


@pytest.mark.parametrize("secret", ED25519_FORMS.values(), ids=ED25519_FORMS)
def test_an_ed25519_key_is_known_in_every_form(secret: str) -> None:
    assert sign({"name": NAME, "privateKey": secret}) == GOLDEN


ES256_FORMS = {
    "SEC1": pem(ELLIPTIC, PrivateFormat.TraditionalOpenSSL),
    "PKCS#8": pem(ELLIPTIC),
    "literal newlines": pem(ELLIPTIC, PrivateFormat.TraditionalOpenSSL).replace("\n", "\\n"),
    "spaces for newlines": pem(ELLIPTIC, PrivateFormat.TraditionalOpenSSL).replace("\n", " "),
    "quotes": f"'{pem(ELLIPTIC)}'",
    "blanks around": f"  \n{pem(ELLIPTIC)}\n  ",
}


@pytest.mark.parametrize("secret", ES256_FORMS.values(), ids=ES256_FORMS)
def test_an_ecdsa_key_is_known_in_every_form_and_signs_raw(secret: str) -> None:
    token = sign({"id": NAME, "privateKey": secret})
    header, claims, signature = token.split(".")
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64  # r and s, not DER
    public = ELLIPTIC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    found = jwt.decode(token, public, ["ES256"], options={"verify_exp": False, "verify_nbf": False})
    assert found["uri"] == "GET api.coinbase.com/api/v3/brokerage/accounts"
    decoded = base64.urlsafe_b64decode(header + "==")
    assert json.loads(decoded) == {"alg": "ES256", "kid": NAME, "nonce": NONCE, "typ": "JWT"}
    assert claims == GOLDEN.split(".")[1]


def test_the_name_field_wins_over_the_id_field() -> None:
    key = read_key({"name": "organizations/o/apiKeys/k", "id": "k", "privateKey": SEED_AND_POINT, "nickname": "x"})
    assert key.name == "organizations/o/apiKeys/k"


BAD = {
    "no object": ([], "key file: must be an object"),
    "no name": ({"privateKey": SEED_AND_POINT}, "name: is missing"),
    "no secret": ({"name": NAME}, "privateKey: is missing"),
    "empty name": ({"name": " ", "privateKey": SEED_AND_POINT}, "name: must not be empty"),
    "name of two lines": ({"name": "a\nb", "privateKey": SEED_AND_POINT}, "name: must be one line"),
    "number for a name": ({"name": 7, "privateKey": SEED_AND_POINT}, "name: must be a string, not a number"),
    "number for a secret": ({"name": NAME, "privateKey": 7}, "privateKey: must be a string, not a number"),
    "empty secret": ({"name": NAME, "privateKey": '""'}, "privateKey: must not be empty"),
    "a word": ({"name": NAME, "privateKey": "hunter2-hunter2"}, "privateKey: must be a PEM key"),
    "cut base64": ({"name": NAME, "privateKey": SEED_AND_POINT[:-4]}, "privateKey: must be"),
    "31 bytes": ({"name": NAME, "privateKey": base64.b64encode(SEED[:31]).decode()}, "32 or 64 bytes.*not 31"),
    "foreign public half": (
        {"name": NAME, "privateKey": base64.b64encode(SEED + SEED).decode()},
        "privateKey: is damaged",
    ),
    "cut PEM": ({"name": NAME, "privateKey": pem(ELLIPTIC)[:90]}, "privateKey: begins like a PEM key"),
    "altered PEM": ({"name": NAME, "privateKey": pem(ELLIPTIC).replace("M", "N", 3)}, "privateKey: begins like"),
    "password": ({"name": NAME, "privateKey": pem(ELLIPTIC, password=b"x")}, "privateKey: is protected by a password"),
    "another curve": (
        {"name": NAME, "privateKey": pem(ec.generate_private_key(ec.SECP384R1()))},
        "P-256 or an Ed25519",
    ),
    "RSA": ({"name": NAME, "privateKey": pem(rsa.generate_private_key(65537, 1024))}, "P-256 or an Ed25519"),
    "legacy": (
        {"name": "aB3dE6gH9jK2mN5p", "privateKey": "aB3dE6gH9jK2mN5paB3dE6gH9jK2mN5p"},
        "legacy API key.*CDP key",
    ),
    "lone surrogate": ({"name": NAME, "privateKey": "-----BEGIN \ud800"}, "privateKey: begins like"),
}


@pytest.mark.parametrize(("document", "said"), BAD.values(), ids=BAD)
def test_a_bad_key_is_refused_by_its_field_and_without_a_fragment_of_it(document: Any, said: str) -> None:
    with pytest.raises(KeyRefused, match=said) as refused:
        read_key(document)
    assert refused.value.__cause__ is None
    secret = document.get("privateKey") if isinstance(document, dict) else None
    if isinstance(secret, str) and len(secret) > 8:
        assert not any(secret[at : at + 8] in str(refused.value) for at in range(12, len(secret) - 8))


def test_a_key_does_not_show_itself() -> None:
    assert "private" not in repr(read_key({"name": NAME, "privateKey": SEED_AND_POINT}))
