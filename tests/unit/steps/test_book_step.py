"""Book: what a trading system pushes becomes the current book once, whole, and never over a newer one."""

import json
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.money_kit import NOON, item, later
from tests.unit.money_kit import book as a_book
from trueup.books.table import TableBook
from trueup.domain.documents import book_document
from trueup.domain.models import Account, Book, HttpsSource, S3Source
from trueup.domain.reading import digest
from trueup.errors import BookConflict, BookInvalid, ConfigInvalid
from trueup.steps.book import MOST_ATTEMPTS, BookStep, read_request
from trueup.store.accounts import Accounts
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.venues.registry import VENUES

EVENT = json.loads((Path(__file__).parents[3] / "events" / "book.json").read_text())


@dataclass
class Desk:
    """Accounts, their books, and what pushes are taken with."""

    rows: MemoryRows = field(default_factory=MemoryRows)
    objects: MemoryObjects = field(default_factory=MemoryObjects)

    def __post_init__(self) -> None:
        self.accounts.put(Account("cb-main", "coinbase", secret="coinbase/cb-main"))

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.rows, VENUES)

    @property
    def table(self) -> TableBook:
        return TableBook(self.rows, self.objects)

    def step(self, table: TableBook | None = None) -> BookStep:
        return BookStep(self.accounts, table or self.table, lambda: NOON)

    def push(self, total: str, version: str, **how: Any) -> dict[str, Any]:
        return self.step().run(book(total, version, **how))

    def current(self) -> Book | None:
        return self.table.read("cb-main")


def book(total: str, version: str, **how: Any) -> Book:
    return a_book(("BTC", total), version=version, **how)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_pushed_book_is_the_current_one_under_the_senders_own_version(desk: Desk) -> None:
    pushed = book("1.25", "41", pending=(item("BTC", "0.5", "t-1", applied=False),))
    answer = desk.step().run(pushed)
    assert answer == {
        "account_id": "cb-main",
        "version": "41",
        "stored": True,
        "sha256": digest(book_document(pushed)),
    }
    assert desk.current() == pushed


def test_versions_may_leave_gaps_and_count_as_numbers(desk: Desk) -> None:
    for total, version in (("1", "9"), ("2", "10"), ("3", "1795348798000")):
        assert desk.push(total, version)["stored"]
    assert desk.current() == book("3", "1795348798000")


def test_the_same_push_again_changes_nothing_and_says_so(desk: Desk) -> None:
    first = desk.push("1", "41")
    again = desk.push("1", "41")
    assert (first["stored"], again["stored"]) == (True, False)
    assert first["sha256"] == again["sha256"]


@pytest.mark.parametrize(
    ("total", "version", "said"),
    [
        ("2", "41", "version 41 was not stored: the current version is 41 and has other content"),
        ("1", "40", "version 40 was not stored: the current version is 41 and is newer"),
        ("1", "9", "version 9 was not stored: the current version is 41 and is newer"),
    ],
)
def test_what_is_not_newer_is_a_conflict_that_names_the_current_version(
    desk: Desk, total: str, version: str, said: str
) -> None:
    desk.push("1", "41")
    with pytest.raises(BookConflict, match=said):
        desk.push(total, version)
    assert desk.current() == book("1", "41")


def test_the_same_amounts_as_of_another_moment_are_other_content(desk: Desk) -> None:
    """Or "still true" would be lost in silence, and the book grow stale."""
    desk.push("1", "41")
    with pytest.raises(BookConflict, match="has other content"):
        desk.push("1", "41", as_of=NOON)
    assert desk.push("1", "42", as_of=NOON)["stored"]


def test_what_an_operator_puts_in_between_counts_on_from_the_sender(desk: Desk) -> None:
    desk.push("1", "41")
    assert desk.table.write(book("3", "any"), "41").version == "42"
    with pytest.raises(BookConflict, match="the current version is 42 and has other content"):
        desk.push("1.1", "42")
    assert desk.push("1.1", "43")["stored"]


@pytest.mark.parametrize("faster", ["another", "the same", "an older"])
def test_of_two_pushes_at_once_the_newer_stays(desk: Desk, faster: str) -> None:
    """Between the look and the write somebody else writes; the push looks again."""
    others = {"another": book("9", "50"), "the same": book("1", "41"), "an older": book("0.9", "40")}

    class Raced(TableBook):
        raced = False

        def write(self, *given: Any, **how: Any) -> Book:
            if not self.raced:
                self.raced = True
                desk.step().run(others[faster])
            return super().write(*given, **how)

    step = desk.step(Raced(desk.rows, desk.objects))
    match faster:
        case "another":
            with pytest.raises(BookConflict, match="the current version is 50 and is newer"):
                step.run(book("1", "41"))
            assert desk.current() == book("9", "50")
        case "the same":
            assert step.run(book("1", "41"))["stored"] is False
            assert desk.current() == book("1", "41")
        case _:
            assert step.run(book("1", "41"))["stored"] is True
            assert desk.current() == book("1", "41")


def test_a_push_does_not_run_after_others_for_ever(desk: Desk) -> None:
    class Never(TableBook):
        tried = 0

        def write(self, *given: Any, **how: Any) -> Book:
            self.tried += 1
            raise BookConflict("somebody was faster")

    table = Never(desk.rows, desk.objects)
    with pytest.raises(BookConflict, match="try again"):
        desk.step(table).run(book("1", "41"))
    assert table.tried == MOST_ATTEMPTS


def test_many_at_once_leave_the_newest_and_everybody_knows_where_they_stand(desk: Desk) -> None:
    answers: dict[str, bool | str] = {}

    def push(version: str) -> None:
        try:
            answers[version] = bool(desk.push(version, version)["stored"])
        except BookConflict as error:
            answers[version] = str(error)

    threads = [threading.Thread(target=push, args=(str(number),)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = desk.current()
    assert found is not None
    stored = [int(version) for version, answer in answers.items() if answer is True]
    assert int(found.version) == max(stored)
    told = [str(answer) for answer in answers.values() if answer is not True]
    assert all("is newer" in words or "try again" in words for words in told)


# -- what is refused -------------------------------------------------------------------------------------------------


def test_an_account_that_is_not_there_has_no_books_to_push(desk: Desk) -> None:
    with pytest.raises(ConfigInvalid, match="account cb-two: there is none; add it with `trueup accounts put`"):
        desk.push("1", "41", account_id="cb-two")
    assert desk.table.head("cb-two") is None


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (HttpsSource("https://b.example.com/x?token=1", "coinbase/desk-book"), "https://b.example.com/x"),
        (S3Source("desk-books", "b.csv"), "s3://desk-books/b.csv"),
    ],
)
def test_a_book_that_comes_from_elsewhere_is_not_pushed(desk: Desk, source: Any, place: str) -> None:
    desk.accounts.put(Account("cb-main", "coinbase", secret="coinbase/cb-main", book=source))
    with pytest.raises(ConfigInvalid, match=f"account cb-main: its book comes from {place}; it is not pushed"):
        desk.push("1", "41")
    assert desk.current() is None


def test_a_disabled_account_keeps_getting_its_books(desk: Desk) -> None:
    desk.accounts.put(Account("cb-main", "coinbase", enabled=False, secret="coinbase/cb-main"))
    assert desk.push("1", "41")["stored"]


def test_a_book_may_be_dated_a_little_ahead_and_no_more(desk: Desk) -> None:
    assert desk.push("1", "41", as_of=later(NOON, 30))["stored"]
    with pytest.raises(BookInvalid, match=r"event\.as_of: 2026-11-22T12:00:30.001Z is in the future"):
        desk.push("1", "42", as_of=NOON + timedelta(seconds=30, milliseconds=1))
    assert desk.current() == book("1", "41", as_of=later(NOON, 30))


def test_the_sample_event_is_a_push() -> None:
    pushed = read_request(EVENT)
    assert (pushed.account_id, pushed.version) == (EVENT["account_id"], EVENT["version"])
    assert pushed.pending[0].reference == "airdrop-7"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 41}, "event.version: must be a string"),
        ({"version": "v41"}, "event.version: must be a whole number of your own that grows"),
        ({"version": "0"}, "event.version: must be a whole number"),
        ({"version": "041"}, "event.version: must be a whole number"),
        ({"version": "-1"}, "event.version: must be a whole number"),
        ({"version": "4.1"}, "event.version: must be a whole number"),
        ({"version": "٤١"}, "event.version: must be a whole number"),
        ({"version": "1" * 19}, "event.version: must be a whole number"),
        ({"account_id": "../x"}, "event.account_id: must be lower-case"),
        ({"holdings": [{"wallet": "spot", "asset": "ETH", "total": 5}]}, "event.holdings[0].total: must be a string"),
        ({"holdings": [{"wallet": "spot", "asset": "ETH", "total": float("nan")}]}, "event.holdings[0].total"),
        ({"holdings": [{"wallet": "earn", "asset": "ETH", "total": "5"}]}, "event.holdings[0].wallet: is not among"),
        ({"holdings": EVENT["holdings"] * 2}, "event.holdings[1]: repeats"),
        ({"pending": EVENT["pending"] * 2}, "event.pending[1].reference: repeats"),
        ({"as_of": "2026-11-22 12:00"}, "event.as_of: must be a time"),
        ({"nav": "1"}, "event.nav: is not a field here"),
    ],
)
def test_what_is_not_a_book_is_refused_by_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BookInvalid) as refused:
        read_request(EVENT | change)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("event", [None, [], "book", 1])
def test_an_event_that_is_no_object_is_refused(event: object) -> None:
    with pytest.raises(BookInvalid, match="event: must be an object"):
        read_request(event)


def test_a_refusal_never_quotes_a_balance() -> None:
    holdings = [{"wallet": "spot", "asset": "ETH", "total": "83419,27061553"}]
    with pytest.raises(BookInvalid) as refused:
        read_request(EVENT | {"holdings": holdings})
    assert "83419" not in str(refused.value)
