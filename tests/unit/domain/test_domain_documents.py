"""Accounts, snapshots, books, prices and evidence: what is written is read back, and nothing doubtful is read."""

import copy
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from tests.unit.money_kit import NOON, book, holding, later, prices, snapshot
from trueup.domain.amounts import plain
from trueup.domain.base_urls import check_base_url, check_book_url
from trueup.domain.documents import (
    account_document,
    book_document,
    observation_document,
    prices_document,
    read_account,
    read_book,
    read_observation,
    read_prices,
    read_snapshot,
    snapshot_document,
)
from trueup.domain.models import Account, Book, Holding, Observation, Pending, PriceSet, S3Source, Snapshot
from trueup.domain.reading import Malformed, canonical_json, digest, parse_json
from trueup.domain.reasons import Reason

QUICK = settings(max_examples=60, derandomize=True, deadline=None)
VENUES = ("coinbase", "dydx")

ACCOUNT: dict[str, Any] = {"account_id": "cb-main", "venue": "coinbase"}
SNAPSHOT: dict[str, Any] = {
    "account_id": "cb-main",
    "venue": "coinbase",
    "observed_at": "2026-11-22T12:00:00.123Z",
    "wallets": {"spot": "complete", "earn": "failed: permission_denied"},
    "holdings": [
        {
            "wallet": "spot",
            "asset": "BTC",
            "venue_asset": "BTC",
            "price_asset": "BTC",
            "total": "1.25",
            "available": "1.23",
            "held": "0.02",
        }
    ],
    "pending": [
        {
            "wallet": "spot",
            "asset": "USDC",
            "quantity": "-500",
            "applied": False,
            "kind": "withdrawal",
            "reference": "w-1",
            "since": "2026-11-22T11:00:00Z",
        }
    ],
}
BOOK: dict[str, Any] = {
    "account_id": "cb-main",
    "as_of": "2026-11-22T11:59:58Z",
    "version": "41",
    "wallets": ["spot"],
    "holdings": [{"wallet": "spot", "asset": "BTC", "total": "1.25", "held": "0.02"}],
    "pending": [],
}
PRICES: dict[str, Any] = {
    "base": "USD",
    "as_of": "2026-11-22T12:00:00Z",
    "source": "coinbase",
    "prices": {"BTC": "97000.5", "ETH": "3400"},
}


def read_any_account(document: object) -> Account:
    return read_account(document, VENUES)


READERS = {
    "account": (read_any_account, ACCOUNT),
    "snapshot": (read_snapshot, SNAPSHOT),
    "book": (read_book, BOOK),
    "prices": (read_prices, PRICES),
}


def refusal(name: str, document: object) -> str:
    with pytest.raises(Malformed) as refused:
        READERS[name][0](document)
    message = str(refused.value)
    assert "\n" not in message
    return message


def changed(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(document)
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    if value is REMOVED:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


REMOVED = object()


@pytest.mark.parametrize("name", READERS)
def test_the_designs_own_example_is_read(name: str) -> None:
    reader, document = READERS[name]
    reader(document)
    reader(parse_json(canonical_json(document), name))


def test_a_snapshot_says_what_it_holds_and_which_wallets_are_complete() -> None:
    found = read_snapshot(SNAPSHOT)
    assert found.wallets == {"spot": None, "earn": Reason.PERMISSION_DENIED}
    assert found.holdings == (
        Holding("spot", "BTC", Decimal("1.25"), Decimal("1.23"), Decimal("0.02"), None, "BTC", "BTC"),
    )
    assert found.pending[0].quantity == -500
    assert found.observed_at == datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(("account", field) for field in ("account_id", "venue")),
        *(("snapshot", field) for field in ("account_id", "venue", "observed_at", "wallets", "holdings")),
        *(("book", field) for field in ("account_id", "as_of", "version", "wallets", "holdings")),
        *(("prices", field) for field in ("base", "as_of", "source", "prices")),
    ],
)
def test_a_required_field_that_is_missing_or_null_is_named(name: str, field: str) -> None:
    assert refusal(name, changed(READERS[name][1], (field,), REMOVED)) == f"{name}.{field}: is missing"
    assert refusal(name, changed(READERS[name][1], (field,), None)).startswith(f"{name}.{field}: must be")


@pytest.mark.parametrize("name", READERS)
def test_an_unknown_field_is_refused(name: str) -> None:
    assert refusal(name, READERS[name][1] | {"note": "x"}).startswith(f"{name}.note: is not a field here")


@pytest.mark.parametrize(
    ("name", "path", "value", "problem"),
    [
        ("account", ("venue",), "kraken", "account.venue: must be one of coinbase, dydx; not 'kraken'"),
        ("account", ("account_id",), "CB", "account.account_id: must be lower-case"),
        ("account", ("enabled",), "yes", "account.enabled: must be true or false"),
        ("account", ("subaccounts",), "some", 'account.subaccounts: must be "all" or a list'),
        ("account", ("subaccounts",), [], 'account.subaccounts: must be "all" or a list'),
        ("account", ("subaccounts",), [-1], "account.subaccounts: must hold whole numbers from 0 to 128000"),
        ("account", ("subaccounts",), [128_001], "account.subaccounts: must hold whole numbers"),
        ("account", ("subaccounts",), [True], "account.subaccounts: must hold whole numbers"),
        ("account", ("subaccounts",), ["0"], "account.subaccounts: must hold whole numbers"),
        ("account", ("subaccounts",), [0, 0], "account.subaccounts: must not repeat a number"),
        ("account", ("wallets",), "spot", "account.wallets: must be a list"),
        ("account", ("wallets",), ["spot", "spot"], "account.wallets: must not repeat a name"),
        ("account", ("wallets",), ["spot", 1], "account.wallets[1]: must be a string"),
        ("account", ("base_url",), "http://api.coinbase.com", "account.base_url: must be https"),
        ("account", ("options",), [], "account.options: must be an object"),
        ("account", ("options",), {"x": Decimal("1.5")}, "account.options.x: must hold text, whole numbers"),
        ("account", ("options",), {"x": ["\ud800"]}, "account.options.x[0]: holds half a character"),
        ("snapshot", ("wallets", "earn"), "failed", None),
        ("snapshot", ("wallets", "earn"), "done", 'snapshot.wallets.earn: must be "complete" or "failed: <reason>"'),
        ("snapshot", ("wallets", "earn"), None, "snapshot.wallets.earn: must be a string, not null"),
        ("snapshot", ("wallets",), ["spot"], "snapshot.wallets: must be an object, not a list"),
        ("snapshot", ("holdings", 0, "total"), 1.25, "snapshot.holdings[0].total: must be a string"),
        ("snapshot", ("holdings", 0, "total"), Decimal("1.25"), "snapshot.holdings[0].total: must be a string"),
        ("snapshot", ("holdings", 0, "total"), None, "snapshot.holdings[0].total: must be a string"),
        ("snapshot", ("holdings", 0, "total"), "NaN", "snapshot.holdings[0].total: must be a decimal number"),
        ("snapshot", ("holdings", 0, "held"), 0, "snapshot.holdings[0].held: must be a string"),
        ("snapshot", ("holdings", 0, "total"), REMOVED, "snapshot.holdings[0].total: is missing"),
        ("snapshot", ("holdings", 0, "free"), "1", "snapshot.holdings[0].free: is not a field here"),
        (
            "snapshot",
            ("holdings", 0, "wallet"),
            "funding",
            "snapshot.holdings[0].wallet: is not among snapshot.wallets",
        ),
        ("snapshot", ("holdings", 0), "BTC", "snapshot.holdings[0]: must be an object"),
        ("snapshot", ("pending", 0, "wallet"), "funding", "snapshot.pending[0].wallet: is not among snapshot.wallets"),
        ("snapshot", ("pending", 0, "applied"), REMOVED, "snapshot.pending[0].applied: is missing"),
        ("snapshot", ("pending", 0, "applied"), "no", "snapshot.pending[0].applied: must be true or false"),
        ("snapshot", ("pending", 0, "quantity"), 5, "snapshot.pending[0].quantity: must be a string"),
        ("snapshot", ("venue_time",), "noon", "snapshot.venue_time: must be a time"),
        ("book", ("wallets",), ["spot", "spot"], "book.wallets: must not repeat a name"),
        ("book", ("holdings", 0, "wallet"), "earn", "book.holdings[0].wallet: is not among book.wallets: spot"),
        ("book", ("holdings", 0, "venue_asset"), "XBT", "book.holdings[0].venue_asset: is not a field here"),
        ("book", ("version",), 41, "book.version: must be a string"),
        ("prices", ("prices", "BTC"), "0", "prices.prices.BTC: must be above zero"),
        ("prices", ("prices", "BTC"), "-1", "prices.prices.BTC: must be above zero"),
        ("prices", ("prices", "BTC"), "-0", "prices.prices.BTC: must be above zero"),
        ("prices", ("prices", "BTC"), 97000.5, "prices.prices.BTC: must be a string"),
        ("prices", ("prices", "BTC"), None, "prices.prices.BTC: must be a string"),
        ("prices", ("prices",), [], "prices.prices: must be an object"),
    ],
)
def test_a_doubtful_value_is_refused_and_its_place_named(name: str, path: Any, value: Any, problem: str | None) -> None:
    document = changed(READERS[name][1], path, value)
    if problem is None:
        READERS[name][0](document)
    else:
        assert refusal(name, document).startswith(problem)


@pytest.mark.parametrize("name", ["snapshot", "book"])
def test_two_amounts_for_one_thing_are_refused(name: str) -> None:
    document = changed(READERS[name][1], ("holdings",), READERS[name][1]["holdings"] * 2)
    assert refusal(name, document) == (f"{name}.holdings[1]: repeats spot 'BTC': one holding for each wallet and asset")


@pytest.mark.parametrize("name", ["snapshot", "book"])
def test_a_reference_may_stand_only_once_on_a_side(name: str) -> None:
    item = SNAPSHOT["pending"][0]
    document = changed(READERS[name][1], ("pending",), [item, item | {"asset": "BTC"}])
    assert refusal(name, document) == f"{name}.pending[1].reference: repeats 'w-1'"


def test_subaccounts_are_numbers_up_to_the_last_there_is_in_order() -> None:
    assert read_any_account(ACCOUNT | {"subaccounts": [128_000, 0, 1]}).subaccounts == (0, 1, 128_000)
    for wrong in (128_001, -1, True, "0"):
        assert refusal("account", ACCOUNT | {"subaccounts": [wrong]}).startswith(
            "account.subaccounts: must hold whole numbers from 0 to 128000"
        )
    assert refusal("account", ACCOUNT | {"subaccounts": [5, 5]}) == "account.subaccounts: must not repeat a number"
    assert refusal("account", ACCOUNT | {"subaccounts": []}).startswith('account.subaccounts: must be "all" or a list')


def test_wallets_are_written_in_the_order_of_their_names() -> None:
    found = snapshot(wallets={"spot": None, "perp/0": Reason.UNREACHABLE, "earn": None, "margin": None})
    assert list(snapshot_document(found)["wallets"].items()) == [
        ("earn", "complete"),
        ("margin", "complete"),
        ("perp/0", "failed: unreachable"),
        ("spot", "complete"),
    ]


def test_what_a_document_leaves_out_is_what_its_format_says() -> None:
    assert read_any_account({"account_id": "cb-main", "venue": "coinbase"}) == Account(
        "cb-main", "coinbase", enabled=True, secret=None, address=None, subaccounts=None, wallets=None, base_url=None,
        options={},
    )  # fmt: skip
    assert Account("cb-main", "coinbase") == Account("cb-main", "coinbase", enabled=True, options={})
    least = {"wallet": "spot", "asset": "BTC", "total": "1"}
    held = read_snapshot(SNAPSHOT | {"holdings": [least], "pending": []}).holdings[0]
    assert held == Holding(
        "spot", "BTC", Decimal(1), available=None, held=None, borrowed=None, venue_asset=None, price_asset=None,
        unmapped=False,
    )  # fmt: skip


def test_items_without_a_reference_may_be_many() -> None:
    item = SNAPSHOT["pending"][0] | {"reference": None}
    assert len(read_snapshot(SNAPSHOT | {"pending": [item, item]}).pending) == 2


@pytest.mark.parametrize(
    ("state", "reason"), [("failed: new_reason", Reason.INCOMPLETE), ("failed:", Reason.INCOMPLETE)]
)
def test_a_wallet_that_failed_for_a_reason_we_do_not_know_is_incomplete(state: str, reason: Reason) -> None:
    assert read_snapshot(changed(SNAPSHOT, ("wallets", "earn"), state)).wallets["earn"] is reason


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.coinbase.com", "https://api.coinbase.com"),
        ("https://api.coinbase.com/", "https://api.coinbase.com"),
        ("https://example.test:8443/base", "https://example.test:8443/base"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://127.5.5.5", "http://127.5.5.5"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://localhost:9000/", "http://localhost:9000"),
        ("HTTPS://API.Example.test/V2/X", "HTTPS://API.Example.test/V2/X"),
        ("http://LocalHost:9000", "http://LocalHost:9000"),
    ],
)
def test_https_anywhere_and_http_to_this_machine_are_addresses(url: str, kept: str) -> None:
    assert check_base_url(url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://api.coinbase.com",
        "http://127.0.0.1.evil.test",
        "http://localhost.evil.test",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://",
        "https://user:pass@api.coinbase.com",
        "https://user@api.coinbase.com",
        "https://api.coinbase.com?x=1",
        "https://api.coinbase.com#x",
        "api.coinbase.com",
        "",
        "https://[::1",
        "http://localhost@evil.test",
        "http://127.0.0.1:80@evil.test",
        "http://127.0.0.1@evil.test:80/",
        "http://evil.test#@127.0.0.1",
        "http://evil.test\\@127.0.0.1",
        "http://127.0.0.1\\.evil.test",
        "http://localhost.",
        "http://localhost%2eevil.test",
        "http://127.0.0.1%00.evil.test",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::1%25eth0]",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://169.254.169.254",
        "http://\uff11\uff12\uff17.0.0.1",
        "http://127\u30020\u30020\u30021",
        "http://loc\u0430lhost",
        "http://localho\u017ft",
        "https://\u212araken.com",
        "https://api.co\u0456nbase.com",
        "https://api.coinbase.com\u2044@evil.test",
        "https://:@api.coinbase.com",
        "https://api.coinbase.com:",
        "https://api.coinbase.com:0",
        "https://api.coinbase.com:65536",
        "https://api.coinbase.com:4\u06634",
        "https://api.coinbase.com?",
        "https://api.coinbase.com#",
        "https://api.coinbase.com/a?b",
        " https://api.coinbase.com",
        "https://api.coinbase.com\n",
        "https://api.coinbase\t.com",
        "https://api.coinbase.com/a b",
        "https://api.coinbase.com/\r\nHost: evil.test",
        "https:api.coinbase.com",
        "https:///api.coinbase.com",
        "https:\\\\api.coinbase.com",
        "//api.coinbase.com",
        "https://.",
        "https://-api.coinbase.com",
        "javascript:alert(1)",
    ],
)
def test_anything_else_is_no_address(url: str) -> None:
    with pytest.raises(ValueError):
        check_base_url(url)


def test_an_address_of_a_book_may_have_a_query_in_any_letters_of_ascii() -> None:
    for url in ("https://books.example.test/x?a=1&b=c/d", "HTTPS://Books.Example.test/X?Who=ME", "http://localhost/?"):
        assert check_book_url(url) == url
    for url in ("https://\u212araken.com/?a", "https://example.test/?\u017f", "https://example.test/?a b", "x?"):
        with pytest.raises(ValueError, match=r"^must be an address such as https://"):
            check_book_url(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("api.coinbase.com", "must be a plain address such as https://"),
        ("https://api.coinbase.com:0", "must have a port from 1 to 65535"),
        ("http://api.coinbase.com", "must be https"),
    ],
)
def test_a_refused_address_is_told_what_is_allowed(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}"):
        check_base_url(url)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(alphabet="htps:/\\@.[]#?%0127localhostevil \u3002\uff11:", max_size=40))
def test_who_reads_an_accepted_address_reads_the_same_host(rest: str) -> None:
    for url in (rest, f"http://{rest}", f"https://{rest}"):
        try:
            kept = check_base_url(url)
        except ValueError:
            continue
        read = parse_url(kept + "/path")
        assert read.host is not None
        assert read.auth is None
        assert read.host.strip("[]") == (urlsplit(kept).hostname or "")
        assert read.scheme == "https" or read.host == "localhost" or ip_address(read.host.strip("[]")).is_loopback


# -- there and back ------------------------------------------------------------------------------------------------

NAMES = st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd", "So"]), min_size=1, max_size=8)
SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
AMOUNTS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**27), 10**27), st.integers(0, 27)
)
TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
OPTIONAL_AMOUNTS = st.none() | AMOUNTS
WALLETS = ("spot", "earn", "perp/0")


def holdings_of(kind: str) -> st.SearchStrategy[tuple[Holding, ...]]:
    venue_only = {
        "venue_asset": st.none() | NAMES,
        "unmapped": st.booleans(),
    }
    return st.lists(
        st.builds(
            Holding,
            wallet=st.sampled_from(WALLETS),
            asset=NAMES,
            total=AMOUNTS,
            available=OPTIONAL_AMOUNTS,
            held=OPTIONAL_AMOUNTS,
            borrowed=OPTIONAL_AMOUNTS,
            price_asset=st.none() | NAMES,
            **(venue_only if kind == "venue" else {"venue_asset": st.none(), "unmapped": st.just(False)}),
        ),
        max_size=4,
        unique_by=lambda item: (item.wallet, item.asset),
    ).map(tuple)


PENDING = st.lists(
    st.builds(
        Pending,
        wallet=st.sampled_from(WALLETS),
        asset=NAMES,
        quantity=AMOUNTS,
        applied=st.booleans(),
        kind=st.none() | NAMES,
        reference=NAMES,
        since=st.none() | TIMES,
    ),
    max_size=3,
    unique_by=lambda item: item.reference,
).map(tuple)
SNAPSHOTS = st.builds(
    Snapshot,
    account_id=SLUGS,
    venue=NAMES,
    observed_at=TIMES,
    wallets=st.fixed_dictionaries(dict.fromkeys(WALLETS, st.none() | st.sampled_from(Reason))),
    holdings=holdings_of("venue"),
    pending=PENDING,
    venue_time=st.none() | TIMES,
)
BOOKS = st.builds(
    Book,
    account_id=SLUGS,
    as_of=TIMES,
    version=NAMES,
    wallets=st.permutations(WALLETS).map(tuple),
    holdings=holdings_of("book"),
    pending=PENDING,
)
PRICE_SETS = st.builds(
    PriceSet,
    base=NAMES,
    as_of=TIMES,
    source=NAMES,
    prices=st.dictionaries(NAMES, AMOUNTS.map(abs).filter(bool), max_size=4),
)
ACCOUNTS = st.builds(
    Account,
    account_id=SLUGS,
    venue=st.sampled_from(VENUES),
    enabled=st.booleans(),
    secret=st.none() | NAMES,
    address=st.none() | NAMES,
    subaccounts=st.none()
    | st.sets(st.integers(0, 128_000), min_size=1, max_size=3).map(lambda found: tuple(sorted(found))),
    wallets=st.none() | st.permutations(WALLETS).map(tuple),
    base_url=st.none() | st.just("https://example.test"),
    book=st.none() | st.just(S3Source("desk-books", "b.csv")),
    options=st.dictionaries(
        NAMES, st.none() | st.booleans() | st.integers(0, 9) | NAMES | st.lists(NAMES, max_size=2), max_size=2
    ),
)


def travelled(document: Any) -> Any:
    return parse_json(canonical_json(document).encode(), "document")


@QUICK
@given(ACCOUNTS)
def test_an_account_written_is_read_back_the_same(account: Account) -> None:
    assert read_any_account(travelled(account_document(account))) == account


@QUICK
@given(SNAPSHOTS)
def test_a_snapshot_written_is_read_back_the_same(found: Snapshot) -> None:
    assert read_snapshot(travelled(snapshot_document(found))) == found


@QUICK
@given(BOOKS)
def test_a_book_written_is_read_back_the_same(found: Book) -> None:
    assert read_book(travelled(book_document(found))) == found


@QUICK
@given(PRICE_SETS)
def test_prices_written_are_read_back_the_same(found: PriceSet) -> None:
    assert read_prices(travelled(prices_document(found))) == found


@QUICK
@given(SNAPSHOTS, st.none() | BOOKS, st.none() | BOOKS)
def test_an_observation_written_is_read_back_the_same(found: Snapshot, before: Book | None, after: Book | None) -> None:
    document = observation_document(
        "20261122T120000Z",
        Observation(found, before, after),
        NOON,
        later(NOON, 20),
        [{"path": "/x", "body": "…"}],
    )
    assert {name: document[name] for name in ("schema", "run_id", "account_id", "started_at", "answers")} == {
        "schema": 1,
        "run_id": "20261122T120000Z",
        "account_id": found.account_id,
        "started_at": "2026-11-22T12:00:00.000Z",
        "answers": [{"path": "/x", "body": "…"}],
    }
    assert document["finished_at"] == "2026-11-22T12:00:20.000Z"
    read = read_observation(travelled(document))
    assert (read.snapshot, read.book, read.book_after) == (found, before, after)
    assert read.evidence_sha256 == digest(document)


def test_the_written_account_has_exactly_the_documented_fields() -> None:
    assert list(account_document(read_any_account(ACCOUNT))) == [
        "account_id",
        "venue",
        "enabled",
        "secret",
        "address",
        "subaccounts",
        "wallets",
        "base_url",
        "options",
        "book",
    ]
    assert account_document(read_any_account(ACCOUNT))["subaccounts"] == "all"
    assert account_document(read_any_account(ACCOUNT | {"subaccounts": [128, 0]}))["subaccounts"] == [0, 128]


def test_amounts_are_written_plain() -> None:
    found = snapshot(holding("BTC", "1.2500", held="1E-8", available="0E+3", borrowed="-0.0"))
    (written,) = snapshot_document(found)["holdings"]
    assert written == {
        "wallet": "spot",
        "asset": "BTC",
        "total": "1.25",
        "available": "0",
        "held": "0.00000001",
        "borrowed": "0",
    }


def test_evidence_is_bound_to_every_byte_of_itself() -> None:
    def evidence(answer: str) -> str | None:
        document = observation_document("r", Observation(snapshot(), book(), book()), NOON, NOON, [{"body": answer}])
        return read_observation(document).evidence_sha256

    assert evidence("a") == evidence("a") != evidence("b")


def test_evidence_with_a_number_we_never_write_is_refused() -> None:
    document = observation_document(
        "r", Observation(snapshot(), book(), book()), NOON, NOON, [{"status": Decimal("1.5")}]
    )
    with pytest.raises(Malformed, match="observation: is not what was written"):
        read_observation(document)


@pytest.mark.parametrize("part", ["snapshot", "book", "book_after"])
def test_a_fault_inside_evidence_is_named_with_its_place(part: str) -> None:
    document = observation_document("r", Observation(snapshot(), book(), book()), NOON, NOON, [])
    document[part]["holdings"] = [{"wallet": "spot"}]
    with pytest.raises(Malformed, match=rf"observation\.{part}\.holdings\[0\]\.asset: is missing"):
        read_observation(document)


def test_prices_are_written_in_order_of_the_assets() -> None:
    assert list(prices_document(prices({"ETH": "1", "BTC": "2"}))["prices"]) == ["BTC", "ETH"]
    assert plain(read_prices(PRICES).prices["BTC"]) == "97000.5"


def test_evidence_nested_too_deeply_to_be_written_is_refused() -> None:
    nest: Any = []
    for _ in range(50_000):
        nest = [nest]
    with pytest.raises(Malformed, match="observation: is not what was written"):
        read_observation({"answers": nest})
    while nest:  # taken apart by hand: Python would do it recursively
        nest = nest[0]


def test_a_name_that_stands_in_many_holdings_is_kept_once() -> None:
    def read(version: str) -> Holding:
        holding = {"wallet": "-".join(("perp", "7")), "asset": "".join(("B", "TC")), "total": "1"}
        document = {"account_id": "a", "as_of": "2026-11-22T12:00:00Z", "version": version, "wallets": ["perp-7"]}
        return read_book(document | {"holdings": [holding]}).holdings[0]

    one, other = read("1"), read("2")
    assert one.wallet is other.wallet
    assert one.asset is other.asset
