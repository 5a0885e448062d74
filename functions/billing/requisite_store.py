"""A dealer's requisites in the table: each version sealed, the key that sealed them, and whose number is whose."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.table.items import Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.billing.model import Dealer, DealerForgotten, Moved


class RequisiteItem(Item, discriminator=keys.REQUISITE.entity):
    sealed = UnicodeAttribute()


class DataKeyItem(Item, discriminator=keys.DATA_KEY.entity):
    wrapped = UnicodeAttribute(null=True)  # without it, all that it has sealed is forgotten


class TaxpayerItem(Item, discriminator=keys.TAXPAYER.entity):
    cme_dealer_id = UnicodeAttribute()


def key(dealer_id: str, version: int) -> keys.PrimaryKey:
    return keys.REQUISITE(dealer_id=dealer_id, n=f"{version:04}")  # as text that sorts


def sealed(table: Table, dealer_id: str, version: int) -> str:
    """Requisites, as they were sealed."""
    item = table.get(RequisiteItem, key(dealer_id, version), consistent=True)
    assert item is not None, f"{dealer_id} has no requisites {version}"
    return item.sealed


def wrapped_key(table: Table, dealer_id: str) -> str:
    """Raises DealerForgotten."""
    item = table.get(DataKeyItem, keys.DATA_KEY(dealer_id=dealer_id), consistent=True)
    assert item is not None, f"{dealer_id} has no key"
    if item.wrapped is None:
        raise _forgotten(dealer_id)
    return item.wrapped


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
    item = DataKeyItem(*keys.DATA_KEY(dealer_id=dealer.dealer_id), wrapped=wrapped, created_at=at, updated_at=at)
    return [
        Write.insert(item, otherwise=_moved(dealer)),
        _insert(dealer, dealer.requisites_version, sealed, at),
        _marked(dealer, dealer.taxpayer, at),
    ]


def next_(dealer: Dealer, sealed: str, taxpayer: str, at: datetime) -> list[Write]:
    """The version after the dealer's. Refused with DealerForgotten, or with Moved."""
    known = DataKeyItem(*keys.DATA_KEY(dealer_id=dealer.dealer_id))
    writes = [
        Write.check(known, when=DataKeyItem.wrapped.exists(), otherwise=_forgotten(dealer.dealer_id)),
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
    row = keys.TAXPAYER(mark=dealer.taxpayer, dealer_id=dealer.dealer_id)
    same = TaxpayerItem.cme_dealer_id == dealer.cme_dealer_id
    return Write.delete(TaxpayerItem(*row), when=same, otherwise=_moved(dealer))


def _moved(dealer: Dealer) -> Moved:
    return Moved("the dealer has moved", id=dealer.dealer_id)


def _forgotten(dealer_id: str) -> DealerForgotten:
    return DealerForgotten("the key of his requisites is forgotten, and so are they", id=dealer_id)
