"""`trueup accounts`: which accounts are looked at."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli.cloud import Cloud, connect
from cli.errors import BadInput
from cli.fetch import MAX_KEY_BYTES, read_account_file, read_key_file
from cli.files import read_bytes
from cli.options import DEFAULT_STACK, AccountId, Json, Local, Region, StackName, account_id
from cli.output import note, print_document, print_line, print_table
from cli.tables import plain_table
from trueup.aws import code_of, raising_store_unavailable
from trueup.domain.documents import account_document
from trueup.domain.models import Account, HttpsSource
from trueup.secrets import parse_token
from trueup.venues.registry import check_account, entry, load

app = typer.Typer(help="The accounts to look at: list, show, put, enable, disable, remove.")


@app.command("list")
def list_accounts(
    stack_name: StackName = DEFAULT_STACK, region: Region = None, local: Local = False, as_json: Json = False
) -> None:
    """List all accounts."""
    accounts = connect(stack_name, region=region, local=local).accounts.all()
    if as_json:
        print_document({"accounts": [account_document(account) for account in accounts]})
    elif accounts:
        rows = [(account.account_id, account.venue, _enabled(account), _read_by(account)) for account in accounts]
        print_table(plain_table(("!account", "!venue", "!state", "read by"), rows))
    else:
        print_line("no account; add one with `trueup accounts put ACCOUNT.yaml`")


@app.command("show")
def show(
    account: AccountId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Show one account, as `put` takes it."""
    name = account_id(account)
    found = find_account(connect(stack_name, region=region, local=local), name)
    document = account_document(found)
    if as_json:
        print_document(document)
    else:
        print_table(plain_table(("field", "value"), [(field, _shown(value)) for field, value in document.items()]))


@app.command("put")
def put(
    file: Annotated[Path, typer.Argument(metavar="ACCOUNT.json|yaml", help="The account to add or replace.")],
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="KEY.json", help="The venue's key file; stored in Secrets Manager."),
    ] = None,
    book_secret_file: Annotated[
        Path | None,
        typer.Option("--book-secret-file", metavar="TOKEN.txt", help="The bearer token its book is asked for with."),
    ] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Add an account or replace the one with the same id; with --secret-file its key, too."""
    account = read_account_file(file)
    check_account(account)
    key = token = None
    if secret_file is not None:
        if not entry(account.venue).needs_secret:
            raise BadInput(f"--secret-file: {account.venue} needs none, leave it out")
        key, credential = read_key_file(secret_file, account)
        load(account.venue).check_credential(account, credential)
    if book_secret_file is not None:
        token = _read_token_file(book_secret_file, account)
    # Everything is checked; only now something is written. The key first: an account without one would fail its run.
    cloud = connect(stack_name, region=region, local=local)
    existed = cloud.accounts.get(account.account_id) is not None
    stored = _store_secret(cloud, account.secret, key)
    token_stored = _store_secret(cloud, _token_name(account), token)
    cloud.accounts.put(account)
    if as_json:
        print_document(
            {
                "account": account_document(account),
                "replaced": existed,
                "secret_stored": stored,
                "book_secret_stored": token_stored,
            }
        )
    else:
        done = "replaced" if existed else "added"
        done += f", key in {stored}" if stored else ""
        done += f", its book's token in {token_stored}" if token_stored else ""
        print_line(f"{account.account_id}: {done}")
        note("next: `trueup doctor` checks that it can be read")


@app.command("enable")
def enable(
    account: AccountId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Look at the account from the next run on."""
    _switch(connect(stack_name, region=region, local=local), account_id(account), enabled=True, as_json=as_json)


@app.command("disable")
def disable(
    account: AccountId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Leave the account out from the next run on; it stays where it is."""
    _switch(connect(stack_name, region=region, local=local), account_id(account), enabled=False, as_json=as_json)


@app.command("remove")
def remove(
    account: AccountId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Forget an account. Its reports, its book and its key stay."""
    name = account_id(account)
    cloud = connect(stack_name, region=region, local=local)
    found = find_account(cloud, name)
    cloud.accounts.remove(name)
    if as_json:
        print_document({"removed": account_document(found)})
    else:
        print_line(f"{name}: removed; its reports, its book and its key stay")


def find_account(cloud: Cloud, name: str, field: str = "ACCOUNT") -> Account:
    """Return an account. Raises BadInput naming the ones there are."""
    found = cloud.accounts.get(name)
    if found is None:
        there = ", ".join(account.account_id for account in cloud.accounts.all()) or "none yet"
        raise BadInput(f"{field}: there is no account {name}; there are: {there}")
    return found


def _switch(cloud: Cloud, name: str, *, enabled: bool, as_json: bool) -> None:
    account = replace(find_account(cloud, name), enabled=enabled)
    cloud.accounts.put(account)
    if as_json:
        print_document(account_document(account))
    else:
        print_line(f"{name}: {_enabled(account)}")


def _token_name(account: Account) -> str | None:
    return account.book.secret if isinstance(account.book, HttpsSource) else None


def _read_token_file(path: Path, account: Account) -> str:
    """Read the bearer token of an account's book from a file. Raises BadInput and ConfigInvalid."""
    if _token_name(account) is None:
        raise BadInput("--book-secret-file: the account's book is not asked for over HTTPS, leave it out")
    content = read_bytes(path, MAX_KEY_BYTES).decode(errors="replace")
    return parse_token(content, f"account {account.account_id}: {path}")


@raising_store_unavailable
def _store_secret(cloud: Cloud, secret: str | None, content: str | None) -> str | None:
    """Store a secret under the stack's prefix and return its whole name; nothing without a content."""
    if secret is None or content is None:
        return None
    name = f"{cloud.outputs['SecretPrefix']}{secret}"
    secrets = cloud.client("secretsmanager")
    try:
        secrets.put_secret_value(SecretId=name, SecretString=content)
    except secrets.exceptions.ResourceNotFoundException:
        # Under the stack's own key: the fetch function may use no other.
        secrets.create_secret(Name=name, SecretString=content, KmsKeyId=cloud.outputs["KeyArn"])
    except secrets.exceptions.InvalidRequestException as error:
        raise BadInput(
            f"the secret {name} cannot be written ({code_of(error)}); if it is being deleted, restore it first"
        ) from None
    return name


def _enabled(account: Account) -> str:
    return "enabled" if account.enabled else "disabled"


def _read_by(account: Account) -> str:
    return f"key {account.secret}" if account.secret is not None else f"address {account.address}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict) and value:
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return "-" if value is None or value == {} else str(value)
