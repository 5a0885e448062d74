"""Balances in the table: the writes that change them, each with its rule, and the reads.

Every debit demands the `sub` of the token: the user pool lets a deleted username be taken again.

How a sale takes its cost out without a lock. The cost of what is sold depends on the holding, so a sale reads it,
computes, and writes under the condition that no *other sale* has come in between (`total_sold` is as read). Buys
may come in between: they only add, and the outcome is to the last digit that of the sale done first and the buy
after it, which is a true order of the two. So buyers can not starve a seller, and a sale is tried again only when
another sale has succeeded. A failed condition returns the holding as it is now (ALL_OLD): no further read.

    read   (quantity 3, cost 30, sold 0)
                   buy 1 for 20 ─▶ (4, 50, 0)
    write  sell 1, cost 10, when sold = 0 ─▶ (3, 40, 1)      as if: sell 1 of 3 for cost 10, then buy 1 for 20

What fee a customer pays depends on his tier, which stands on his dollars' balance; nobody reads it before a trade. A
trade is written for the tier that is guessed, under the condition that it is that one; a write that fails by it brings
the right one back (`TierMoved`), and the trade is made out anew.

How many orders a user has open is counted on the balance that each holds something on, in the write that holds and in
the one that gives back or spends: it costs no write of its own (docs/decisions: "Open orders are counted").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self, TypeVar

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain.fees import Tier
from common.domain.ledger.model import (
    USD,
    Account,
    AccountExists,
    AccountMoved,
    AccountNotFound,
    AssetTransaction,
    Balance,
    Holding,
    HoldMissing,
    InsufficientAsset,
    InsufficientFunds,
    NothingToSell,
    TooManyOpenOrders,
    TransactionType,
    UnreadableLine,
)
from common.errors import Refusal
from common.money import ZERO, Money, Price, Quantity
from common.owner import Owner, Ownership
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Busy, Write

OPEN_ORDERS_MAX = 200  # that hold something on one balance: dollars, or one asset
ALL_TRIES_MAX = 5  # to hold everything that is free, while it becomes less
SALE_SECONDS_MAX = 5  # each failed try means that another sale of the same holding succeeded
NEVER_READ = Decimal(-1)  # a `total_sold` that no holding has: the write must fail and bring the holding back
_T = TypeVar("_T")


class BalanceItem(Item, discriminator=keys.BALANCE.entity):
    sub = UnicodeAttribute()
    former_subs = JSONAttribute(null=True)  # of an account that was moved to another login
    current_balance = DecimalAttribute()
    held_balance = DecimalAttribute()
    open_orders = DecimalAttribute(null=True)  # that hold dollars
    tier = UnicodeAttribute(null=True)  # but STANDARD
    tier_at = InstantAttribute(null=True)  # when it was set last


class AssetBalanceItem(Item, discriminator=keys.ASSET_BALANCE.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    quantity = DecimalAttribute()
    held_quantity = DecimalAttribute()
    open_orders = DecimalAttribute(null=True)  # that hold some of it
    cost_basis = DecimalAttribute()
    realised_gain = DecimalAttribute()
    total_bought = DecimalAttribute()
    total_sold = DecimalAttribute()
    last_transaction_at = InstantAttribute()


class AssetTransactionItem(Item, discriminator=keys.ASSET_TRANSACTION.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    transaction_type = UnicodeAttribute()
    quantity = DecimalAttribute()
    price_per_unit = DecimalAttribute()
    total_amount = DecimalAttribute()
    cost = DecimalAttribute(null=True)
    realised_gain = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    order_id = UnicodeAttribute()
    status = UnicodeAttribute()

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        """Raises UnreadableLine."""
        with _readable(data["PK"]["S"], data["SK"]["S"]):
            return super().from_raw_data(data)


@contextmanager
def _readable(pk: str, sk: str) -> Iterator[None]:
    """Raises UnreadableLine, which names the line, for whatever is wrong with it."""
    try:
        yield
    except Exception as fault:
        why = f"{type(fault).__name__}: {fault}"
        raise UnreadableLine(f"the line {sk} of {pk} can not be read: {why}"[:300], id=pk) from fault


class DeskTransactionItem(Item, discriminator=keys.DESK_TRANSACTION.entity):
    amount = DecimalAttribute()
    reason = UnicodeAttribute()
    order_id = UnicodeAttribute()


class HoldingMoved(Exception):
    """Another sale came in between. Carries the holding as it is now; compute the cost again and write again."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding


class TierMoved(Exception):
    """The customer is of another tier than was guessed. Carries it; make the trade out for that and write again."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier


# USD


def open_balance(owner: Owner, at: datetime) -> Write:
    """A balance of zero. Refused with AccountExists when the username has one."""
    item = BalanceItem(
        *keys.BALANCE(username=owner.username),
        sub=owner.sub,
        current_balance=Decimal(0),
        held_balance=Decimal(0),
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=AccountExists("that username has a balance already"))


def credit(owner: Owner, amount: Money, at: datetime, *, tier: Tier | None = None) -> Write:
    """Add to the free balance. Refused with AccountNotFound; raises TierMoved, if a tier is given."""
    return _change(owner, at, current=amount, tier=tier)


def debit(owner: Owner, amount: Money, at: datetime, *, tier: Tier | None = None) -> Write:
    """Take from the free balance. Refused with AccountNotFound, InsufficientFunds; raises TierMoved, if a tier is
    given."""
    return _change(owner, at, current=-amount, tier=tier)


def hold(owner: Owner, amount: Money, at: datetime) -> Write:
    """Reserve a part of the free balance. Refused with AccountNotFound, InsufficientFunds."""
    return _change(owner, at, current=-amount, held=amount)


def hold_for_order(owner: Owner, amount: Money, at: datetime, *, tier: Tier | None = None) -> Write:
    """As `hold`, for an order that is open from now on. Refused with TooManyOpenOrders besides; raises TierMoved, if a
    tier is given."""
    return _change(owner, at, current=-amount, held=amount, opened=1, tier=tier)


def release(owner: Owner, amount: Money, at: datetime) -> Write:
    """Give a hold back. Refused with HoldMissing."""
    return _change(owner, at, current=amount, held=-amount)


def release_of_order(owner: Owner, amount: Money, at: datetime) -> Write:
    """As `release`, of an order that is open no more."""
    return _change(owner, at, current=amount, held=-amount, opened=-1)


def settle(owner: Owner, held: Money, spent: Money, at: datetime) -> Write:
    """Spend a hold: what was reserved over what was spent goes back. Refused with HoldMissing."""
    return _change(owner, at, current=held - spent, held=-held)


def settle_of_order(owner: Owner, held: Money, spent: Money, at: datetime) -> Write:
    """As `settle`, of an order that is open no more."""
    return _change(owner, at, current=held - spent, held=-held, opened=-1)


def credit_held(owner: Owner, amount: Money, at: datetime) -> Write:
    """Add to what is reserved: dollars that came in and are to go out again. Refused with AccountNotFound."""
    return _change(owner, at, held=amount)


def _change(
    owner: Owner,
    at: datetime,
    *,
    current: Money = ZERO,
    held: Money = ZERO,
    opened: int = 0,
    tier: Tier | None = None,
) -> Write:
    def refusal(old: RawItem | None) -> Refusal:
        if old is None or old["sub"]["S"] != owner.sub:
            return _no_account()
        if tier not in (None, _tier(old)):
            raise TierMoved(_tier(old))
        if held < ZERO:
            return HoldMissing("the hold is smaller than what should be taken from it")
        if Money(old["current_balance"]["N"]) + current >= ZERO:
            return _too_many("dollars")
        return InsufficientFunds(
            f"the free balance is below {-current}",
            needed_usd=str(-current),
            free_usd=str(Money(old["current_balance"]["N"])),
        )

    return _change_balance(
        keys.BALANCE(username=owner.username),
        owner.sub,
        at,
        current=current.usd or None,
        held=held.usd or None,
        current_min=(-current).usd if current < ZERO else None,
        held_min=(-held).usd if held < ZERO else None,
        opened=Decimal(opened) if opened else None,
        open_before=Decimal(OPEN_ORDERS_MAX) if opened > 0 else None,
        tier=_written(tier),
        standard=tier is Tier.STANDARD or None,
    ).refused_with(refusal)


def _too_many(held: str) -> TooManyOpenOrders:
    return TooManyOpenOrders(
        f"{OPEN_ORDERS_MAX} open orders of yours hold {held}, and no more may: let some fill, or cancel them",
        open_orders_max=OPEN_ORDERS_MAX,
    )


@prepared
def _change_balance(
    key: keys.PrimaryKey,
    sub: str,
    at: datetime,
    *,
    current: Decimal | None,
    held: Decimal | None,
    current_min: Decimal | None,
    held_min: Decimal | None,
    opened: Decimal | None,
    open_before: Decimal | None,
    tier: str | None,
    standard: bool | None,
) -> Write:
    """Add to the free and the held part, each of which must be at least so much before, and to the number of open
    orders, of which there must be fewer than `open_before`; of a customer of the `tier`, or of the `standard` one."""
    item = BalanceItem
    actions: list[Action] = [item.updated_at.set(at)]
    rule: Condition = item.sub == sub
    if current is not None:
        actions.append(item.current_balance.add(current))
    if held is not None:
        actions.append(item.held_balance.add(held))
    if current_min is not None:
        rule &= item.current_balance >= current_min
    if held_min is not None:
        rule &= item.held_balance >= held_min
    if opened is not None:
        actions.append(item.open_orders.add(opened))
    if open_before is not None:
        rule &= item.open_orders.does_not_exist() | (item.open_orders < open_before)
    if tier is not None:
        rule &= item.tier == tier
    if standard is not None:
        rule &= item.tier.does_not_exist()
    return Write.update(item(*key), *actions, when=rule)


def of_tier(owner: Owner, tier: Tier) -> Write:
    """What it is written with is a customer's of this tier. Refused with AccountNotFound; raises TierMoved."""

    def refusal(old: RawItem | None) -> Refusal:
        if old is not None and old["sub"]["S"] == owner.sub:
            raise TierMoved(_tier(old))
        return _no_account()

    item = BalanceItem
    rule = (item.sub == owner.sub) & _is_of(tier)
    return Write.check(item(*keys.BALANCE(username=owner.username)), when=rule, otherwise=refusal)


def set_tier(whose: Owner, before: Tier, tier: Tier, at: datetime, set_at: datetime | None = None) -> Write:
    """From now on the customer is of this tier. Refused with AccountMoved, where he is not of the one `before`, or that
    was not set last at `set_at`."""
    item = BalanceItem
    as_set: Condition = item.tier_at.does_not_exist() if set_at is None else item.tier_at == set_at
    return Write.update(
        item(*keys.BALANCE(username=whose.username)),
        item.tier.remove() if tier is Tier.STANDARD else item.tier.set(tier),
        item.tier_at.set(at),
        item.updated_at.set(at),
        when=(item.sub == whose.sub) & _is_of(before) & as_set,
        otherwise=AccountMoved("others have moved the account; look at it again", id=whose.username),
    )


def nothing_held(whose: Owner) -> Write:
    """That no dollars of the customer's are held. Refused with AccountMoved."""
    item = BalanceItem
    return Write.check(
        item(*keys.BALANCE(username=whose.username)),
        when=(item.sub == whose.sub) & (item.held_balance == Decimal(0)),
        otherwise=AccountMoved("something of the account is held by now; look at it again", id=whose.username),
    )


def _is_of(tier: Tier) -> Condition:
    item = BalanceItem
    return item.tier.does_not_exist() if tier is Tier.STANDARD else item.tier == tier


def _written(tier: Tier | None) -> str | None:
    return None if tier in (None, Tier.STANDARD) else tier


def _tier(old: RawItem) -> Tier:
    return Tier(old["tier"]["S"]) if "tier" in old else Tier.STANDARD


def _no_account() -> AccountNotFound:
    return AccountNotFound("you have no account yet: POST /users opens one")


def balance(table: Table, owner: Owner) -> Balance:
    """Raises AccountNotFound."""
    item = table.get(BalanceItem, keys.BALANCE(username=owner.username), consistent=True)
    return _owned(item, owner)


def ownership(table: Table, username: str) -> Ownership:
    """Whose balance it is that has this username: for operators. Raises AccountNotFound."""
    item = table.get(BalanceItem, keys.BALANCE(username=username), consistent=True)
    if item is None or item.sub is None:
        raise AccountNotFound(f"there is no account {username}")
    return _ownership(item)


def _ownership(item: BalanceItem) -> Ownership:
    return Ownership(Owner(item.PK, item.sub), tuple(item.former_subs or ()))


def _owned(item: BalanceItem | None, owner: Owner) -> Balance:
    if item is None or item.sub != owner.sub:
        raise _no_account()
    return _balance(item)


def _balance(item: BalanceItem) -> Balance:
    tier = Tier(item.tier or Tier.STANDARD)
    current, held = Money(item.current_balance), Money(item.held_balance)
    return Balance(item.PK, current, held, item.updated_at, tier, item.tier_at)


# Assets


def credit_asset(owner: Owner, quantity: Quantity, cost: Money, at: datetime) -> Write:
    """Add bought units and what they cost, opening the holding if there is none. Refused with AccountNotFound."""
    return _credit_asset(
        _asset_balance(owner, quantity.asset_id),
        owner.username,
        owner.sub,
        quantity.asset_id,
        at,
        quantity.amount,
        cost.usd,
    ).refused_with(AccountNotFound("the holding of this name belonged to somebody else"))


@prepared
def _credit_asset(
    key: keys.PrimaryKey, username: str, sub: str, asset_id: str, at: datetime, quantity: Decimal, cost: Decimal
) -> Write:
    item = AssetBalanceItem
    zero = Decimal(0)
    return Write.update(
        item(*key),
        item.entity_type.set(item),
        item.username.set(username),
        item.sub.set(sub),
        item.asset_id.set(asset_id),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.last_transaction_at.set(at),
        item.held_quantity.set(item.held_quantity | zero),
        item.total_sold.set(item.total_sold | zero),
        item.realised_gain.set(item.realised_gain | zero),
        item.quantity.add(quantity),
        item.total_bought.add(quantity),
        item.cost_basis.add(cost),
        when=item.PK.does_not_exist() | (item.sub == sub),
    )


@dataclass(frozen=True)
class Sale:
    """What a sale takes out of a holding, computed from the holding as read."""

    quantity: Quantity
    proceeds: Money
    cost: Money
    total_sold: Decimal  # as read

    @property
    def realised_gain(self) -> Money:
        return self.proceeds - self.cost


def sale(holding: Holding | None, quantity: Quantity, proceeds: Money) -> Sale:
    """The sale of a part of `holding`. Where that is missing or too small as read, the write decides, not the read:
    such a sale can not succeed, and its failure brings the holding as it is now."""
    if holding is None or quantity.amount > holding.whole.amount:
        return Sale(quantity, proceeds, ZERO, NEVER_READ)
    return Sale(quantity, proceeds, holding.cost_of(quantity), holding.total_sold.amount)


def debit_asset(owner: Owner, sale: Sale, at: datetime) -> Write:
    """Take sold units from the free quantity. Refused with InsufficientAsset; raises HoldingMoved to begin again."""
    return _sell(owner, sale, at, held=None)


def settle_asset(owner: Owner, sale: Sale, at: datetime, *, hold: Quantity | None = None) -> Write:
    """Take sold units from the held quantity, and give back what `hold` reserved over them: that order is open no more.

    Refused with HoldMissing; raises HoldingMoved to begin again."""
    return _sell(owner, sale, at, held=hold or sale.quantity)


def _sell(owner: Owner, sale: Sale, at: datetime, *, held: Quantity | None) -> Write:
    sold = sale.quantity.amount
    taken = sold if held is None else held.amount

    def refusal(old: RawItem | None) -> Refusal:
        moved = None if old is None or old["sub"]["S"] != owner.sub else AssetBalanceItem.from_raw_data(old)
        there = Decimal(0) if moved is None else moved.quantity if held is None else moved.held_quantity
        if moved is not None and there >= taken:
            raise HoldingMoved(_holding(moved))
        return _too_little(sale.quantity, there) if held is None else HoldMissing("the hold is smaller than the sale")

    return _sell_asset(
        _asset_balance(owner, sale.quantity.asset_id),
        owner.sub,
        at,
        held=None if held is None else -taken,
        quantity=-taken if held is None else (held - sale.quantity).amount or None,
        sold=sold,
        cost=-sale.cost.usd,
        gain=sale.realised_gain.usd,
        quantity_min=taken if held is None else None,
        held_min=None if held is None else taken,
        opened=None if held is None else Decimal(-1),
        total_sold=sale.total_sold,
    ).refused_with(refusal)


@prepared
def _sell_asset(
    key: keys.PrimaryKey,
    sub: str,
    at: datetime,
    *,
    held: Decimal | None,
    quantity: Decimal | None,
    sold: Decimal,
    cost: Decimal,
    gain: Decimal,
    quantity_min: Decimal | None,
    held_min: Decimal | None,
    opened: Decimal | None,
    total_sold: Decimal,
) -> Write:
    """Add to the held and the free part, each of which must be at least so much before, when no other sale came in
    between (`total_sold`)."""
    item = AssetBalanceItem
    actions: list[Action] = [item.updated_at.set(at), item.last_transaction_at.set(at)]
    rule: Condition = item.sub == sub
    if held is not None:
        actions.append(item.held_quantity.add(held))
    if quantity is not None:
        actions.append(item.quantity.add(quantity))
    if quantity_min is not None:
        rule &= item.quantity >= quantity_min
    if held_min is not None:
        rule &= item.held_quantity >= held_min
    if opened is not None:
        actions.append(item.open_orders.add(opened))
    actions += [item.total_sold.add(sold), item.cost_basis.add(cost), item.realised_gain.add(gain)]
    return Write.update(item(*key), *actions, when=rule & (item.total_sold == total_sold))


def sell(
    table: Table,
    owner: Owner,
    quantity: Quantity,
    proceeds: Money,
    commit: Callable[[Sale], None],
    *,
    seconds_max: float = SALE_SECONDS_MAX,
) -> None:
    """Read the holding, compute the sale, and `commit` it in a transaction with `debit_asset` or `settle_asset`; again
    when another sale came in between. Raises what `commit` raises; Busy, after `seconds_max` of others' sales."""
    began, now = table.seconds(), holding(table, owner, quantity.asset_id)
    while True:
        try:
            return commit(sale(now, quantity, proceeds))
        except HoldingMoved as moved:
            now = moved.holding
        if table.seconds() - began >= seconds_max:
            raise Busy("other sales of the same asset keep coming in between; send it again", retry_after_seconds=1)


def hold_asset(owner: Owner, quantity: Quantity, at: datetime) -> Write:
    """Reserve units for a sale that is open from now on. Refused with InsufficientAsset, TooManyOpenOrders."""

    def refusal(old: RawItem | None) -> Refusal:
        mine = old is not None and old["sub"]["S"] == owner.sub
        free = Decimal(old["quantity"]["N"]) if old is not None and mine else Decimal(0)
        return _too_little(quantity, free) if free < quantity.amount else _too_many(quantity.asset_id)

    key, one, most = _asset_balance(owner, quantity.asset_id), Decimal(1), Decimal(OPEN_ORDERS_MAX)
    return _hold_asset(key, owner.sub, quantity.amount, -quantity.amount, at, one, most).refused_with(refusal)


@prepared
def _hold_asset(
    key: keys.PrimaryKey,
    sub: str,
    held: Decimal,
    change: Decimal,
    at: datetime,
    opened: Decimal,
    open_before: Decimal,
) -> Write:
    item = AssetBalanceItem
    return Write.update(
        item(*key),
        item.updated_at.set(at),
        item.quantity.add(change),
        item.held_quantity.add(held),
        item.open_orders.add(opened),
        when=(item.sub == sub)
        & (item.quantity >= held)
        & (item.open_orders.does_not_exist() | (item.open_orders < open_before)),
    )


def free(table: Table, owner: Owner, asset_id: str) -> Quantity:
    """All units that are free, as of now. Raises NothingToSell."""
    now = holding(table, owner, asset_id, consistent=True)
    if now is None or not now.quantity.amount:
        raise NothingToSell(f"nothing of your {asset_id} is free")
    return now.quantity


def holding_all(sell: Callable[[], _T]) -> _T:
    """`sell` reads what is `free` and holds it; again where it has become less in between. What has come in between is
    not sold: the sale came first, and what came after it. Raises what `sell` raises; Busy."""
    for _ in range(ALL_TRIES_MAX):
        try:
            return sell()
        except InsufficientAsset:
            continue
    raise Busy("your other orders of the same asset keep coming in between; send it again", retry_after_seconds=1)


def release_asset(owner: Owner, quantity: Quantity, at: datetime) -> Write:
    """Give the reserved units of a sale back, which is open no more. Refused with HoldMissing."""
    key = _asset_balance(owner, quantity.asset_id)
    return _release_asset(key, owner.sub, quantity.amount, -quantity.amount, at, Decimal(-1)).refused_with(
        HoldMissing("the hold is smaller than what should be given back")
    )


@prepared
def _release_asset(
    key: keys.PrimaryKey, sub: str, released: Decimal, change: Decimal, at: datetime, opened: Decimal
) -> Write:
    item = AssetBalanceItem
    return Write.update(
        item(*key),
        item.updated_at.set(at),
        item.quantity.add(released),
        item.held_quantity.add(change),
        item.open_orders.add(opened),
        when=(item.sub == sub) & (item.held_quantity >= released),
    )


def _too_little(quantity: Quantity, free: Decimal) -> InsufficientAsset:
    return InsufficientAsset(
        f"the free quantity is below {quantity}",
        needed=str(quantity),
        free=str(Quantity(free, quantity.asset_id)),
    )


def _asset_balance(owner: Owner, asset_id: str) -> keys.PrimaryKey:
    return keys.ASSET_BALANCE(username=owner.username, asset_id=asset_id)


def holding(table: Table, owner: Owner, asset_id: str, *, consistent: bool = False) -> Holding | None:
    """A moment old, 0.5 read units, unless it has to be of now. None when the owner never had the asset."""
    item = table.get(AssetBalanceItem, _asset_balance(owner, asset_id), consistent=consistent)
    return _holding(item) if item is not None and item.sub == owner.sub else None


def account(table: Table, owner: Owner, *, consistent: bool = False) -> tuple[Balance, list[Holding]]:
    """The USD balance and every holding, by asset, in one request for a dozen assets; a moment old, unless it is read
    consistently. Raises AccountNotFound."""
    usd, assets = _items(table, owner.username, consistent=consistent)
    return _owned(usd, owner), [_holding(item) for item in assets if item.sub == owner.sub]


def account_of(table: Table, username: str) -> Account:
    """As `find`. Raises AccountNotFound."""
    account = find(table, username)
    if account is None:
        raise AccountNotFound(f"there is no account {username}")
    return account


def find(table: Table, username: str) -> Account | None:
    """All of the account that has this username, as of now, whoever has it: not for customers."""
    usd, assets = _items(table, username, consistent=True)
    if usd is None or usd.sub is None:
        return None
    whose = _ownership(usd)
    return Account(whose, _balance(usd), [_holding(item) for item in assets if item.sub == whose.owner.sub])


def _items(table: Table, username: str, *, consistent: bool) -> tuple[BalanceItem | None, list[AssetBalanceItem]]:
    # ASSET#… < BALANCE, and nothing else of a user lies between them.
    between = Item.SK.between(keys.ASSET_BALANCE.prefix, keys.BALANCE.sk)
    items = list(table.all(Item, Query(partition(username) & between, consistent=consistent)))
    usd = next((item for item in items if isinstance(item, BalanceItem)), None)
    return usd, [item for item in items if isinstance(item, AssetBalanceItem)]


def move(account: Account, sub: str, at: datetime) -> list[Write]:
    """The balance and every holding of an account, of which nothing is held, become those of another login.

    Each is refused with AccountMoved where it is not as it was read. A holding that is opened meanwhile costs dollars,
    so the balance shows it."""
    after = account.ownership.moved_to(sub)
    refusal = AccountMoved("others have moved the account; look at it again", id=after.username)
    writes = [_move_balance(account, after, at), *(_move_asset(account, asset, sub, at) for asset in account.holdings)]
    return [write.refused_with(refusal) for write in writes]


def _move_balance(account: Account, after: Ownership, at: datetime) -> Write:
    item, was = BalanceItem, account.balance
    as_read = (item.updated_at == was.updated_at) & (item.current_balance == was.current.usd)
    return Write.update(
        item(*keys.BALANCE(username=after.username)),
        item.sub.set(after.owner.sub),
        item.former_subs.set(list(after.former_subs)),
        item.updated_at.set(at),
        when=(item.sub == account.ownership.owner.sub) & as_read & (item.held_balance == Decimal(0)),
    )


def _move_asset(account: Account, was: Holding, sub: str, at: datetime) -> Write:
    item, owner = AssetBalanceItem, account.ownership.owner
    return Write.update(
        item(*_asset_balance(owner, was.asset_id)),
        item.sub.set(sub),
        item.updated_at.set(at),
        when=(item.sub == owner.sub) & (item.updated_at == was.updated_at) & (item.held_quantity == Decimal(0)),
    )


def _holding(item: AssetBalanceItem) -> Holding:
    def of(amount: Decimal) -> Quantity:
        return Quantity(amount, item.asset_id)

    return Holding(
        asset_id=item.asset_id,
        quantity=of(item.quantity),
        held_quantity=of(item.held_quantity),
        cost_basis=Money(item.cost_basis),
        realised_gain=Money(item.realised_gain),
        total_bought=of(item.total_bought),
        total_sold=of(item.total_sold),
        last_transaction_at=item.last_transaction_at,
        updated_at=item.updated_at,
    )


# The journal


def journal(line: AssetTransaction) -> Write:
    """One line, written once. Its key holds time and order, so two trades of one microsecond do not meet."""
    asset_id = line.quantity.asset_id
    sold = line.transaction_type is TransactionType.SELL
    key = keys.ASSET_TRANSACTION(
        username=line.username, asset_id=asset_id, created_at=text(line.created_at), order_id=line.order_id
    )
    item = AssetTransactionItem(
        *key,
        username=line.username,
        sub=line.sub,
        asset_id=asset_id,
        transaction_type=line.transaction_type,
        quantity=line.quantity.amount,
        price_per_unit=line.price_per_unit.usd_per_unit,
        total_amount=line.total_amount.usd,
        cost=line.cost.usd if sold else None,
        realised_gain=line.realised_gain.usd if sold else None,
        fee_amount=line.fee.usd or None,
        order_id=line.order_id,
        status="COMPLETED",
        created_at=line.created_at,
        updated_at=line.created_at,
    )
    return Write.put(item)


def desk_line(
    part: Money | Quantity, reason: str, order_id: str, at: datetime, *, alone: Refusal | None = None
) -> Write:
    """A line of the desk's own account in dollars or an asset: fractions of cents, and what else is left over. Its
    balance is the sum of its lines. An order has one line of an asset at an instant: refused with `alone`, if that is
    given, where there is one."""
    asset_id, amount = (USD, part.usd) if isinstance(part, Money) else (part.asset_id, part.amount)
    item = DeskTransactionItem(
        *keys.DESK_TRANSACTION(asset_id=asset_id, created_at=text(at), order_id=order_id),
        amount=amount,
        reason=reason,
        order_id=order_id,
        created_at=at,
        updated_at=at,
    )
    return Write.put(item) if alone is None else Write.insert(item, otherwise=alone)


def desk_lines(table: Table, asset_id: str) -> Iterator[tuple[str, Quantity]]:
    """The lines of the desk's own account of an asset: of which order or snapshot each is, and how much."""
    query = Query(partition(keys.DESK_TRANSACTION.partition(asset_id=asset_id)), consistent=True)
    for line in table.all(DeskTransactionItem, query):
        yield line.order_id, Quantity(line.amount, asset_id)


def dollars(
    owner: Owner, transaction_type: TransactionType, amount: Money, order_id: str, at: datetime
) -> AssetTransaction:
    """The journal's line of a deposit or withdrawal."""
    return AssetTransaction(
        username=owner.username,
        sub=owner.sub,
        quantity=Quantity(amount.usd, USD),
        transaction_type=transaction_type,
        price_per_unit=Price(1),
        total_amount=amount,
        order_id=order_id,
        created_at=at,
    )


def lines(
    table: Table, whose: Owner | Ownership, asset_id: str, since: datetime | None = None, until: datetime | None = None
) -> Iterator[AssetTransaction]:
    """Every line of one asset, oldest first, as of now: the owner's own for statements, all of an account's for
    rebuilding."""
    query = _journal(whose, asset_id, since, until, consistent=True)
    return map(_line, table.all(AssetTransactionItem, query))


def lines_before(
    table: Table,
    owner: Owner,
    asset_id: str,
    since: datetime | None,
    until: datetime | None,
    behind: tuple[str, str] | None,
    *,
    at_once: int,
) -> Iterator[AssetTransaction]:
    """Every line of one asset, newest first, as of now: where `behind` is given, those that follow the line of this
    sort key and asset in a list of several assets', of which lines of one time and order are sorted by asset."""
    last = None if behind is None else behind[0]
    query = _journal(owner, asset_id, since, until, last=last, newest_first=True, consistent=True)
    for item in table.all(AssetTransactionItem, query, at_once=at_once):
        if behind is None or (item.SK, asset_id) < behind:
            yield _line(item)


def page_of_lines(
    table: Table,
    whose: Ownership,
    asset_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    after: Position | None = None,
) -> Page[AssetTransaction]:
    """What one request reads of these lines, at most a megabyte. Raises UnreadableLine."""
    query = _journal(whose, asset_id, since, until, consistent=True)
    return table.page(AssetTransactionItem, query, after=after).of(_line)


def _journal(
    whose: Owner | Ownership,
    asset_id: str,
    since: datetime | None,
    until: datetime | None,
    *,
    last: str | None = None,
    newest_first: bool = False,
    consistent: bool = False,
) -> Query:
    item, subs = AssetTransactionItem, whose.subs
    where = partition(keys.ASSET_TRANSACTION.partition(username=whose.username, asset_id=asset_id))
    if since is not None or until is not None or last is not None:
        first, last = text(since) if since else "0", last or (text(until) if until else ":")  # ":" follows "9"
        where &= item.SK.between(first, max(first, last))  # a span that ends before it begins is empty
    only: Condition = item.sub == subs[0] if len(subs) == 1 else item.sub.is_in(*subs)
    return Query(where, only=only, newest_first=newest_first, consistent=consistent)


def _line(item: AssetTransactionItem) -> AssetTransaction:
    with _readable(item.PK, item.SK):
        return AssetTransaction(
            username=item.username,
            sub=item.sub,
            quantity=Quantity(item.quantity, item.asset_id),
            transaction_type=TransactionType(item.transaction_type),
            price_per_unit=Price(item.price_per_unit),
            total_amount=Money(item.total_amount),
            order_id=item.order_id,
            created_at=item.created_at,
            cost=Money(item.cost or 0),
            realised_gain=Money(item.realised_gain or 0),
            fee=Money(item.fee_amount or 0),
        )
