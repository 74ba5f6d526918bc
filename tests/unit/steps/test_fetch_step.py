"""Fetch: one observation of one account. Book, venue, book again, and the evidence, or nothing at all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.unit.money_kit import NOON, book, holding, later, snapshot
from trueup.books.sources import Books
from trueup.books.table import TableBook
from trueup.config import FetchSettings, Stores
from trueup.domain.documents import read_observation
from trueup.domain.models import Account, Book, S3Source, Snapshot
from trueup.errors import (
    BookInvalid,
    BookUnavailable,
    ConfigInvalid,
    StoreUnavailable,
    TrueupError,
    VenueRateLimited,
    VenueResponseInvalid,
)
from trueup.steps.fetch import FetchRequest, FetchStep, fetch_step, read_request
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.venues.aliases import assets_version
from trueup.venues.reading import Reading
from trueup.venues.registry import VENUES

RUN_ID = "20261122T120000Z"
REQUEST = FetchRequest(RUN_ID, "cb-main")
KEY = keys.observation_object(RUN_ID, "cb-main")
SECRET = {"name": "key-name", "privateKey": "not a real key"}


def ticking() -> Callable[[], Any]:
    seconds: Iterator[int] = count()
    return lambda: later(NOON, next(seconds))


def books(table: TableBook) -> Books:
    """Where the accounts of these tests have their books: nowhere but in the table."""

    def nothing(*_: object) -> Any:
        raise AssertionError("nobody asks elsewhere for the book of this account")

    return Books(table, token_of=nothing, allowed_hosts=(), seconds=nothing)


@dataclass
class Desk:
    """An account with a book, and a venue that holds what it is told to."""

    rows: MemoryRows = field(default_factory=MemoryRows)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    holds: Snapshot = field(default_factory=lambda: snapshot(("BTC", "1")))
    meanwhile: Callable[[], object] = lambda: None
    asked: list[tuple[Account, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accounts.put(Account("cb-main", "coinbase", secret="coinbase/cb-main"))

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.rows, VENUES)

    @property
    def book(self) -> TableBook:
        return TableBook(self.rows, self.objects)

    def read(self, account: Account, credential: Any) -> Reading:
        self.asked.append((account, credential))
        self.meanwhile()
        return Reading(self.holds, ({"path": "/accounts", "status": 200, "body": "{}"},))

    def step(self, **changes: Any) -> FetchStep:
        step = FetchStep(
            venue="coinbase",
            accounts=self.accounts,
            book=books(self.book),
            objects=self.objects,
            credential_of=lambda account: SECRET,
            read=self.read,
            clock=ticking(),
        )
        return replace(step, **changes)

    def evidence(self) -> dict[str, Any]:
        document: dict[str, Any] | None = self.objects.get(KEY)
        assert document is not None
        return document


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_observation_is_the_book_before_the_venue_and_the_book_after(desk: Desk) -> None:
    desk.book.write(book(("BTC", "1")), None)
    answer = desk.step().run(REQUEST)
    assert answer == {"run_id": RUN_ID, "account_id": "cb-main", "object": KEY}
    found = read_observation(desk.evidence())
    assert found.snapshot == desk.holds
    assert found.book == found.book_after == replace(book(("BTC", "1")), version="1")


def test_evidence_holds_the_venues_own_answers_and_when_we_looked(desk: Desk) -> None:
    desk.step().run(REQUEST)
    evidence = desk.evidence()
    assert evidence["answers"] == [{"path": "/accounts", "status": 200, "body": "{}"}]
    assert (evidence["started_at"], evidence["finished_at"]) == ("2026-11-22T12:00:00.000Z", "2026-11-22T12:00:01.000Z")
    assert (evidence["run_id"], evidence["account_id"]) == (RUN_ID, "cb-main")
    assert evidence["assets_version"] == assets_version()


def test_the_account_and_its_key_reach_the_adapter_and_the_key_goes_nowhere_else(desk: Desk) -> None:
    desk.step().run(REQUEST)
    assert desk.asked == [(desk.accounts.get("cb-main"), SECRET)]
    assert "not a real key" not in str(desk.evidence())


def test_an_account_without_a_book_is_observed_all_the_same(desk: Desk) -> None:
    desk.step().run(REQUEST)
    found = read_observation(desk.evidence())
    assert (found.book, found.book_after) == (None, None)
    assert found.snapshot == desk.holds


def test_a_book_that_changes_while_the_venue_is_asked_is_kept_as_it_was_before_and_after(desk: Desk) -> None:
    desk.book.write(book(("BTC", "1")), None)
    desk.meanwhile = lambda: desk.book.write(book(("BTC", "2")), "1")
    desk.step().run(REQUEST)
    found = read_observation(desk.evidence())
    assert found.book is not None
    assert found.book_after is not None
    assert (found.book.version, found.book_after.version) == ("1", "2")
    assert (found.book.holdings[0].total, found.book_after.holdings[0].total) == (1, 2)


def test_a_book_that_appears_while_the_venue_is_asked_was_not_there_before(desk: Desk) -> None:
    desk.meanwhile = lambda: desk.book.write(book(("BTC", "2")), None)
    desk.step().run(REQUEST)
    found = read_observation(desk.evidence())
    assert found.book is None
    assert found.book_after is not None


def test_the_first_observation_of_a_run_stands(desk: Desk) -> None:
    first = desk.step().run(REQUEST)
    desk.holds = snapshot(("BTC", "5"))
    assert desk.step().run(REQUEST) == first
    assert read_observation(desk.evidence()).snapshot.holdings[0].total == 1


def test_an_account_nobody_added_is_named(desk: Desk) -> None:
    with pytest.raises(ConfigInvalid, match="account cb-two: there is none; add it with `trueup accounts put`"):
        desk.step().run(FetchRequest(RUN_ID, "cb-two"))
    assert desk.asked == []


def test_an_account_of_another_venue_is_not_read_with_this_venues_role(desk: Desk) -> None:
    with pytest.raises(ConfigInvalid, match="account cb-main: is at coinbase; this function reads dydx"):
        desk.step(venue="dydx").run(REQUEST)
    assert desk.asked == []


@pytest.mark.parametrize(
    "fault",
    [VenueRateLimited("slow down", 5), VenueResponseInvalid("what?"), StoreUnavailable("later"), ConfigInvalid("no")],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("where", ["credential_of", "read"])
def test_what_fails_leaves_no_evidence_and_keeps_its_name(desk: Desk, fault: TrueupError, where: str) -> None:
    def fail(*_: object) -> Any:
        raise fault

    with pytest.raises(type(fault)) as raised:
        desk.step(**{where: fail}).run(REQUEST)
    assert raised.value is fault
    assert desk.objects.get(KEY) is None


@pytest.mark.parametrize("fault", [BookUnavailable("later"), BookInvalid("no book")])
@pytest.mark.parametrize("reading", [1, 2], ids=["before", "after"])
def test_a_book_that_cannot_be_read_is_never_no_book(desk: Desk, fault: TrueupError, reading: int) -> None:
    readings = count(1)

    class Book(TableBook):
        def read(self, account_id: str) -> Any:
            if next(readings) == reading:
                raise fault

    with pytest.raises(type(fault)):
        desk.step(book=books(Book(desk.rows, desk.objects))).run(REQUEST)
    assert desk.objects.get(KEY) is None


def test_the_account_says_where_its_book_is_and_both_readings_are_taken_there(desk: Desk) -> None:
    elsewhere = S3Source("desk-books", "cb-main.json")
    desk.accounts.put(Account("cb-main", "coinbase", secret="coinbase/cb-main", book=elsewhere))
    asked: list[Account] = []
    first, second = book(("BTC", "1"), version="7"), book(("BTC", "2"), version="8")

    class Elsewhere:
        def read(self, account: Account) -> Book:
            asked.append(account)
            return first if len(asked) == 1 else second

    desk.step(book=Elsewhere()).run(REQUEST)

    found = read_observation(desk.evidence())
    assert (found.book, found.book_after) == (first, second)
    assert [account.book for account in asked] == [elsewhere, elsewhere]


SETTINGS = FetchSettings(
    Stores("table", "bucket", 400), "coinbase", "trueup/", 5000, frozenset({"books.internal"}), "trueup"
)


@pytest.mark.parametrize(
    ("milliseconds", "for_a_book", "venue_alone", "venue_beside_a_book"),
    [(26_000, 5.0, 24.5, 19.5), (8_000, 1.6, 6.5, 4.9), (1_500, 0.0, 0.0, -0.3)],
)
def test_a_book_from_elsewhere_has_its_own_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
    milliseconds: int,
    for_a_book: float,
    venue_alone: float,
    venue_beside_a_book: float,
) -> None:
    budgets: list[float] = []
    given: dict[str, Any] = {}
    monkeypatch.setattr(
        "trueup.steps.fetch.read_venue", lambda *_, budget_seconds, **__: budgets.append(budget_seconds)
    )
    monkeypatch.setattr("trueup.steps.fetch.Books", lambda _table, **how: given.update(how))

    step = fetch_step(SETTINGS, lambda: milliseconds)
    account = Account("cb-main", "coinbase")
    step.read(account, None)
    step.read(replace(account, book=S3Source("desk-books", "cb-main.json")), None)

    assert [round(seconds, 3) for seconds in budgets] == [venue_alone, venue_beside_a_book]
    assert round(given["seconds"](), 3) == for_a_book
    assert given["allowed_hosts"] == {"books.internal"}


UNREADABLE = {
    "a wallet nobody vouches for": snapshot(holding("BTC", "1", "earn")),
    "two amounts for one thing": snapshot(("BTC", "1"), ("BTC", "2")),
    "too many digits": snapshot(holding("BTC", "0"), holding("ETH", "1e-50")),
    "a name that is two lines": snapshot(("B\nTC", "1")),
    "a name that is half a character": snapshot(holding("\ud800", "1")),
    "an account that is no slug": snapshot(("BTC", "1"), account_id="CB MAIN"),
}


@pytest.mark.parametrize("holds", UNREADABLE.values(), ids=UNREADABLE)
def test_what_could_not_be_read_back_never_becomes_evidence(desk: Desk, holds: Snapshot) -> None:
    desk.holds = holds
    with pytest.raises(VenueResponseInvalid, match="account cb-main at coinbase: observation"):
        desk.step().run(REQUEST)
    assert desk.objects.get(KEY) is None


def test_a_refusal_of_evidence_never_prints_a_balance(desk: Desk) -> None:
    desk.holds = snapshot(("BTC", "12345.6789" + "1" * 40))
    with pytest.raises(VenueResponseInvalid) as raised:
        desk.step().run(REQUEST)
    assert "12345" not in str(raised.value)


def test_amounts_in_evidence_are_strings(desk: Desk) -> None:
    desk.holds = snapshot(holding("BTC", "1.10", held="1E-8"))
    desk.step().run(REQUEST)
    (written,) = desk.evidence()["snapshot"]["holdings"]
    assert (written["total"], written["held"]) == ("1.1", "0.00000001")
    assert read_observation(desk.evidence()).snapshot.holdings[0].held == Decimal("1e-8")


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (None, "event: must be an object"),
        ({}, "event.run_id: is missing"),
        ({"run_id": RUN_ID}, "event.account_id: is missing"),
        ({"run_id": "../x", "account_id": "cb-main"}, "event.run_id: must be like"),
        ({"run_id": RUN_ID, "account_id": "../books"}, "event.account_id: must be lower-case"),
        ({"run_id": RUN_ID, "account_id": 5}, "event.account_id: must be a string"),
        ({"run_id": RUN_ID, "account_id": "cb-main", "venue": "x"}, "event.venue: is not a field here"),
        ({"run_id": RUN_ID, "account_id": "cb-main", "retry": -1}, "event.retry: must be 0 or more, not -1"),
        ({"run_id": RUN_ID, "account_id": "cb-main", "retry": "1"}, "event.retry: must be a whole number"),
        ({"run_id": RUN_ID, "account_id": "cb-main", "retry": True}, "event.retry: must be a whole number"),
    ],
)
def test_an_event_nobody_can_follow_is_refused_by_its_place(event: object, problem: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        read_request(event)
    assert str(refused.value).startswith(problem)


def test_an_event_names_run_and_account() -> None:
    assert read_request({"run_id": RUN_ID, "account_id": "cb-main"}) == REQUEST


def test_an_event_may_say_that_it_is_a_retry() -> None:
    for retry in (0, 2):
        assert read_request({"run_id": RUN_ID, "account_id": "cb-main", "retry": retry}).retry == retry
