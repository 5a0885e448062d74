"""The sales at the exchange that a customer has open, as every context may list them: what they hold, and until when
they wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.money import Quantity
from common.owner import Owner
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute
from common.table.prepared import prepared
from common.table.table import Query, Table

PENDING = "PENDING"


@dataclass(frozen=True)
class OpenSale:
    """It holds the quantity until it is over. `expires_at` is when its pool is sold at the latest; a direct one has
    none."""

    order_id: str
    held: Quantity
    batch_id: str
    created_at: datetime
    expires_at: datetime | None


class OpenSaleItem(AnyItem):
    username = UnicodeAttribute()
    timeline_at = UnicodeAttribute()
    sub = UnicodeAttribute()
    status = UnicodeAttribute()
    order_type = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    quantity = DecimalAttribute()
    batch_id = UnicodeAttribute()
    expires_at = InstantAttribute(null=True)


def open_sales(table: Table, owner: Owner) -> Iterator[OpenSale]:
    """Those of a customer, oldest first; a moment old, as any index is. It reads the index of all his orders."""
    for item in table.all(OpenSaleItem, _open(owner.username, owner.sub, PENDING, "SALE")):
        yield OpenSale(item.PK, Quantity(item.quantity, item.asset_id), item.batch_id, item.created_at, item.expires_at)


@prepared
def _open(username: str, sub: str, status: str, order_type: str) -> Query:
    item = OpenSaleItem
    only = (item.sub == sub) & (item.status == status) & (item.order_type == order_type)
    return Query(item.username == username, index=keys.USER_TIMELINE, only=only)
