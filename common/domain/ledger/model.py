"""What a holding is worth and what it cost: pure arithmetic.

Cost is kept exactly (`cost_basis`, the dollars paid for what is still held) and the average price is computed when
read: DynamoDB can add but not divide, and a stored average would have to be read and rounded at every buy. A sale
takes cost out in proportion (weighted average cost); whoever sells everything takes all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from common.domain.fees import Tier
from common.errors import Conflict, NotFound
from common.money import EXACT, FRACTION_DIGITS_MAX, ROUNDING, ZERO, Money, Price, Quantity, plain
from common.owner import Ownership

USD = "USD"  # the asset id under which the journal keeps deposits and withdrawals
ASSETS_MOVED_MAX = 80  # in one transaction, which has 100 writes, some of them the rules of who confirms it
ALL = "all"  # what a customer writes for everything of an asset that is free
SUBS_MAX = 50  # that have had an account: a filter compares with 100 values at most
SHARE_STEP = Decimal("0.01")  # of a percent


class AccountNotFound(NotFound):
    """The caller has no account, or the one of this name belonged to somebody else before."""


class AccountExists(Conflict):
    """The username has an account already, of another person."""


class InsufficientFunds(Conflict):
    """The free balance is below what was asked of it."""


class InsufficientAsset(Conflict):
    """The free quantity of an asset is below what was asked of it."""


class NothingToSell(Conflict):
    """Nothing of the asset is free: there is none, or open orders hold it."""


class AccountMoved(Conflict):
    """The account is not as it was read any more, or something of it is held by now: look at it again."""


class TooManyOpenOrders(Conflict):
    """As many orders as may be open hold something on this balance already: dollars, or this asset."""


class HoldMissing(Conflict):
    """A hold is smaller than what should be taken from it: a bug, seen before it costs anything."""


class UnreadableLine(Conflict):
    """A line of the journal is not what the desk writes. Nothing that needs all of the journal can be told."""


class TransactionType(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"


@dataclass(frozen=True)
class Balance:
    """Dollars of one user: free to spend, and reserved for open orders and withdrawals. His tier says what he pays of
    an instant trade; it was set last at `tier_at`, if ever."""

    username: str
    current: Money
    held: Money
    updated_at: datetime
    tier: Tier = Tier.STANDARD
    tier_at: datetime | None = None

    @property
    def total(self) -> Money:
        return self.current + self.held


@dataclass(frozen=True)
class Holding:
    """One asset of one user. Cost is spread over all of it, free and held."""

    asset_id: str
    quantity: Quantity
    held_quantity: Quantity
    cost_basis: Money
    realised_gain: Money
    total_bought: Quantity
    total_sold: Quantity
    last_transaction_at: datetime
    updated_at: datetime

    @property
    def whole(self) -> Quantity:
        return self.quantity + self.held_quantity

    @property
    def average_purchase_price(self) -> Price | None:
        """`cost_basis / quantity`, to 18 decimals; None when nothing is held."""
        if not self.whole.amount:
            return None
        average = ROUNDING.divide(self.cost_basis.usd, self.whole.amount)
        return Price(average.quantize(Decimal(1).scaleb(-FRACTION_DIGITS_MAX), ROUND_HALF_EVEN, ROUNDING))

    def cost_of(self, sold: Quantity) -> Money:
        """The cost that leaves with `sold`: in proportion, and all of it with the last unit."""
        if sold == self.whole:
            return self.cost_basis
        return min(self.cost_basis, self.cost_basis.share(sold.amount, self.whole.amount))


@dataclass(frozen=True)
class Account:
    """Everything that one account has, and whose it is."""

    ownership: Ownership
    balance: Balance
    holdings: Sequence[Holding]

    @property
    def held(self) -> str:
        """What is reserved of it, in words; empty where nothing is."""
        dollars = [f"${self.balance.held}"] if self.balance.held != ZERO else []
        return ", ".join(dollars + [str(h.held_quantity) for h in self.holdings if h.held_quantity.amount])

    def why_it_stays(self) -> str | None:
        """Why the account can not be moved to another login now, and what to do; None if it can."""
        if self.held:
            return f"{self.held} of it are held: its open orders, purchases and payouts have to end first"
        if len(self.holdings) > ASSETS_MOVED_MAX:
            return (
                f"it has {len(self.holdings)} assets, and {ASSETS_MOVED_MAX} can be moved at once: "
                "those who maintain the desk have to move it"
            )
        if len(self.ownership.subs) > SUBS_MAX:
            return f"{len(self.ownership.subs)} logins have had it: those who maintain the desk have to look at it"
        return None


@dataclass(frozen=True)
class AssetTransaction:
    """A line of the journal, written once and never changed. For USD, quantity is dollars and price is 1.

    `cost` is the cost a sale took out of the holding, and `realised_gain` what it brought over that. Of the total of
    an instant trade, `fee` is the desk's: it is in what a buyer paid, and not in what a seller got.
    """

    username: str
    sub: str
    quantity: Quantity
    transaction_type: TransactionType
    price_per_unit: Price
    total_amount: Money
    order_id: str
    created_at: datetime
    cost: Money = ZERO
    realised_gain: Money = ZERO
    fee: Money = ZERO


@dataclass(frozen=True)
class Books:
    """What an account must hold by its journal: USD free and held together, and of each asset what is held of it,
    its cost, its gain, and how much was ever bought and sold."""

    usd: Money
    assets: Mapping[str, tuple[Decimal, Decimal, Decimal, Decimal, Decimal]]

    @classmethod
    def by_journal(cls, lines: Iterable[AssetTransaction]) -> Books:
        """Everything added up again from the first line."""
        return cls(ZERO, {}).plus(lines)

    def plus(self, lines: Iterable[AssetTransaction]) -> Books:
        """With further lines of the journal."""
        usd, assets = self.usd, defaultdict[str, list[Decimal]](lambda: [Decimal(0)] * 5)
        assets |= {asset_id: list(sums) for asset_id, sums in self.assets.items()}
        for line in lines:
            match line.transaction_type:
                case TransactionType.DEPOSIT:
                    usd += line.total_amount
                case TransactionType.WITHDRAW:
                    usd -= line.total_amount
                case TransactionType.BUY:
                    usd -= line.total_amount
                    _add(assets[line.quantity.asset_id], line.quantity, line.total_amount, ZERO)
                case TransactionType.SELL:
                    usd += line.total_amount
                    sold = Quantity(-line.quantity.amount, line.quantity.asset_id)
                    _add(assets[line.quantity.asset_id], sold, -line.cost, line.realised_gain)
        return Books(usd, {asset_id: (a, b, c, d, e) for asset_id, (a, b, c, d, e) in assets.items()})

    def minus(self, other: Books) -> Books:
        """What was there before what the other adds up to had moved; without the assets of which nothing was known."""
        assets = {
            asset_id: tuple(
                EXACT.subtract(there, moved)
                for there, moved in zip(sums, other.assets.get(asset_id, _NOTHING), strict=True)
            )
            for asset_id, sums in self.assets.items()
        }
        known = {asset_id: (a, b, c, d, e) for asset_id, (a, b, c, d, e) in assets.items() if any((a, b, c, d, e))}
        return Books(self.usd - other.usd, known)

    @classmethod
    def by_balances(cls, balance: Balance, holdings: Iterable[Holding]) -> Books:
        """What the balances say."""
        return cls(
            balance.total,
            {
                h.asset_id: (
                    h.whole.amount,
                    h.cost_basis.usd,
                    h.realised_gain.usd,
                    h.total_bought.amount,
                    h.total_sold.amount,
                )
                for h in holdings
            },
        )

    def differences(self, other: Books) -> list[str]:
        """In words, one for each number that is not the same."""
        found = [] if self.usd == other.usd else [f"USD {self.usd} is {other.usd}"]
        for asset_id in sorted({*self.assets, *other.assets}):
            ours, theirs = self.assets.get(asset_id, _NOTHING), other.assets.get(asset_id, _NOTHING)
            names = ("quantity", "cost_basis", "realised_gain", "total_bought", "total_sold")
            found += [
                f"{asset_id} {name} {plain(a)} is {plain(b)}"
                for name, a, b in zip(names, ours, theirs, strict=True)
                if a != b
            ]
        return found


_NOTHING = (Decimal(0),) * 5


def _add(sums: list[Decimal], quantity: Quantity, cost: Money, gain: Money) -> None:
    moved = quantity.amount
    changes = (moved, cost.usd, gain.usd, max(moved, Decimal(0)), max(-moved, Decimal(0)))
    sums[:] = [EXACT.add(a, b) for a, b in zip(sums, changes, strict=True)]


class PriceStatus(StrEnum):
    FRESH = "FRESH"
    STALE = "STALE"
    MISSING = "MISSING"


@dataclass(frozen=True)
class Mark:
    """A price to value a holding at, and whether it may be trusted."""

    price: Price
    as_of: datetime
    stale: bool


@dataclass(frozen=True)
class Position:
    """A holding at a price. Without a price its value is unknown, not zero."""

    holding: Holding
    mark: Mark | None
    value: Money | None
    allocation_percent: Decimal | None  # of the known value of the portfolio

    @property
    def price_status(self) -> PriceStatus:
        if self.mark is None:
            return PriceStatus.MISSING
        return PriceStatus.STALE if self.mark.stale else PriceStatus.FRESH

    @property
    def unrealised_gain(self) -> Money | None:
        return None if self.value is None else self.value - self.holding.cost_basis


@dataclass(frozen=True)
class Portfolio:
    balance: Balance
    positions: Sequence[Position]
    realised_gain: Money  # of every asset ever held
    usd_allocation_percent: Decimal | None

    @property
    def total_asset_value(self) -> Money:
        """Of the positions that have a price; `complete` says whether that is all of them."""
        return sum((p.value for p in self.positions if p.value is not None), ZERO)

    @property
    def total_portfolio_value(self) -> Money:
        return self.balance.total + self.total_asset_value

    @property
    def unrealised_gain(self) -> Money:
        return sum((p.unrealised_gain for p in self.positions if p.unrealised_gain is not None), ZERO)

    @property
    def complete(self) -> bool:
        return all(p.price_status is PriceStatus.FRESH for p in self.positions)


def portfolio(balance: Balance, holdings: Sequence[Holding], marks: Mapping[str, Mark]) -> Portfolio:
    """Everything a user owns, at the prices given. Shares are percent of the known value and add up to 100.00."""
    held = [h for h in holdings if h.whole.amount]
    values = [marks[h.asset_id].price.value_of(h.whole) if h.asset_id in marks else None for h in held]
    usd_share, *shares = _percentages([balance.total, *values])
    return Portfolio(
        balance=balance,
        positions=[
            Position(h, marks.get(h.asset_id), value, share)
            for h, value, share in zip(held, values, shares, strict=True)
        ],
        realised_gain=sum((h.realised_gain for h in holdings), ZERO),
        usd_allocation_percent=usd_share,
    )


def _percentages(values: Sequence[Money | None]) -> list[Decimal | None]:
    """Shares of the whole in percent by largest remainder, so that they add up to exactly 100.00."""
    whole = sum((v for v in values if v is not None), ZERO).usd
    if not whole:
        return [None for _ in values]
    raw = [None if v is None else ROUNDING.divide(EXACT.multiply(v.usd, Decimal(100)), whole) for v in values]
    floors = [None if r is None else r.quantize(SHARE_STEP, ROUND_FLOOR, ROUNDING) for r in raw]
    missing = int((Decimal(100) - sum((f for f in floors if f is not None), Decimal(0))) / SHARE_STEP)
    by_remainder = sorted(
        (i for i, r in enumerate(raw) if r is not None),
        key=lambda i: (raw[i] or 0) - (floors[i] or 0),
        reverse=True,
    )
    for i in by_remainder[:missing]:
        floors[i] = (floors[i] or Decimal(0)) + SHARE_STEP
    return floors
