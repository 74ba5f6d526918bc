"""What is to happen in a round: drawn from the seed and the round's number, and from nothing else."""

import random
from dataclasses import dataclass
from decimal import Decimal

from tests.soak.accounts import ACCOUNTS, Told
from tests.soak.aws_faults import AwsFault, Kill, random_fault, random_kill
from tests.soak.rules import Key
from tests.soak.venue_faults import KINDS, OF_ACCOUNTS_ONLY

CHANGES = ("venue loses a little", "venue loses much", "venue loses all of it", "venue turns round", "airdrop",
           "venue shows nothing", "book alone moves", "put right")  # fmt: skip
_CHANGE_WEIGHTS = (12, 15, 7, 6, 7, 4, 9, 40)

PRICES, HEIGHT = "prices", "height"
"""Besides an account, what a venue fault can meet: the price list, and dYdX's height."""


@dataclass(frozen=True)
class Change:
    """One side of one account moves alone: a true break begins, or ends (`put right`)."""

    account_id: str
    kind: str
    key: Key
    share: Decimal
    """How much of the amount it begins with is meant, made unlike every other round's."""


@dataclass(frozen=True)
class Trade:
    """Venue and book of an account move together, venue first, once while it is being read."""

    account_id: str
    key: Key
    share: Decimal
    when: str
    """`before` the venue's answer is computed, `after` (but before it leaves), or `beside`, at some moment."""
    book_later: bool
    """The book lags: it follows after the venue's answer is out."""
    delay: float
    """Seconds into the round, for `beside`; seconds until the book follows, where it lags."""


@dataclass(frozen=True)
class VenueFault:
    """One fault for one account (or the prices, or the height), for so many requests; None: for the whole round."""

    who: str
    kind: str
    times: int | None
    second_page: bool


@dataclass(frozen=True)
class Start:
    """One run. `copies` 2: the scheduler delivers the same moment twice."""

    scheduled: bool
    copies: int
    delay: float
    """Seconds after the round's first start."""


@dataclass(frozen=True)
class RoundPlan:
    """Everything that is ordered in a round."""

    number: int
    starts: tuple[Start, ...]
    changes: tuple[Change, ...]
    trades: tuple[Trade, ...]
    venue_faults: tuple[VenueFault, ...]
    aws_faults: tuple[AwsFault, ...]
    kill: Kill | None
    clock_shift: int
    """Seconds Coinbase's clock is ahead of ours."""
    height_lag: int
    """Blocks dYdX's answers are behind its height."""
    row_vanishes: bool
    """A row of nothing disappears from the first page while the second is still to come."""

    @property
    def aws_misbehaves(self) -> bool:
        """Whether anything but the venues goes wrong."""
        return bool(self.aws_faults) or self.kill is not None


def plan_round(seed: int, number: int) -> RoundPlan:
    """Draw a round. The first one is quiet, so that there are prices and warm functions."""
    dice = random.Random(f"trueup soak {seed} {number}")
    if number == 0:
        return RoundPlan(0, (Start(False, 1, 0.0),), (), (), (), (), None, 0, 0, False)
    starts = [Start(dice.random() < 0.5, 1, 0.0)]
    if dice.random() < 0.15:
        starts = [Start(True, 2, 0.0)]
    while len(starts) < 3 and dice.random() < 0.22:
        starts.append(Start(dice.random() < 0.5, 1, round(dice.uniform(0, 0.5), 3)))
    stormy = dice.random() < 0.8
    return RoundPlan(
        number=number,
        starts=tuple(starts),
        changes=tuple(_change(dice, told, number) for told in ACCOUNTS if told.may_break and dice.random() < 0.16),
        trades=tuple(_trade(dice, told, number, place) for place, told in enumerate(ACCOUNTS) if dice.random() < 0.3),
        venue_faults=tuple(_venue_faults(dice)) if stormy else (),
        aws_faults=tuple(random_fault(dice) for _ in range(dice.randint(1, 4))) if dice.random() < 0.4 else (),
        kill=random_kill(dice) if dice.random() < 0.13 else None,
        clock_shift=dice.choice((-50, 50)) if dice.random() < 0.06 else 0,
        height_lag=200 if dice.random() < 0.04 else 0,
        row_vanishes=dice.random() < 0.08,
    )


def _change(dice: random.Random, told: Told, number: int) -> Change:
    kind = dice.choices(CHANGES, _CHANGE_WEIGHTS)[0]
    key = dice.choice(told.keys)
    if kind == "airdrop":
        key = ("spot", "JUP") if told.venue == "coinbase" else (told.wallets[0], "SOL-USD")
    share = {
        "venue loses a little": "0.03",
        "venue loses much": dice.choice(("0.1", "0.4")),
        "book alone moves": "0.25",
    }
    return Change(told.account_id, kind, key, _unlike(Decimal(share.get(kind, "0.5")), number, 0))


def _trade(dice: random.Random, told: Told, number: int, place: int) -> Trade:
    return Trade(
        account_id=told.account_id,
        key=dice.choice([key for key in told.keys if key[1] not in told.second_page]),
        share=_unlike(Decimal(dice.choice(("0.0002", "0.02", "0.3"))), number, place + 1) * dice.choice((1, -1)),
        when=dice.choice(("before", "after", "beside")),
        book_later=dice.random() < 0.15,
        delay=round(dice.uniform(0, 0.6), 3),
    )


def _unlike(share: Decimal, number: int, place: int) -> Decimal:
    """The share with a tail of its own, so that every amount there ever was can be told from all others."""
    return share * (1 + Decimal(number * 10 + place) / 1_000_000)


def _venue_faults(dice: random.Random) -> list[VenueFault]:
    found = []
    for told in ACCOUNTS:
        while dice.random() < 0.33:
            kind = dice.choice([name for name, kind in KINDS.items() if told.venue in kind.venues])
            times = dice.choices((1, 2, 3, 5, None), (30, 22, 15, 10, 23))[0]
            found.append(VenueFault(told.account_id, kind, times, bool(told.second_page) and dice.random() < 0.5))
    for who in (PRICES, HEIGHT):
        if dice.random() < 0.12:
            common = [name for name, kind in KINDS.items() if len(kind.venues) == 2 and name not in OF_ACCOUNTS_ONLY]
            kind = dice.choice(common)
            found.append(VenueFault(who, kind, dice.choice((1, 2, 4, None)), False))
    return found
