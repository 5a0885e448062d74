"""What stories are told of, in whichever context; where the reconciliation goes on, and the accounts there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from common import keys
from common.domain import pools
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import ExchangeOrder
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.ledger.store import BalanceItem
from common.domain.payouts.model import AttemptStatus
from common.domain.work import Unfinished
from common.keys import Key, PrimaryKey
from common.owner import Owner
from common.table.items import AnyItem, DecimalAttribute, Item
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.operations.model import OutsideCall

RECONCILE, SWEEP = "reconcile", "sweep"
UNANSWERED = "begun; it has not answered yet"


class CursorItem(Item, discriminator=keys.CURSOR.entity):
    position = JSONAttribute(null=True)  # where a round goes on; none: at the beginning


class KnownItem(Unfinished):
    """Any item that an id names."""

    batch_id = UnicodeAttribute(null=True)  # of a purchase
    asset_id = UnicodeAttribute(null=True)
    shard = DecimalAttribute(null=True)  # of the asset's pool: a pool's own, or where it waits or has waited
    pool_generation = DecimalAttribute(null=True)

    @property
    def row(self) -> Key:
        return next(row for row in keys.SCHEMA if row.sk == self.SK)

    @property
    def pool(self) -> str | None:
        """The id of the pool that it is, or that it waits or has waited in."""
        return None if self.shard is None or self.asset_id is None else pools.pool_id(self.asset_id, int(self.shard))

    @property
    def batch(self) -> str | None:
        """The id of the batch that it is, that it is bought with, or that a pool's open generation will be."""
        if self.row is keys.BATCH:
            return self.PK
        if self.row is not keys.POOL:
            return self.batch_id
        assert self.asset_id is not None
        assert self.shard is not None
        assert self.pool_generation is not None
        return pools.batch_id(self.asset_id, int(self.shard), int(self.pool_generation))


class OutsideCallItem(AnyItem):
    """An order at the exchange, or a payout attempt, as the story of an order tells it."""

    exchange = UnicodeAttribute(null=True)
    client_order_id = UnicodeAttribute(null=True)
    exchange_order_id = UnicodeAttribute(null=True)
    order_state = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    adjustment_id = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    failure_code = UnicodeAttribute(null=True)


def known(table: Table, key: PrimaryKey) -> KnownItem | None:
    """The item here; of a batch that is not closed yet, the pool whose open generation it is."""
    item = table.get(KnownItem, key, consistent=True)
    if item is not None or key.sk != keys.BATCH.sk:
        return item
    pool = _open_pool(table, key.pk)
    return pool if pool is not None and pool.batch == key.pk else table.get(KnownItem, key, consistent=True)


def _open_pool(table: Table, batch_id: str) -> KnownItem | None:
    """The pool of its first member; nobody else knows which pool an open generation is of."""
    order_id = next(members(table, batch_id), None)
    purchase = None if order_id is None else table.get(KnownItem, keys.PURCHASE(order_id=order_id), consistent=True)
    if purchase is None or purchase.pool is None:
        return None
    key = keys.item_named(purchase.pool)
    return None if key is None else table.get(KnownItem, key, consistent=True)


def members(table: Table, batch_id: str) -> Iterator[str]:
    """The ids of the purchases in a batch, or in the open generation that will be one."""
    where = partition(batch_id) & Item.SK.startswith(keys.MEMBER.prefix)
    for item in table.all(AnyItem, Query(where, consistent=True)):
        yield keys.MEMBER.read(PrimaryKey(item.PK, item.SK))["order_id"]


def exchange_order(table: Table, thing_id: str) -> ExchangeOrder | None:
    """The one that it placed last."""
    where = partition(thing_id) & Item.SK.startswith(keys.EXCHANGE_ORDER.prefix)
    number = sum(1 for _ in table.all(AnyItem, Query(where, consistent=True)))  # they are numbered from 1
    return None if number == 0 else exchange_orders.find(table, thing_id, number)


def calls(table: Table, thing_id: str) -> Iterator[OutsideCall]:
    """Orders at the exchange, then payout attempts, each in order."""
    for row in (keys.EXCHANGE_ORDER, keys.PAYOUT_ATTEMPT):
        where = partition(thing_id) & Item.SK.startswith(row.prefix)
        for item in table.all(OutsideCallItem, Query(where, consistent=True)):
            yield _at_exchange(item) if row is keys.EXCHANGE_ORDER else _at_bank(item)


def _at_exchange(item: OutsideCallItem) -> OutsideCall:
    assert item.exchange is not None
    assert item.client_order_id is not None
    says = UNANSWERED if item.status == AtExchange.SENT else item.reason
    state = item.order_state or item.status
    return OutsideCall(item.created_at, item.exchange, item.client_order_id, item.exchange_order_id, state, says)


def _at_bank(item: OutsideCallItem) -> OutsideCall:
    reference_id = f"{item.PK}-{item.SK.rpartition('#')[2]}"
    says = UNANSWERED if item.status == AttemptStatus.PENDING else item.failure_code
    return OutsideCall(item.created_at, "bank", reference_id, item.adjustment_id, item.status, says)


def accounts(table: Table, after: Position | None) -> Page[Owner]:
    """A page of a scan."""
    page = table.scan(BalanceItem, keys.BALANCE, after=after)
    return page.of(lambda item: Owner(item.PK, item.sub))


def behind(owner: Owner) -> Position:
    """Where a scan goes on that has come to this account."""
    key = keys.BALANCE(username=owner.username)
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


def cursor(table: Table) -> Position | None:
    item = table.get(CursorItem, keys.CURSOR(name=RECONCILE), consistent=True)
    return None if item is None else item.position


def move_cursor(position: Position | None, at: datetime) -> Write:
    item = CursorItem(*keys.CURSOR(name=RECONCILE), position=position, created_at=at, updated_at=at)
    return Write.put(item)


def places(table: Table) -> dict[str, Position]:
    """Behind what the sweeper goes on in each partition of the index; where it names none, at the beginning."""
    item = table.get(CursorItem, keys.CURSOR(name=SWEEP), consistent=True)
    return {} if item is None else item.position


def move_places(places: dict[str, Position], at: datetime) -> Write:
    return Write.put(CursorItem(*keys.CURSOR(name=SWEEP), position=places, created_at=at, updated_at=at))
