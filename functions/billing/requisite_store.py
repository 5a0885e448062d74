"""A dealer's requisites in the table: each version sealed, the key that sealed them, and whose number is whose."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain.dealers import DataKeyItem, TaxpayerItem
from common.requisites import FORGOTTEN
from common.table.items import Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.billing.model import Dealer, DealerForgotten, Moved


class RequisiteItem(Item, discriminator=keys.REQUISITE.entity):
    sealed = UnicodeAttribute()


def key(dealer_id: str, version: int) -> keys.PrimaryKey:
    return keys.REQUISITE(dealer_id=dealer_id, n=f"{version:04}")  # as text that sorts


def sealed(table: Table, dealer_id: str, version: int) -> str:
    """Requisites, as they were sealed."""
    item = table.get(RequisiteItem, key(dealer_id, version), consistent=True)
    assert item is not None, f"{dealer_id} has no requisites {version}"
    return item.sealed


def wrapped_key(table: Table, dealer_id: str) -> tuple[str, int]:
    """And the first version of his requisites that it has sealed: those before are forgotten. Raises
    DealerForgotten."""
    item = table.get(DataKeyItem, keys.DATA_KEY(dealer_id=dealer_id), consistent=True)
    assert item is not None, f"{dealer_id} has no key"
    if item.wrapped is None:
        raise forgotten(dealer_id)
    return item.wrapped, int(item.first_version or 1)


def of_taxpayer(table: Table, mark: str, *, limit: int) -> list[str]:
    """The dealers that are this taxpayer, as CME calls them, as of now: no more than `limit`."""
    page = table.page(TaxpayerItem, _taxpayers(keys.TAXPAYER.partition(mark=mark)), limit=limit, after=None)
    return [item.cme_dealer_id for item in page.items]


@prepared
def _taxpayers(of: str) -> Query:
    return Query(partition(of), consistent=True)


def first(dealer: Dealer, wrapped: str, sealed: str) -> list[Write]:
    """A new dealer's key, and his requisites. Refused with Moved."""
    at = dealer.created_at
    assert dealer.taxpayer is not None
    item = DataKeyItem(*keys.DATA_KEY(dealer_id=dealer.dealer_id), wrapped=wrapped, created_at=at, updated_at=at)
    return [
        Write.insert(item, otherwise=_moved(dealer)),
        _insert(dealer, dealer.requisites_version, sealed, at),
        _marked(dealer, dealer.taxpayer, at),
    ]


def anew(dealer: Dealer, wrapped: str, sealed: str, taxpayer: str, at: datetime) -> list[Write]:
    """The next key of a dealer who was forgotten, and the version after his, sealed under it. Refused with Moved."""
    item, version = DataKeyItem, dealer.version_to_replace + 1
    return [
        Write.update(
            item(*keys.DATA_KEY(dealer_id=dealer.dealer_id)),
            item.wrapped.set(wrapped),
            item.first_version.set(Decimal(version)),
            item.updated_at.set(at),
            when=item.PK.exists() & item.wrapped.does_not_exist(),
            otherwise=_moved(dealer),
        ),
        _insert(dealer, version, sealed, at),
        _marked(dealer, taxpayer, at),
    ]


def next_(dealer: Dealer, sealed: str, taxpayer: str, at: datetime) -> list[Write]:
    """The version after the dealer's. Refused with DealerForgotten, or with Moved."""
    known = DataKeyItem(*keys.DATA_KEY(dealer_id=dealer.dealer_id))
    writes = [
        Write.check(known, when=DataKeyItem.wrapped.exists(), otherwise=forgotten(dealer.dealer_id)),
        _insert(dealer, dealer.requisites_version + 1, sealed, at),
    ]
    if taxpayer != dealer.taxpayer:
        writes += [_unmarked(dealer), _marked(dealer, taxpayer, at)]
    return writes


def _insert(dealer: Dealer, version: int, sealed: str, at: datetime) -> Write:
    item = RequisiteItem(*key(dealer.dealer_id, version), sealed=sealed, created_at=at, updated_at=at)
    return Write.insert(item, otherwise=_moved(dealer))


def _marked(dealer: Dealer, mark: str, at: datetime) -> Write:
    row = keys.TAXPAYER(mark=mark, dealer_id=dealer.dealer_id)
    return Write.put(TaxpayerItem(*row, cme_dealer_id=dealer.cme_dealer_id, created_at=at, updated_at=at))


def _unmarked(dealer: Dealer) -> Write:
    assert dealer.taxpayer is not None
    row = keys.TAXPAYER(mark=dealer.taxpayer, dealer_id=dealer.dealer_id)
    same = TaxpayerItem.cme_dealer_id == dealer.cme_dealer_id
    return Write.delete(TaxpayerItem(*row), when=same, otherwise=_moved(dealer))


def _moved(dealer: Dealer) -> Moved:
    return Moved("the dealer has moved", id=dealer.dealer_id)


def forgotten(dealer_id: str) -> DealerForgotten:
    return DealerForgotten(FORGOTTEN, id=dealer_id)
