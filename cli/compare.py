"""`trueup compare`: the domain core on files, no cloud."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cli import exits
from cli.errors import BadInput
from cli.files import read_bytes, read_document
from cli.options import AsOf, Json, moment
from cli.output import note, print_document, print_line, print_table
from cli.tables import account_report_table, totals_line
from trueup.domain.compare import compare, unverified
from trueup.domain.correlate import Known, correlate, held_at_breaks
from trueup.domain.csv_book import read_csv_book
from trueup.domain.documents import read_account, read_book, read_prices, read_snapshot
from trueup.domain.models import Account, Book, Observation, PriceSet, Snapshot
from trueup.domain.names import under_our_names
from trueup.domain.policy import Policy, default_policy, read_policy
from trueup.domain.reading import SLUG, Malformed, canonical_json
from trueup.domain.reasons import Reason
from trueup.domain.report import AccountReport, account_report_document
from trueup.domain.valuation import unusable
from trueup.venues.aliases import forms, names
from trueup.venues.registry import VENUES, asked_wallets

T = TypeVar("T")
BASE = "USD"


@dataclass(frozen=True, slots=True)
class Case:
    """The files of one comparison; None for those that are not given."""

    snapshot: Path
    book: Path | None
    book_after: Path | None = None
    policy: Path | None = None
    prices: Path | None = None
    account: Path | None = None


def compare_files(
    venue: Annotated[
        Path | None, typer.Option("--venue", metavar="SNAPSHOT.json", help="What the venue holds (`trueup fetch`).")
    ] = None,
    book: Annotated[Path | None, typer.Option("--book", metavar="BOOK.json|csv", help="What the book says.")] = None,
    book_after: Annotated[
        Path | None,
        typer.Option("--book-after", metavar="BOOK.json|csv", help="The book as read again after the venue."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="P.yaml", help="Tolerances and severities, over the defaults.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="P.json", help="Prices; without them nothing has a worth.")
    ] = None,
    account: Annotated[
        Path | None, typer.Option("--account", metavar="A.json|yaml", help="The account: which wallets were asked for.")
    ] = None,
    as_of: AsOf = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="FOLDER", help="One case per subfolder; one JSON report a line.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show lines that agree, too.")] = False,
    as_json: Json = False,
) -> None:
    """Compare a snapshot with a book, both from files."""
    if batch is not None:
        if any(path is not None for path in (venue, book, book_after, policy, prices, account)):
            raise BadInput("--batch: takes every file from the subfolders; leave the other files out")
        raise typer.Exit(_compare_batch(batch, as_of))
    if venue is None or book is None:
        missing = "--venue" if venue is None else "--book"
        raise BadInput(f"{missing}: is missing; give --venue and --book, or --batch FOLDER")
    if as_of is not None and not any(_is_csv(path) for path in (book, book_after)):
        raise BadInput("--as-of: is for CSV books; a JSON book states its own as_of")
    files = Case(venue, book, book_after, policy, prices, account)
    reader = _Reader(files, as_of)
    report = reader.report()
    if reader.faults:
        raise reader.faults[0].error
    if as_json:
        print_document(account_report_document(report))
    else:
        print_table(account_report_table(report, show_all=show_all), totals_line([report], base=BASE))
    raise typer.Exit(exits.verdict([report]))


def _compare_batch(folder: Path, as_of: str | None) -> int:
    """Print one report a line, in the order of the subfolders' names; return the exit code over all."""
    try:
        children = (child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
        cases = sorted(children, key=_name_of)
    except OSError as error:
        raise BadInput(f"--batch: {folder}: cannot be read as a folder ({error.strerror})") from None
    if not cases:
        raise BadInput(f"--batch: {folder}: has no subfolder, so there is nothing to compare")
    if as_of is not None:
        moment(as_of, "--as-of")
    code = exits.OK
    for case in cases:
        report, faults = _compare_case(case, as_of)
        document = account_report_document(report)
        if faults:
            document["detail"] = "; ".join(str(fault.error) for fault in faults)
        print_line(canonical_json(document))
        code = min((code, exits.verdict([report])), key=_WORST_FIRST.index)
    return code


_WORST_FIRST = (exits.BREAK, exits.UNVERIFIED, exits.OK)


def _compare_case(folder: Path, as_of: str | None) -> tuple[AccountReport, "list[_Fault]"]:
    def existing(name: str) -> Path | None:
        path = folder / name
        return path if path.exists() or path.is_symlink() else None

    book, csv_book = existing("book.json"), existing("book.csv")
    case = Case(
        snapshot=folder / "snapshot.json",
        book=book or csv_book,
        book_after=existing("book-after.json"),
        policy=existing("policy.yaml"),
        prices=existing("prices.json"),
        account=existing("account.json"),
    )
    reader = _Reader(case, as_of, relative_to=folder)
    if book is not None and csv_book is not None:
        reader.fault(Reason.BAD_BOOK, BadInput("book.json and book.csv are both there; keep one"))
    report = reader.report()
    return report, reader.faults


@dataclass(frozen=True, slots=True)
class _Fault:
    """A file that could not be read: what it means for the account, and the line that says why."""

    reason: Reason
    error: Exception


@dataclass
class _Reader:
    """Reads a case file by file, keeping what is wrong instead of stopping at it."""

    case: Case
    as_of: str | None
    relative_to: Path | None = None
    faults: list[_Fault] = field(default_factory=list)

    def fault(self, reason: Reason, error: Exception) -> None:
        """Note that a file cannot be used."""
        if self.relative_to is not None:
            # Named within their case, so that a report is the same wherever the folder lies.
            error = BadInput(str(error).replace(f"{self.relative_to}/", ""))
        self.faults.append(_Fault(reason, error))

    def report(self) -> AccountReport:
        """Compare; an account of which a file cannot be read is UNVERIFIED, and `faults` tells why."""
        case = self.case
        snapshot_reason = Reason.BAD_RESPONSE if _is_there(case.snapshot) else Reason.MISSING_OBSERVATION
        snapshot = self._read(
            case.snapshot, snapshot_reason, lambda path: read_snapshot(read_document(path), str(path))
        )
        book = self._book(case.book, snapshot)
        after = book if case.book_after is None else self._book(case.book_after, snapshot)
        policy = self._read(case.policy, Reason.MISSING_OBSERVATION, _policy) or default_policy()
        prices = self._read(
            case.prices, Reason.MISSING_OBSERVATION, lambda path: read_prices(read_document(path), str(path))
        )
        account = self._account(snapshot)
        if self.faults or snapshot is None:
            reasons = tuple(sorted({fault.reason for fault in self.faults}))
            blank = unverified(self._account_id(snapshot), reasons[0], policy)
            return AccountReport(
                blank.run_id, blank.account_id, blank.status, False, reasons, blank.policy_version, None, ()
            )
        return _compare(snapshot, book, after, policy, prices, account)

    def _read(self, path: Path | None, reason: Reason, read: Callable[[Path], T]) -> T | None:
        if path is None:
            return None
        try:
            return read(path)
        except (BadInput, Malformed) as error:
            self.fault(reason, error)
            return None

    def _book(self, path: Path | None, snapshot: Snapshot | None) -> Book | None:
        if path is None or (_is_csv(path) and snapshot is None):
            return None

        def read(path: Path) -> Book:
            if snapshot is not None and _is_csv(path):
                now = snapshot.observed_at if self.as_of is None else moment(self.as_of, "--as-of")
                return read_csv_book(read_bytes(path), snapshot.account_id, now, str(path))
            book = read_book(read_document(path), str(path))
            if snapshot is not None and book.account_id != snapshot.account_id:
                raise BadInput(
                    f"{path}: account_id: is the book of {book.account_id}; the snapshot is of {snapshot.account_id}"
                )
            return book

        return self._read(path, Reason.BAD_BOOK, read)

    def _account(self, snapshot: Snapshot | None) -> Account | None:
        def read(path: Path) -> Account:
            # Any venue's snapshot can be compared, also that of a venue nobody has written an adapter for.
            venues: Collection[str] = {*VENUES, *([snapshot.venue] if snapshot is not None else [])}
            account = read_account(read_document(path), venues, str(path))
            for name in ("account_id", "venue") if snapshot is not None else ():
                ours, theirs = getattr(account, name), getattr(snapshot, name)
                if ours != theirs:
                    raise BadInput(f"{path}: {name}: is {ours}; the snapshot's is {theirs}")
            return account

        return self._read(self.case.account, Reason.MISSING_OBSERVATION, read)

    def _account_id(self, snapshot: Snapshot | None) -> str:
        """Name the account by what can be read of any file, else by the folder."""
        if snapshot is not None:
            return snapshot.account_id
        for path in (self.case.snapshot, self.case.account, self.case.book, self.case.book_after):
            found = None if path is None or _is_csv(path) else _stated_account_id(path)
            if found is not None:
                return found
        return _name_of(self.case.snapshot.absolute().parent)


def _compare(
    snapshot: Snapshot,
    book: Book | None,
    after: Book | None,
    policy: Policy,
    prices: PriceSet | None,
    account: Account | None,
) -> AccountReport:
    asked = None if account is None else asked_wallets(account)
    observation = under_our_names(Observation(snapshot, book, after), names(snapshot.venue))
    report = compare(observation, policy, prices, asked=asked, base=BASE)
    if prices is not None:
        max_age = policy.timing(snapshot.account_id, snapshot.venue).prices_max_age_seconds
        if (why := unusable(prices, BASE, snapshot.observed_at, max_age)) is not None:
            note(f"{snapshot.account_id}: the price set is not used: {why}")
    known = Known(
        venues={snapshot.account_id: snapshot.venue},
        aliases={snapshot.venue: forms(snapshot.venue)},
        held=held_at_breaks(observation, report),
        earlier={},
    )
    (hinted,) = correlate([report], known, policy)
    return hinted


def _policy(path: Path) -> Policy:
    return read_policy(read_document(path), default_policy(), str(path))


def _stated_account_id(path: Path) -> str | None:
    try:
        document: Any = read_document(path)
    except (BadInput, Malformed):
        return None
    stated = document.get("account_id") if isinstance(document, dict) else None
    return stated if isinstance(stated, str) and SLUG.fullmatch(stated) else None


def _name_of(folder: Path) -> str:
    """Name a folder alike in every locale: its bytes, as UTF-8."""
    return os.fsencode(folder.name).decode("utf-8", "backslashreplace")


def _is_csv(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".csv"


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()
