"""The JSON documents of what is compared: accounts, books, snapshots, prices, observations.

Every `read_*` takes a parsed JSON document and raises `reading.Malformed` with the place of the first fault.
Every `*_document` writes the same format back. The formats are described in docs/formats.md.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from sys import intern
from typing import Any

from .amounts import describe, plain, shorten
from .base_urls import check_base_url
from .book_sources import read_source, source_document
from .models import Account, Book, Holding, Observation, Pending, PriceSet, Snapshot
from .reading import Malformed, Record, digest, format_time, read_plain, read_text
from .reasons import REASONS, Reason

SCHEMA = 1


def read_account(document: object, venues: Collection[str], place: str = "account") -> Account:
    """Read an account; `venues` are the venue names that exist."""
    record = Record(document, place)
    account_id = record.slug("account_id")
    venue = record.choice("venue", venues)
    secret = record.optional_text("secret")
    account = Account(
        account_id=account_id,
        venue=venue,
        enabled=record.optional_boolean("enabled", absent=True),
        secret=secret,
        address=record.optional_text("address"),
        subaccounts=_subaccounts(record),
        wallets=_names(record, "wallets") if record.has("wallets") else None,
        base_url=_base_url(record),
        options=_options(record),
        book=read_source(record, venue, secret),
    )
    record.done()
    return account


def account_document(account: Account) -> dict[str, Any]:
    """Write an account as the JSON document that `read_account` takes."""
    return {
        "account_id": account.account_id,
        "venue": account.venue,
        "enabled": account.enabled,
        "secret": account.secret,
        "address": account.address,
        "subaccounts": "all" if account.subaccounts is None else list(account.subaccounts),
        "wallets": None if account.wallets is None else list(account.wallets),
        "base_url": account.base_url,
        "options": dict(account.options),
        "book": source_document(account.book),
    }


def read_snapshot(document: object, place: str = "snapshot") -> Snapshot:
    """Read a venue snapshot. Every holding's wallet must be among `wallets`; no key may appear twice."""
    record = Record(document, place)
    account_id = record.slug("account_id")
    venue = record.text("venue")
    observed_at = record.time("observed_at")
    venue_time = record.optional_time("venue_time")
    wallets = {name: _wallet_state(state, at) for name, at, state in record.entries("wallets")}
    holdings = tuple(_holding(Record(item, at), at_venue=True) for at, item in record.items("holdings"))
    pending = tuple(_pending(Record(item, at)) for at, item in record.optional_items("pending"))
    record.done()
    _check_side(place, wallets, holdings, pending)
    return Snapshot(account_id, venue, observed_at, wallets, holdings, pending, venue_time)


def snapshot_document(snapshot: Snapshot) -> dict[str, Any]:
    """Write a snapshot as the JSON document that `read_snapshot` takes."""
    document: dict[str, Any] = {
        "account_id": snapshot.account_id,
        "venue": snapshot.venue,
        "observed_at": format_time(snapshot.observed_at),
        "wallets": {
            name: "complete" if reason is None else f"failed: {reason}"
            for name, reason in sorted(snapshot.wallets.items())
        },
        "holdings": [_holding_document(holding) for holding in snapshot.holdings],
        "pending": [_pending_document(item) for item in snapshot.pending],
    }
    if snapshot.venue_time is not None:
        document["venue_time"] = format_time(snapshot.venue_time)
    return document


def read_book(document: object, place: str = "book") -> Book:
    """Read a book. Every holding's wallet must be among the wallets it covers; no key may appear twice."""
    record = Record(document, place)
    account_id = record.slug("account_id")
    as_of = record.time("as_of")
    version = record.text("version")
    wallets = _names(record, "wallets")
    holdings = tuple(_holding(Record(item, at), at_venue=False) for at, item in record.items("holdings"))
    pending = tuple(_pending(Record(item, at)) for at, item in record.optional_items("pending"))
    record.done()
    _check_side(place, wallets, holdings, pending)
    return Book(account_id, as_of, version, wallets, holdings, pending)


def book_document(book: Book) -> dict[str, Any]:
    """Write a book as the JSON document that `read_book` takes."""
    return {
        "account_id": book.account_id,
        "as_of": format_time(book.as_of),
        "version": book.version,
        "wallets": list(book.wallets),
        "holdings": [_holding_document(holding) for holding in book.holdings],
        "pending": [_pending_document(item) for item in book.pending],
    }


def read_prices(document: object, place: str = "prices") -> PriceSet:
    """Read a price set; a price that is not above zero is refused."""
    record = Record(document, place)
    base = record.text("base")
    as_of = record.time("as_of")
    source = record.text("source")
    prices: dict[str, Decimal] = {}
    holder = record.record("prices")
    for asset, at, _ in record.entries("prices"):
        price = holder.amount(asset)
        if price <= 0:
            raise Malformed(at, "must be above zero")
        prices[asset] = price
    record.done()
    return PriceSet(base, as_of, source, prices)


def prices_document(prices: PriceSet) -> dict[str, Any]:
    """Write a price set as the JSON document that `read_prices` takes."""
    return {
        "base": prices.base,
        "as_of": format_time(prices.as_of),
        "source": prices.source,
        "prices": {asset: plain(price) for asset, price in sorted(prices.prices.items())},
    }


def observation_document(
    run_id: str, observation: Observation, started_at: datetime, finished_at: datetime, answers: Sequence[Any]
) -> dict[str, Any]:
    """Write an observation as evidence: both readings of the book, the snapshot, and the venue's raw answers."""
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "account_id": observation.snapshot.account_id,
        "started_at": format_time(started_at),
        "finished_at": format_time(finished_at),
        "book": None if observation.book is None else book_document(observation.book),
        "snapshot": snapshot_document(observation.snapshot),
        "book_after": None if observation.book_after is None else book_document(observation.book_after),
        "answers": list(answers),
    }


def read_observation(document: object, place: str = "observation") -> Observation:
    """Read an observation back from evidence; the evidence's digest becomes part of it."""
    record = Record(document, place)
    book, after = record.optional_raw("book"), record.optional_raw("book_after")
    try:
        sha256 = digest(document)
    except (TypeError, ValueError, RecursionError) as error:  # a number with a point, half a character, a deep nest
        raise Malformed(place, f"is not what was written: {error}") from None
    return Observation(
        snapshot=read_snapshot(record.raw("snapshot"), record.at("snapshot")),
        book=None if book is None else read_book(book, record.at("book")),
        book_after=None if after is None else read_book(after, record.at("book_after")),
        evidence_sha256=sha256,
    )


def _subaccounts(record: Record) -> tuple[int, ...] | None:
    value = record.optional_raw("subaccounts")
    if value is None or value == "all":
        return None
    if not isinstance(value, list) or not value:
        record.fail("subaccounts", 'must be "all" or a list of numbers such as [0, 128]')
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 128_000:
            record.fail("subaccounts", "must hold whole numbers from 0 to 128000")
    if len(set(value)) != len(value):
        record.fail("subaccounts", "must not repeat a number")
    return tuple(sorted(value))


def _names(record: Record, name: str) -> tuple[str, ...]:
    names = tuple(read_text(item, at) for at, item in record.items(name))
    if len(set(names)) != len(names):
        record.fail(name, "must not repeat a name")
    return names


def _base_url(record: Record) -> str | None:
    url = record.optional_text("base_url")
    if url is None:
        return None
    try:
        return check_base_url(url)
    except ValueError as error:
        record.fail("base_url", str(error))


def _options(record: Record) -> dict[str, Any]:
    value = record.optional_raw("options")
    if value is None:
        return {}
    if not isinstance(value, dict):
        record.fail("options", f"must be an object, not {describe(value)}")
    options: dict[str, Any] = read_plain(value, record.at("options"))
    return options


def _wallet_state(state: object, place: str) -> Reason | None:
    text = read_text(state, place)
    if text == "complete":
        return None
    word, _, reason = text.partition(":")
    if word != "failed":
        raise Malformed(place, f'must be "complete" or "failed: <reason>", not {shorten(text)}')
    known = REASONS.get(reason.strip())
    return known if known is not None else Reason.INCOMPLETE


def _holding(record: Record, *, at_venue: bool) -> Holding:
    """Read a holding; only a venue's side has names of the venue's own."""
    holding = Holding(
        # The same few names stand in every holding of every side: one copy of each is enough.
        wallet=intern(record.text("wallet")),
        asset=intern(record.text("asset")),
        total=record.amount("total"),
        available=record.optional_amount("available"),
        held=record.optional_amount("held"),
        borrowed=record.optional_amount("borrowed"),
        price_asset=record.optional_text("price_asset"),
        venue_asset=record.optional_text("venue_asset") if at_venue else None,
        unmapped=at_venue and record.optional_boolean("unmapped", absent=False),
    )
    record.done()
    return holding


def _holding_document(holding: Holding) -> dict[str, Any]:
    document: dict[str, Any] = {
        "wallet": holding.wallet,
        "asset": holding.asset,
        "total": plain(holding.total),
    }
    for name in ("available", "held", "borrowed"):
        amount: Decimal | None = getattr(holding, name)
        if amount is not None:
            document[name] = plain(amount)
    for name in ("venue_asset", "price_asset"):
        if (text := getattr(holding, name)) is not None:
            document[name] = text
    if holding.unmapped:
        document["unmapped"] = True
    return document


def _pending(record: Record) -> Pending:
    item = Pending(
        wallet=record.text("wallet"),
        asset=record.text("asset"),
        quantity=record.amount("quantity"),
        applied=record.boolean("applied"),
        kind=record.optional_text("kind"),
        reference=record.optional_text("reference"),
        since=record.optional_time("since"),
    )
    record.done()
    return item


def _pending_document(item: Pending) -> dict[str, Any]:
    return {
        "wallet": item.wallet,
        "asset": item.asset,
        "quantity": plain(item.quantity),
        "applied": item.applied,
        "kind": item.kind,
        "reference": item.reference,
        "since": None if item.since is None else format_time(item.since),
    }


def _check_side(
    place: str,
    wallets: Collection[str],
    holdings: tuple[Holding, ...],
    pending: tuple[Pending, ...],
) -> None:
    """Refuse a key that appears twice (two amounts for one thing) and a wallet nobody vouches for."""
    seen: set[tuple[str, str]] = set()
    for index, holding in enumerate(holdings):
        at = f"{place}.holdings[{index}]"
        if holding.wallet not in wallets:
            raise Malformed(f"{at}.wallet", f"is not among {place}.wallets: {', '.join(sorted(wallets))}")
        key = (holding.wallet, holding.asset)
        if key in seen:
            raise Malformed(
                at,
                f"repeats {holding.wallet} {shorten(holding.asset)}: one holding for each wallet and asset",
            )
        seen.add(key)
    references: set[str] = set()
    for index, item in enumerate(pending):
        at = f"{place}.pending[{index}]"
        if item.wallet not in wallets:
            raise Malformed(f"{at}.wallet", f"is not among {place}.wallets: {', '.join(sorted(wallets))}")
        if item.reference is not None:
            if item.reference in references:
                raise Malformed(f"{at}.reference", f"repeats {shorten(item.reference)}")
            references.add(item.reference)
