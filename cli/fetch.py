"""`trueup fetch`: one account straight from the venue, no cloud."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli import exits
from cli.errors import BadInput
from cli.files import read_bytes, read_document
from cli.options import Json
from cli.output import print_document, print_table
from cli.tables import snapshot_table
from trueup.clock import utc_now
from trueup.domain.documents import read_account, snapshot_document
from trueup.domain.models import Account
from trueup.venues.protocol import Credential
from trueup.venues.reading import read_venue
from trueup.venues.registry import VENUES, check_account, entry

MAX_KEY_BYTES = 65_536
REQUESTS_IN_BUDGET = 5
"""The whole reading may take this many times the limit of one request, as in the fetch functions."""


def fetch(
    file: Annotated[Path, typer.Argument(metavar="ACCOUNT.json|yaml", help="The account to read.")],
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="KEY.json", help="The venue's key file, as downloaded, if it needs one."),
    ] = None,
    timeout_milliseconds: Annotated[
        int, typer.Option("--timeout-milliseconds", min=1000, max=60_000, help="What one request may take.")
    ] = 5000,
    as_json: Json = False,
) -> None:
    """Read one account straight from its venue and print what it holds; no cloud is needed."""
    account = read_account_file(file)
    credential = _credential(account, secret_file)
    if account.secret is None and credential is not None:
        # Here the key comes from the file, so it does not matter that the account names no secret yet.
        account = replace(account, secret=f"{account.venue}/{account.account_id}")
    reading = read_venue(
        account,
        credential,
        timeout_seconds=timeout_milliseconds / 1000,
        budget_seconds=timeout_milliseconds / 1000 * REQUESTS_IN_BUDGET,
        clock=utc_now,
    )
    snapshot = reading.snapshot
    if as_json:
        print_document(snapshot_document(snapshot))
    else:
        print_table(snapshot_table(snapshot))
    raise typer.Exit(exits.OK if not any(snapshot.wallets.values()) else exits.UNVERIFIED)


def read_account_file(path: Path) -> Account:
    """Read an account file. Raises BadInput or Malformed."""
    return read_account(read_document(path), VENUES, str(path))


def read_key_file(path: Path, account: Account) -> tuple[str, Credential]:
    """Read a venue's key file: its text, and parsed. Raises BadInput or ConfigInvalid, which never quote it."""
    from trueup.secrets import parse_credential

    content = read_bytes(path, MAX_KEY_BYTES).removeprefix(b"\xef\xbb\xbf")
    credential = parse_credential(content, f"account {account.account_id}: {path}")
    return content.decode(), credential


def _credential(account: Account, secret_file: Path | None) -> Credential | None:
    needed = entry(account.venue).needs_secret
    if not needed and secret_file is not None:
        raise BadInput(f"--secret-file: {account.venue} needs none, leave it out")
    if secret_file is None:
        if needed:
            raise BadInput(f"--secret-file: is missing; {account.venue} needs a key file")
        check_account(account)
        return None
    return read_key_file(secret_file, account)[1]
