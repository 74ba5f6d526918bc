"""`trueup book`: what we believe an account holds. Whole books only; nobody overwrites what they did not see."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from cli.accounts import find_account
from cli.cloud import Cloud, connect
from cli.errors import BadInput
from cli.files import read_bytes, read_document
from cli.options import DEFAULT_STACK, AccountId, AsOf, Json, Local, Region, StackName, account_id, check_run_id, moment
from cli.output import note, print_document, print_line, print_table
from cli.tables import book_table
from trueup.books.table import MAX_AHEAD
from trueup.clock import utc_now
from trueup.domain.book_sources import place_of
from trueup.domain.csv_book import read_csv_book
from trueup.domain.documents import book_document, read_book, read_observation
from trueup.domain.models import Book, Holding, Observation
from trueup.domain.reading import Malformed, format_time
from trueup.errors import BookInvalid, BookUnavailable, ConfigInvalid
from trueup.store import keys

app = typer.Typer(help="Our side: put, import, show, and adopt what the venue holds.")
LOOK_BACK = 100
"""How many reports adopt looks through for one with evidence."""

Expect = Annotated[
    str | None,
    typer.Option(
        "--expect",
        metavar="VERSION",
        help="Write only over this version ('none' for no book); else over the current one.",
    ),
]


@app.command("put")
def put(
    file: Annotated[Path, typer.Argument(metavar="BOOK.json", help="A book document; it names its account.")],
    expect: Expect = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Make a book the current one of its account."""
    book = read_book(read_document(file), str(file))
    _write(connect(stack_name, region=region, local=local), _checked(book, str(file)), expect, as_json=as_json)


@app.command("import")
def import_book(
    file: Annotated[
        Path,
        typer.Argument(metavar="BOOK.csv|json", help="CSV with the columns wallet, asset, total and optional held."),
    ],
    account: Annotated[str, typer.Option("--account", metavar="ACCOUNT", help="Whose book it is.")],
    as_of: AsOf = None,
    expect: Expect = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Import a book from a file, as of now or --as-of."""
    name = account_id(account, "--account")
    if file.suffix.lower() == ".csv":
        at = utc_now() if as_of is None else moment(as_of, "--as-of")
        book = read_csv_book(read_bytes(file), name, at, str(file))
    elif as_of is not None:
        raise BadInput("--as-of: is for CSV books; a JSON book states its own as_of")
    else:
        book = read_book(read_document(file), str(file))
        if book.account_id != name:
            raise BadInput(f"{file}: account_id: is {book.account_id}, but --account is {name}")
    _write(connect(stack_name, region=region, local=local), _checked(book, "--as-of"), expect, as_json=as_json)


@app.command("show")
def show(
    account: AccountId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Show the current book of an account."""
    name = account_id(account)
    cloud = connect(stack_name, region=region, local=local)
    known = cloud.accounts.get(name)
    # What is left of an account that was removed is in the table, if anywhere.
    book = cloud.book.read(name) if known is None else cloud.books.read(known)
    if book is None:
        source = find_account(cloud, name).book
        if source is not None:
            raise BadInput(f"ACCOUNT: {name} has no book: there is none at {place_of(source)}")
        raise BadInput(f"ACCOUNT: {name} has no book; put one with `trueup book import`, or `trueup book adopt {name}`")
    if known is not None and known.book is not None:
        note(f"read from {place_of(known.book)}")
    if as_json:
        print_document(book_document(book))
    else:
        print_table(book_table(book))


@app.command("adopt")
def adopt(
    account: AccountId,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="The run whose observation to take; else the newest.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--replace", help="Replace the book there is: its differences vanish, on the record.")
    ] = False,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Start a book from what the venue held in a run: the totals of every wallet it read completely.

    Who did it, when, and from which evidence is kept. What open orders hold is left out: it is not for us to believe.
    """
    name = account_id(account)
    if run_id is not None:
        check_run_id(run_id, "--run")
    cloud = connect(stack_name, region=region, local=local)
    _find_writable(cloud, name)
    current = cloud.book.version(name)
    if current is not None and not overwrite:
        raise BadInput(
            f"ACCOUNT: {name} has a book (version {current}); adopting would hide what differs: --replace does it"
        )
    evidence = _evidence(cloud, name, run_id)
    book = _book_from(evidence.observation)
    caller = cloud.caller
    now = utc_now()
    record = {
        "account_id": name,
        "adopted_at": format_time(now),
        "by": caller,
        "run_id": evidence.run_id,
        "evidence_sha256": evidence.sha256,
        "replaced_version": current,
    }
    pk, sk = keys.adoption(name, now)
    row = {"pk": pk, "sk": sk, **record}
    written = cloud.book.write(book, current, record=row)
    left_out = {wallet: str(reason) for wallet, reason in evidence.observation.snapshot.wallets.items() if reason}
    if as_json:
        print_document(
            {"adopted": {**record, "version": written.version}, "left_out": left_out, "book": book_document(written)}
        )
        return
    print_table(book_table(written))
    print_line(f"adopted from run {evidence.run_id} by {caller}")
    for wallet, reason in sorted(left_out.items()):
        note(f"left out: {wallet} was not read ({reason}); the book does not cover it")


@dataclass(frozen=True, slots=True)
class _Evidence:
    run_id: str
    observation: Observation
    sha256: str


def _evidence(cloud: Cloud, name: str, run_id: str | None) -> _Evidence:
    """Find what a run saw of an account: of the given run, else of the newest one that saw it."""
    stated: str | None = None
    if run_id is None:
        rows = cloud.rows.query(keys.audit(name), prefix=keys.REPORT, newest_first=True, limit=LOOK_BACK)
        row = next((row for row in rows if row["evidence_sha256"] is not None), None)
        if row is None:
            raise BadInput(f"ACCOUNT: no run has seen {name} yet; start one with `trueup run`")
        run_id, stated = row["run_id"], row["evidence_sha256"]
    key = keys.observation_object(run_id, name)
    document = cloud.objects.get(key)
    if document is None:
        raise BadInput(f"--run: run {run_id} has not seen {name}; `trueup runs history {name}` names the runs that did")
    try:
        observation = read_observation(document)
    except Malformed as error:
        raise ConfigInvalid(f"account {name}: {key}: {error}") from None
    sha256 = observation.evidence_sha256 or ""
    if stated not in {None, sha256} or observation.snapshot.account_id != name:
        raise ConfigInvalid(f"account {name}: {key} is not what the audit vouches for; do not use it")
    return _Evidence(run_id, observation, sha256)


def _book_from(observation: Observation) -> Book:
    snapshot = observation.snapshot
    complete = {wallet for wallet, reason in snapshot.wallets.items() if reason is None}
    if not complete:
        raise BadInput(f"ACCOUNT: no wallet of {snapshot.account_id} was read completely in that run")
    return Book(
        account_id=snapshot.account_id,
        as_of=snapshot.observed_at,
        version="0",
        wallets=tuple(sorted(complete)),
        holdings=tuple(
            Holding(
                wallet=holding.wallet,
                asset=holding.asset,
                total=holding.total,
                price_asset=holding.price_asset,
            )
            for holding in snapshot.holdings
            if holding.wallet in complete
        ),
        # What the venue has applied is in the adopted totals. Listed as well, it would explain a loss of its size once
        # the venue lists it no more.
        pending=tuple(item for item in snapshot.pending if item.wallet in complete and not item.applied),
    )


def _checked(book: Book, place: str) -> Book:
    ahead = book.as_of - utc_now()
    if ahead > MAX_AHEAD:
        raise BadInput(
            f"{place}: as_of {format_time(book.as_of)} is in the future; a book is true for a moment that was"
        )
    return book


def _find_writable(cloud: Cloud, name: str) -> None:
    """Refuse an account that is not there, and one whose book is not ours to write. Raises BadInput."""
    source = find_account(cloud, name).book
    if source is not None:
        raise BadInput(f"ACCOUNT: the book of {name} comes from {place_of(source)}; change it there")


def _replaced(cloud: Cloud, account_id: str) -> Book | None:
    """Read the book that is about to be replaced; a broken one is a reason to replace it, not to refuse."""
    try:
        return cloud.book.read(account_id)
    except (BookInvalid, BookUnavailable) as error:
        note(f"note: the book being replaced could not be read: {error}")
        return None


def _write(cloud: Cloud, book: Book, expect: str | None, *, as_json: bool) -> None:
    _find_writable(cloud, book.account_id)
    if expect is None:
        expected = cloud.book.version(book.account_id)
    elif expect == "none":
        expected = None
    elif expect.isascii() and expect.isdigit() and len(expect) <= 18:
        expected = expect
    else:
        raise BadInput(f"--expect: must be a version number or none, not {expect[:40]!r}")
    before = _replaced(cloud, book.account_id) if expected is not None else None
    written = cloud.book.write(replace(book, version="0"), expected)
    dropped = sorted(set(before.wallets) - set(written.wallets)) if before is not None else []
    if as_json:
        print_document({"book": book_document(written), "replaced_version": expected, "no_longer_covered": dropped})
        return
    lines = "1 holding" if len(written.holdings) == 1 else f"{len(written.holdings)} holdings"
    print_line(
        f"{written.account_id}: version {written.version}, as of {format_time(written.as_of)}, {lines} in "
        f"{', '.join(written.wallets) or 'no wallet'}"
    )
    if dropped:
        note(f"note: version {expected} covered {', '.join(dropped)}, this one does not: what is there is not verified")
