"""Credentials from Secrets Manager: read when needed, given to the adapter, kept nowhere else."""

from typing import Any

from botocore.exceptions import ClientError

from trueup.aws import client, code_of, raising_store_unavailable
from trueup.domain.models import Account
from trueup.domain.reading import Malformed, parse_json
from trueup.errors import ConfigInvalid


def read_credential(account: Account, prefix: str) -> dict[str, Any] | None:
    """Return the key file of an account, parsed; None for an account that names no secret.

    Raises ConfigInvalid, naming the secret but nothing in it, and StoreUnavailable.
    """
    if account.secret is None:
        return None
    name = f"{prefix}{account.secret}"
    try:
        text = _secret_string(name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise ConfigInvalid(
                f"account {account.account_id}: the secret {name} does not exist; create it in Secrets Manager "
                "with the venue's key file as its value"
            ) from None
        raise
    return parse_credential(text, f"account {account.account_id}: the secret {name}")


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
def _secret_string(name: str) -> str | None:
    answer = client("secretsmanager").get_secret_value(SecretId=name)
    text: str | None = answer.get("SecretString")
    return text
