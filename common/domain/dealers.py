"""What of a dealer is his own: the key under which his requisites are sealed, and the mark of his taxpayer's number.

    {dealer_id}        KEY                  `wrapped`: as KMS has wrapped it; none: it is forgotten, and so is all that
                                            it has sealed. `first_version`: of the requisites that it has sealed
    TAXPAYER#{mark}    DEALER#{dealer_id}   whose number is whose
    {dealer_id}        DEALER               `forgotten_at`: since when nobody can read them; none: they can be read

Who takes the wrapped key and the mark out of the table has forgotten the dealer; the books stay. That is done while
nothing is owed, held or under way: what comes later stays on his account, and nothing of it goes back before he has
given requisites anew. Those are sealed under the next key: what the one before has sealed stays closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, islice

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import work
from common.domain.dealer_refunds import Refund, RefundItem
from common.errors import Refusal
from common.keys import PrimaryKey
from common.requisites import FORGOTTEN
from common.roubles import roubles
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write

WAITING_MAX = 1_000  # payments that wait, of all dealers
_ANY_TIME = datetime.max.replace(tzinfo=UTC)
_AT_REST = ("ACTIVE", "LEFT")
_READY = "READY"


class DealerMoved(Refusal):
    """The dealer, or an account of his, is not as it was read: read again."""


class DataKeyItem(Item, discriminator=keys.DATA_KEY.entity):
    wrapped = UnicodeAttribute(null=True)  # without it, all that it has sealed is forgotten
    first_version = DecimalAttribute(null=True)  # of the requisites that it has sealed; none: the first of all


class TaxpayerItem(Item, discriminator=keys.TAXPAYER.entity):
    cme_dealer_id = UnicodeAttribute()


class _DealerItem(work.OpenWork, AnyItem):
    status = UnicodeAttribute()
    requisites_version = DecimalAttribute()
    accounts = DecimalAttribute()
    taxpayer = UnicodeAttribute(null=True)
    forgotten_at = InstantAttribute(null=True)


class _AccountItem(work.OpenWork, AnyItem):
    type = UnicodeAttribute()
    status = UnicodeAttribute()
    requisites_version = DecimalAttribute()
    balance_kopecks = DecimalAttribute()
    version = DecimalAttribute()
    contract_id = UnicodeAttribute(null=True)
    refunds = DecimalAttribute(null=True)
    refund_id = UnicodeAttribute(null=True)
    recalls = DecimalAttribute(null=True)

    @property
    def next_refund_id(self) -> str:
        n = int(self.refunds or 0) + 1
        return Refund(self.PK, self.type, n, 0, 0, "", "", self.created_at).refund_id


class _PaymentItem(AnyItem):
    dealer_id = UnicodeAttribute(null=True)
    contract_id = UnicodeAttribute(null=True)


class _OpenBillItem(AnyItem):
    bill_id = UnicodeAttribute()


@dataclass(frozen=True)
class Standing:
    """A dealer as he was read. `why_not_forgotten`: what is owed, held or under way, or that he is forgotten."""

    dealer: _DealerItem
    accounts: Sequence[_AccountItem]
    why_not_forgotten: str | None

    @property
    def requisites_version(self) -> int:
        return int(self.dealer.requisites_version)


def standing(table: Table, dealer_id: str) -> Standing:
    """As of now, but for payments that wait: those an index tells, which may be a moment late."""
    dealer = table.get(_DealerItem, keys.DEALER(dealer_id=dealer_id), consistent=True)
    assert dealer is not None, f"there is no dealer {dealer_id}"
    named = Query(partition(dealer_id) & Item.SK.startswith(keys.BILLING_ACCOUNT.prefix), consistent=True)
    accounts = list(table.all(_AccountItem, named))
    return Standing(dealer, accounts, next(_open(table, dealer, accounts), None))


def why_not_paid(table: Table, dealer_id: str) -> str | None:
    """Why nothing can go to his requisites."""
    dealer = table.get(_DealerItem, keys.DEALER(dealer_id=dealer_id), consistent=True)
    return None if dealer is None or dealer.forgotten_at is None else FORGOTTEN


def forget(as_read: Standing, at: datetime) -> list[Write]:
    """His key and his mark, if he and his accounts are as they were read, and no refund was agreed on since. Refused
    with DealerMoved."""
    dealer, item, key = as_read.dealer, _DealerItem, DataKeyItem
    moved = DealerMoved("the dealer has moved", id=dealer.PK)
    assert dealer.taxpayer is not None
    return [
        Write.update(
            item(dealer.PK, dealer.SK),
            item.forgotten_at.set(at),
            item.taxpayer.remove(),
            item.updated_at.set(at),
            when=(item.status == dealer.status)
            & (item.requisites_version == dealer.requisites_version)
            & (item.accounts == dealer.accounts)
            & (item.taxpayer == dealer.taxpayer)
            & item.forgotten_at.does_not_exist()
            & item.open_work.does_not_exist(),
            otherwise=moved,
        ),
        Write.update(
            key(*keys.DATA_KEY(dealer_id=dealer.PK)),
            key.wrapped.remove(),
            key.updated_at.set(at),
            when=key.wrapped.exists(),
            otherwise=moved,
        ),
        Write.delete(
            TaxpayerItem(*keys.TAXPAYER(mark=dealer.taxpayer, dealer_id=dealer.PK)),
            when=TaxpayerItem.cme_dealer_id.exists(),
            otherwise=moved,
        ),
        *(write for account in as_read.accounts for write in _is_at_rest(account)),
    ]


def _is_at_rest(account: _AccountItem) -> Iterator[Write]:
    """Whatever moves money of an account counts its version up; a refund is agreed on without. Refused with
    DealerMoved."""
    item, moved = _AccountItem, DealerMoved("an account of the dealer has moved", id=account.PK)
    yield Write.check(
        item(account.PK, account.SK),
        when=(item.version == account.version) & (item.balance_kopecks == Decimal(0)),
        otherwise=moved,
    )
    refund = RefundItem(*keys.REFUND(refund_id=account.next_refund_id))
    yield Write.check(refund, when=RefundItem.PK.does_not_exist(), otherwise=moved)


def _open(table: Table, dealer: _DealerItem, accounts: Sequence[_AccountItem]) -> Iterator[str]:
    """What of a dealer has to end before he is forgotten."""
    if dealer.forgotten_at is not None:
        yield "his requisites are forgotten already"
    if dealer.status not in _AT_REST or dealer.open_work is not None:
        yield f"he is {dealer.status}, and waits for {dealer.waits_for or 'nothing'}: that has to end first"
    for account in accounts:
        why = _open_of(table, dealer, account)
        if why is not None:
            yield f"{why}: that has to end first"
    yield from _payments(table, dealer.PK, {account.contract_id for account in accounts})


def _open_of(table: Table, dealer: _DealerItem, account: _AccountItem) -> str | None:
    if account.status != _READY or account.requisites_version != dealer.requisites_version:
        return f"his requisites are on their way to his account {account.type}"
    if account.recalls:
        return f"the bank has taken back a payment of his account {account.type}"
    if account.refund_id is not None:
        return f"refund {account.refund_id} is on its way"
    if account.balance_kopecks:
        return f"{roubles(int(account.balance_kopecks))} roubles are on his account {account.type}"
    if account.open_work is not None:
        return f"his account {account.type} waits for {account.waits_for}"
    named = Query(partition(dealer.PK) & Item.SK.startswith(f"{keys.OPEN_BILL.prefix}{account.type}#"), consistent=True)
    bill = next(iter(table.all(_OpenBillItem, named, at_once=1)), None)
    if bill is not None:
        return f"bill {bill.bill_id} is open"
    if table.get(RefundItem, keys.REFUND(refund_id=account.next_refund_id), consistent=True) is not None:
        return f"refund {account.next_refund_id} is agreed on"
    return None


def _payments(table: Table, dealer_id: str, contracts: set[str | None]) -> Iterator[str]:
    """What has come for him, and waits."""
    backlog = keys.PAYMENT.backlog
    waiting = list(islice(chain(work.for_people(table, backlog), work.due(table, backlog, _ANY_TIME)), WAITING_MAX))
    for each in waiting:
        payment = table.get(_PaymentItem, PrimaryKey(each.PK, each.SK), consistent=True)
        if payment is not None and (payment.dealer_id == dealer_id or payment.contract_id in contracts - {None}):
            yield f"payment {payment.PK} waits for {each.waits_for}: that has to end first"
    if len(waiting) == WAITING_MAX:
        yield f"{WAITING_MAX} payments wait, and some of them may be his: they have to end first"
