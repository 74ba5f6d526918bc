"""Credentials from Secrets Manager: read when needed, given to the adapter, kept nowhere else."""

import re
from typing import Any

from botocore.exceptions import ClientError

from trueup.aws import client, code_of, raising_store_unavailable
from trueup.domain.base_urls import check_book_url
from trueup.domain.models import Account
from trueup.domain.reading import Malformed, parse_json
from trueup.errors import ConfigInvalid

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,4096}=*", re.ASCII)


def read_credential(account: Account, prefix: str) -> dict[str, Any] | None:
    """Return the key file of an account, parsed; None for an account that names no secret.

    Raises ConfigInvalid, naming the secret but nothing in it, and StoreUnavailable.
    """
    if account.secret is None:
        return None
    name = f"{prefix}{account.secret}"
    text = _read(name, account.account_id, "the venue's key file")
    return parse_credential(text, f"account {account.account_id}: the secret {name}")


def read_token(account_id: str, secret: str, prefix: str) -> str:
    """Return the bearer token an account's book is asked for with.

    Raises ConfigInvalid, naming the secret but nothing in it, and StoreUnavailable.
    """
    name = f"{prefix}{secret}"
    return parse_token(_read(name, account_id, "the book's token"), f"account {account_id}: the secret {name}")


def parse_token(text: str | None, what: str) -> str:
    """Check a bearer token. Raises ConfigInvalid, which never quotes it.

    A venue's key file is a JSON object and so never a token: an account that names one here sends it to nobody.
    """
    token = (text or "").strip()
    if not _TOKEN.fullmatch(token):
        raise ConfigInvalid(f"{what} is not a bearer token: 16 or more letters, digits and ._~+/- and nothing else")
    return token


def read_heartbeat(secret: str) -> str:
    """Return the address that is asked after each run. Raises ConfigInvalid, which never quotes it, and
    StoreUnavailable.
    """
    try:
        return check_book_url((secret_string(secret) or "").strip())
    except ValueError:
        raise ConfigInvalid(
            "HeartbeatUrl is not an address such as https://hc-ping.com/…; deploy again with one"
        ) from None


def _read(name: str, account_id: str, content: str) -> str | None:
    try:
        return secret_string(name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise ConfigInvalid(
                f"account {account_id}: the secret {name} does not exist; create it in Secrets Manager "
                f"with {content} as its value"
            ) from None
        raise


def parse_credential(text: str | bytes | None, what: str) -> dict[str, Any]:
    """Parse a venue's key file. Raises ConfigInvalid, which never quotes the file."""
    try:
        document = parse_json(text or "", "key")
    except Malformed:
        document = None
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{what} is not the venue's key file (a JSON object); store the file as downloaded")
    return document


@raising_store_unavailable
def secret_string(name: str) -> str | None:
    """Return a secret's text; None where it is bytes. Raises StoreUnavailable, and ClientError in AWS's own words."""
    answer = client("secretsmanager").get_secret_value(SecretId=name)
    text: str | None = answer.get("SecretString")
    return text
