"""What of a user's is open, and what of his balances each of it holds: what is held is never without an explanation.

`UserOpenIndex` has whatever waits and is a user's. What holds something waits (the books are checked for that), so its
holds are all there: a moment late, as any index is. They are therefore held against the balances: where they do not add
up to what is held, each is read again as of now, and what is left then is told as unexplained, never left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD, Balance, Holding
from common.domain.payouts.model import CASH_OUT, WITHDRAWAL
from common.domain.payouts.model import Kind as PayoutKind
from common.domain.work import OpenWork
from common.keys import PrimaryKey
from common.money import EXACT
from common.owner import Owner
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute
from common.table.prepared import prepared
from common.table.table import Query, Table

PENDING, NEW, WORKING = "PENDING", "NEW", "BASE_TXN_PENDING"
UNPAID = ("payment_pending", "payment_incomplete")  # orders of market making
ZERO = Decimal(0)


class Kind(StrEnum):
    """What may be open."""

    ORDER = "ORDER"
    PURCHASE = "PURCHASE"
    SALE = "SALE"
    CASH_OUT = "CASH_OUT"
    WITHDRAWAL = "WITHDRAWAL"
    MARKET_MAKING = "MARKET_MAKING"


@dataclass(frozen=True)
class Hold:
    """Dollars (`USD`) or coins that are reserved."""

    asset_id: str
    amount: Decimal


@dataclass(frozen=True)
class OpenThing:
    """Something of a user's that is not over: what it holds, if anything, and in a customer's words what it waits
    for."""

    key: PrimaryKey
    kind: Kind
    sub: str
    status: str
    since: datetime
    expires_at: datetime | None
    asset_id: str
    waits_for: str
    hold: Hold | None

    @property
    def thing_id(self) -> str:
        return self.key.pk


@dataclass(frozen=True)
class HeldBalance:
    """What is held of one balance, and by what. The holds and what is unexplained add up to what is held, always."""

    asset_id: str
    held: Decimal
    holds: list[OpenThing]

    @property
    def unexplained(self) -> Decimal:
        """Nothing, but for a moment in which something has moved, and where something is wrong."""
        return EXACT.subtract(self.held, _sum(thing.hold for thing in self.holds if thing.hold is not None))


@dataclass(frozen=True)
class Explained:
    """An account, and what of it is open."""

    balance: Balance
    holdings: Sequence[Holding]
    open: list[OpenThing]

    @property
    def held(self) -> list[HeldBalance]:
        """Dollars first, and the coins of which some are held, by asset."""
        by_asset = defaultdict[str, list[OpenThing]](list)
        for thing in self.open:
            if thing.hold is not None:
                by_asset[thing.hold.asset_id].append(thing)
        coins = {holding.asset_id: holding.held_quantity.amount for holding in self.holdings}
        assets = sorted({asset_id for asset_id, amount in coins.items() if amount} | by_asset.keys() - {USD})
        held = {USD: self.balance.held.usd, **{asset_id: coins.get(asset_id, ZERO) for asset_id in assets}}
        return [HeldBalance(asset_id, amount, by_asset[asset_id]) for asset_id, amount in held.items()]

    @property
    def adds_up(self) -> bool:
        return not any(balance.unexplained for balance in self.held)


class OpenItem(OpenWork, AnyItem):
    """What waits, whichever context wrote it, as the index has it."""

    username = UnicodeAttribute()
    sub = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    asset_id = UnicodeAttribute(null=True)
    order_type = UnicodeAttribute(null=True)
    quantity = DecimalAttribute(null=True)
    order_price = DecimalAttribute(null=True)
    expires_at = InstantAttribute(null=True)
    hold = DecimalAttribute(null=True)
    held_amount = DecimalAttribute(null=True)
    total_amount = DecimalAttribute(null=True)
    timeline_at = UnicodeAttribute(null=True)


def explained(table: Table, owner: Owner) -> Explained:
    """The account, and what its holds are for. Two requests, unless something has moved a moment ago. Raises
    AccountNotFound."""
    found = Explained(*ledger.account(table, owner), open_of(table, owner))
    if found.adds_up:
        return found
    things = as_of_now(table, open_of(table, owner))
    return Explained(*ledger.account(table, owner, consistent=True), things)


def open_of(table: Table, owner: Owner) -> list[OpenThing]:
    """All of it, the oldest first, a moment old."""
    found = (_thing(item) for item in table.all(OpenItem, _open(owner.username)))
    return [thing for thing in found if thing is not None and thing.sub == owner.sub]


@prepared
def _open(username: str) -> Query:
    return Query(OpenItem.username == username, index=keys.USER_OPEN)


def as_of_now(table: Table, things: Iterable[OpenThing]) -> list[OpenThing]:
    """Those of them that are open yet, each read again."""
    items = (table.get(OpenItem, thing.key, consistent=True) for thing in things)
    now = (None if item is None else _thing(item) for item in items)
    return [thing for thing in now if thing is not None]


def _thing(item: OpenItem) -> OpenThing | None:
    """None for what is over, or waits without concerning its user."""
    described = _KINDS.get(item.SK)
    told = None if described is None else described[1](item)
    if described is None or told is None or item.sub is None or item.status is None:
        return None
    waits_for, hold = told
    return OpenThing(
        key=PrimaryKey(item.PK, item.SK),
        kind=described[0],
        sub=item.sub,
        status=item.status,
        since=item.created_at,
        expires_at=item.expires_at,
        asset_id=item.asset_id or USD,
        waits_for="a person at the desk to look at it" if item.needs_person else waits_for,
        hold=hold,
    )


Told = tuple[str, Hold | None] | None


def _order(item: OpenItem) -> Told:
    if item.status != PENDING:
        return None
    if item.order_type == "BUY":
        return "the price to fall to its own, or its expiry", Hold(USD, item.hold or ZERO)
    return "the price to rise to its own, or its expiry", Hold(str(item.asset_id), item.quantity or ZERO)


def _purchase(item: OpenItem) -> Told:
    if item.status != PENDING:
        return None
    exchange = "the exchange to execute it"
    waits_for = exchange if item.expires_at is None else f"its pool to fill or to expire, and {exchange}"
    return waits_for, Hold(USD, item.held_amount or ZERO)


def _sale(item: OpenItem) -> Told:
    if item.status != PENDING:
        return None
    exchange = "the exchange to execute it"
    waits_for = exchange if item.expires_at is None else f"its pool to fill or its time to be over, and {exchange}"
    return waits_for, Hold(str(item.asset_id), item.quantity or ZERO)


def _cash_out(item: OpenItem) -> Told:
    coins = Hold(str(item.asset_id), item.quantity or ZERO)
    if item.status == NEW:  # one that holds nothing is in no list of its customer
        waits_for = "the exchange to say whether it takes the order"
        return None if item.timeline_at is None else (waits_for, coins)
    if item.status == WORKING:
        return "the exchange to execute the sale", coins
    return _payout(item, CASH_OUT)


def _withdrawal(item: OpenItem) -> Told:
    return _payout(item, WITHDRAWAL)


def _payout(item: OpenItem, kind: PayoutKind) -> Told:
    if item.status not in (kind.ready, kind.paying, kind.failed):
        return None
    refused = "the desk: your bank has not taken the dollars, and a person decides"
    return refused if item.status == kind.failed else "your bank to be paid", Hold(USD, item.total_amount or ZERO)


def _market_making(item: OpenItem) -> Told:
    """Its money is on no balance."""
    return "your payment" if item.status in UNPAID else "you to stop it, or the desk to end it", None


_KINDS: Mapping[str, tuple[Kind, Callable[[OpenItem], Told]]] = {
    keys.ORDER.sk: (Kind.ORDER, _order),
    keys.PURCHASE.sk: (Kind.PURCHASE, _purchase),
    keys.SALE.sk: (Kind.SALE, _sale),
    keys.SELL_ORDER.sk: (Kind.CASH_OUT, _cash_out),
    keys.WITHDRAWAL.sk: (Kind.WITHDRAWAL, _withdrawal),
    keys.MARKET_MAKING_ORDER.sk: (Kind.MARKET_MAKING, _market_making),
}


def _sum(holds: Iterable[Hold]) -> Decimal:
    total = ZERO
    for hold in holds:
        total = EXACT.add(total, hold.amount)
    return total
