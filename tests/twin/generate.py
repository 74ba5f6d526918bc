"""Observations nobody would wish for: few assets, amounts that meet limits exactly, everything that can be amiss."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

Document = dict[str, Any]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WALLETS = ("spot", "earn", "perp/0")
ASSETS = ("BTC", "DUST", "USD", "X", "BTC-USD", "BTCUSDT:LONG")
PRICES = ("1", "10", "0.01", "100", "1000", "0.5", "97000.5")
REASONS = (
    "unreachable", "rate_limited", "auth_failed", "permission_denied", "geo_blocked", "maintenance", "bad_response",
    "incomplete", "something_new",
)  # fmt: skip


def decimals(text: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, text.split()))


AMOUNTS = decimals("0 0 1 1 -1 2 5 10 20 100 100 -100 200 1000 10000 50000 -20000 0.5 1e-8 -1e-8 2e-8")
RATIOS = decimals(
    "1 1 0 -1 1.05 0.95 1.2 0.8 1.001 0.999 1.0010001 0.9989999 1.0499999 1.2000001 0.7999999 1.1 1.5 0.97 2"
)
NOISE = decimals("0 0 0 0 1e-8 -1e-8 1.00000001e-8 2e-8 -3e-8 0.001 0.1 -0.1 1 -1 1.00000001 5 -10 0.999 100 1000")
WORTHS = decimals("1 1.00000001 10 9.99999999 1000 999.99999999 1000.00000001 10000 9999.99999999 25000")


class Maker:
    """One seed, one observation: the same wherever and whenever it is made."""

    def __init__(self, seed: int | str, *, pending: bool = True) -> None:
        self.random = Random(f"twin {seed}")
        self.pending = pending
        self.references = 0
        self.prices = {name: Decimal(self.random.choice(PRICES)) for name in ("BTC", "DUST") if self.chance(0.9)}

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def case(self) -> Document:
        """Make snapshot, book, book-after, policy, prices and account."""
        before = {wallet for wallet in WALLETS if self.chance(0.93)}
        after = before if self.chance(0.95) else {wallet for wallet in WALLETS if self.chance(0.8)}
        wallets = {wallet: "complete" for wallet in WALLETS if self.chance(0.96)}
        wallets |= {wallet: f"failed: {self.one(*REASONS)}" for wallet in wallets if self.chance(0.08)}
        sides: list[Document] = [{"holdings": [], "pending": []} for _ in range(3)]
        silent = self.chance(0.05)
        for wallet in WALLETS:
            for asset in ASSETS:
                if self.chance(0.25):
                    self.key(wallet, asset, sides, silent=silent)
        venue, *books = sides
        snapshot = {
            "account_id": "a", "venue": "coinbase", "observed_at": at(0), **venue, "wallets": wallets,
            "venue_time": self.clock(None, 0, -60, -120, -120.001, 30, 30.001),
        }  # fmt: skip
        book, book_after = (
            {"account_id": "a", "as_of": self.clock(0, -1, -900, -900.001, 30, 30.001), "version": "1", **said}
            | {"wallets": sorted(covered)}
            for said, covered in zip(books, (before, after), strict=True)
        )
        if book_after["as_of"] < book["as_of"] and self.chance(0.8):
            book_after["as_of"] = book["as_of"]
        for side in (snapshot, book, book_after):
            for part in ("holdings", "pending"):
                side[part] = [item for item in side[part] if item["wallet"] in side["wallets"]]
                self.random.shuffle(side[part])
        case: Document = {"snapshot": snapshot, "book": book, "book-after": book_after}
        if self.chance(0.02):
            case[self.one("book", "book-after")] = None
        case |= {"policy": self.policy(), "prices": self.price_set(), "account": self.account()}
        return case

    def clock(self, usual: float | None, *others: float | None) -> str | None:
        """A time: most often the usual one, now and then one at a limit or just over it."""
        seconds = usual if self.chance(0.94) else self.one(*others)
        return None if seconds is None else at(seconds)

    # -- one wallet and asset, as each of the three sides states it

    def key(self, wallet: str, asset: str, sides: list[Document], *, silent: bool) -> None:
        before = self.one(*AMOUNTS)
        after = self.near(before, asset) if self.chance(0.18) else before
        total = self.one(before, after) if self.chance(0.6) else self.near(self.one(before, after), asset)
        if self.chance(0.05):
            total = self.one(*AMOUNTS)
        items: list[list[Document]] = [[], [], []]
        if self.pending and self.chance(0.5):
            items, effect, applied_between = self.items(wallet, asset, total - before)
            total += effect
            after += applied_between
        helds = [self.near(self.one(*AMOUNTS), asset) if self.chance(0.2) else Decimal(1) for _ in range(3)]
        with_held, quiet = self.chance(0.25), self.one(*"------------", "0", "0", "12", "12", "1", "2")
        for number, (side, amount) in enumerate(zip(sides, (total, before, after), strict=True)):
            if silent and number == 0 and self.chance(0.95):
                continue
            side["pending"] += items[number]
            if str(number) in quiet:
                continue
            holding = {"wallet": wallet, "asset": asset, "total": self.written(amount)}
            if with_held and self.chance(0.9):
                holding["held"] = self.written(helds[number])
            if self.chance(0.02):
                holding["borrowed"] = self.written(self.decimal(AMOUNTS))
            if self.chance(0.06):
                holding["price_asset"] = self.one("BTC", "USD", "DUST", "nothing")
            if number == 0:
                holding["venue_asset"] = asset
            side["holdings"].append(holding)

    def near(self, amount: Decimal, asset: str) -> Decimal:
        """An amount a known step away: a share of it, a dust, or what is worth exactly a limit."""
        kind = self.random.random()
        if kind < 0.4:
            return amount * self.decimal(RATIOS)
        if kind < 0.65:
            return amount + self.decimal(NOISE)
        price = self.prices.get(asset.partition("-")[0].partition("USDT")[0], Decimal(1))
        price = Decimal(1) if price == Decimal("97000.5") else price  # one by which nothing divides
        return amount + self.random.choice((1, -1)) * self.decimal(WORTHS) / price

    def decimal(self, choices: tuple[Decimal, ...]) -> Decimal:
        return self.random.choice(choices)

    def items(self, wallet: str, asset: str, gap: Decimal) -> tuple[list[list[Document]], Decimal, Decimal]:
        """Items in flight, what some of them do to the venue's total, and what the book applied meanwhile."""
        listed: list[list[Document]] = [[], [], []]
        effect = between = Decimal(0)
        takes_part = self.one(0.3, 0.9, 1)
        if self.chance(0.05):
            return self.crowd(wallet, asset)
        for _ in range(self.one(1, 1, 2, 3, 4, 5)):
            quantity = self.one(*AMOUNTS) if self.chance(0.7) else self.near(self.one(gap, Decimal(1)), asset)
            sides = self.one((0,), (0,), (1, 2), (1, 2), (0, 1, 2), (0, 1, 2), (0, 1), (0, 2), (1,), (2,))
            item = self.item(wallet, asset, quantity)
            at_venue, in_book, in_book_after = self.one(True, False), self.one(True, False), None
            in_book_after = in_book if self.chance(0.8) else not in_book
            for side, applied in zip(range(3), (at_venue, in_book, in_book_after), strict=True):
                if side in sides:
                    other = {"quantity": self.written(self.near(quantity, asset))} if self.chance(0.05) else {}
                    stray = {"asset": self.one(*ASSETS)} if self.chance(0.03) else {}
                    listed[side].append(item | {"applied": applied} | other | stray)
            if self.chance(takes_part):
                if 0 in sides and sides != (0,):
                    effect += quantity * (at_venue - in_book)
                else:
                    effect += quantity if (at_venue if sides == (0,) else not in_book) else -quantity
                if self.chance(0.7):
                    between += quantity * (in_book_after - in_book)
        return listed, effect, between

    def crowd(self, wallet: str, asset: str) -> tuple[list[list[Document]], Decimal, Decimal]:
        """Around twelve items of one side, of which up to four, more often the small ones, explain all there is."""
        numbers = range(self.one(12, 13, 14, 15))
        quantities = [Decimal(1000 + (number * number if self.chance(0.8) else 0)) for number in numbers]
        listed = [self.item(wallet, asset, quantity) | {"applied": True} for quantity in quantities]
        chosen = [self.random.randrange(self.one(3, 6, len(listed))) for _ in range(self.one(1, 2, 3, 3, 4))]
        effect = sum((quantities[number] for number in {*chosen}), Decimal(0))
        return [listed, [], []], effect, Decimal(0)

    def item(self, wallet: str, asset: str, quantity: Decimal) -> Document:
        return {
            "wallet": wallet, "asset": asset, "quantity": self.written(quantity), "applied": self.chance(0.5),
            "kind": "transfer", "reference": self.reference(), "since": self.since(),
        }  # fmt: skip

    def reference(self) -> str | None:
        self.references += 1
        return None if self.chance(0.08) else f"{self.one('r', 'a', 'Z')}{self.references}"

    def since(self) -> str | None:
        return self.clock(-60, None, 0, 60, -86_399.999, -86_400, -86_401, -200_000) if self.chance(0.9) else at(-7200)

    def written(self, amount: Decimal) -> str:
        plain = f"{amount:f}"
        return self.random.choice((plain, plain, plain, f"{amount:e}", plain.replace("-", "-0")))

    # -- what is not an observation

    def account(self) -> Document | None:
        asked = [wallet for wallet in (*WALLETS, *(["vault"] if self.chance(0.1) else [])) if self.chance(0.4)]
        return {"account_id": "a", "venue": "coinbase", "enabled": True, "wallets": asked} if self.chance(0.3) else None

    def price_set(self) -> Document | None:
        if self.chance(0.06):
            return None
        quotes = {name: f"{price:f}" for name, price in self.prices.items()} if self.chance(0.96) else {}
        as_of = self.clock(-5, 0, 60, -3600, -3600.001, 3600, 3600.001)
        base = "USD" if self.chance(0.97) else "EUR"
        return {
            "base": base,
            "as_of": as_of,
            "source": "made",
            "prices": quotes | ({"USD": "2"} if self.chance(0.1) else {}),
        }

    def policy(self) -> Document | None:
        """Overrides on every level of specificity; no two limits of severity ever cross."""
        if self.chance(0.5):
            return None
        tolerance = {
            "relative": ("0", "0.001", "0.05", "0.2", "1"), "quantity": ("0", "1e-8", "1", "5", "100"),
            "value_floor": ("0", "1", "10", "1000"), "value_cap": ("0", "10", "1000", "10000"),
        }  # fmt: skip
        severity = {
            "minor_below": ("0", "0.05", "0.1"), "major_up_to": ("0.1", "0.2", "0.5"),
            "worth_minor_below": ("0", "10", "100"), "worth_major_from": ("100", "1000"),
            "worth_critical_from": ("1000", "10000", "20000"),
            "unpriced_critical": (True, False),
        }  # fmt: skip
        timing = {
            "stale_venue_seconds": (60, 120), "stale_book_seconds": (1, 900), "clock_skew_seconds": (1, 30, 60),
            "prices_max_age_seconds": (60, 3600, 7200),
            "pending_max_age_seconds": (60, 7200, 604_800),
        }  # fmt: skip
        made = {"tolerance": self.scopes(tolerance, by_asset=True), "severity": self.scopes(severity, by_asset=True)}
        return made | ({"timing": self.scopes(timing, by_asset=False)} if self.chance(0.2) else {})

    def scopes(self, fields: dict[str, tuple[Any, ...]], *, by_asset: bool) -> Document:
        def some() -> Document:
            return {name: self.one(*values) for name, values in fields.items() if self.chance(0.3)}

        def named(names: Iterable[str], *, inner: bool) -> Document:
            found = {name: some() for name in names if self.chance(0.4)}
            if inner and by_asset:
                for scope in found.values():
                    scope["assets"] = named(ASSETS, inner=False)
            return found

        scopes: Document = {"default": some()} if self.chance(0.5) else {}
        if by_asset:
            scopes["assets"] = named(ASSETS, inner=False)
        return scopes | {"venues": named(("coinbase", "dydx"), inner=True), "accounts": named(("a", "b"), inner=True)}


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def made(seed: int | str, *, pending: bool = True) -> Document:
    """Make the observation of a seed."""
    return Maker(seed, pending=pending).case()
