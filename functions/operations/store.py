"""Where the reconciliation of all accounts goes on, and the accounts there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from common import keys
from common.domain.ledger.store import BalanceItem
from common.owner import Owner
from common.table.items import AnyItem, InstantAttribute, Item
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.operations.model import OutsideCall

RECONCILE = "reconcile"


class CursorItem(Item, discriminator=keys.CURSOR.entity):
    position = JSONAttribute(null=True)  # where the scan goes on; none: at the beginning


class OutsideCallItem(AnyItem):
    """An order at the exchange, or a payout attempt, as the story of an order tells it."""

    exchange = UnicodeAttribute(null=True)
    client_order_id = UnicodeAttribute(null=True)
    exchange_order_id = UnicodeAttribute(null=True)
    order_state = UnicodeAttribute(null=True)
    resolved_at = InstantAttribute(null=True)
    adjustment_id = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    failure_code = UnicodeAttribute(null=True)


def calls(table: Table, thing_id: str) -> Iterator[OutsideCall]:
    """Orders at the exchange, then payout attempts, each in order."""
    for kind in (keys.EXCHANGE_ORDER, keys.PAYOUT_ATTEMPT):
        where = partition(thing_id) & Item.SK.startswith(kind.prefix)
        for item in table.all(OutsideCallItem, Query(where, consistent=True)):
            number = item.SK.rpartition("#")[2]
            if kind is keys.EXCHANGE_ORDER:
                yield OutsideCall(
                    item.created_at,
                    item.exchange or "",
                    item.client_order_id or "",
                    item.exchange_order_id,
                    item.order_state,
                    None,
                )
            else:
                reference_id = f"{thing_id}-{number}"
                yield OutsideCall(
                    item.created_at, "bank", reference_id, item.adjustment_id, item.status, item.failure_code
                )


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
