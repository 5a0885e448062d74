"""Where the reconciliation of all accounts goes on, and the accounts there are."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import JSONAttribute

from common.ledger.store import BalanceItem
from common.owner import Owner
from common.table import keys
from common.table.items import Item
from common.table.table import Page, Position, Table
from common.table.transaction import Write

RECONCILE = "reconcile"


class CursorItem(Item, discriminator=keys.CURSOR.entity):
    position = JSONAttribute(null=True)  # where the scan goes on; none: at the beginning


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
