"""Dealers, accounts, deals, bills and payments in the table.

Whatever moves an account's money is one transaction that has read the account's version and counts it up: two of them
are one after the other. Every write says besides what it relies on itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import timeline, work
from common.domain.timeline import MACHINE, TimelineEvent
from common.errors import Conflict, Refusal
from common.gateways.billing import Contract, Invoice
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.billing import journal, journal_store, reminder_store, requisite_store
from functions.billing.model import (
    Account,
    AccountNotOpened,
    AccountStatus,
    AccountType,
    Bill,
    BillNotFound,
    BillStatus,
    Deal,
    Dealer,
    DealerNotFound,
    DealerStatus,
    DealNotFound,
    DealStatus,
    Offer,
)
from functions.billing.model import Moved as Moved


class DealerItem(work.OpenWork, discriminator=keys.DEALER.entity):
    cme_dealer_id = UnicodeAttribute()
    status = UnicodeAttribute()
    offer_version = UnicodeAttribute()
    offer_accepted_at = InstantAttribute()
    commission_percent = DecimalAttribute()
    requisites_version = DecimalAttribute()
    taxpayer = UnicodeAttribute(null=True)
    forgotten_at = InstantAttribute(null=True)
    accounts = DecimalAttribute()
    releases = DecimalAttribute()
    leaves_with_kopecks = DecimalAttribute(null=True)  # his last release: of how much, and to which requisites
    leaves_to_version = DecimalAttribute(null=True)
    reason = UnicodeAttribute(null=True)


class AccountItem(work.OpenWork, discriminator=keys.BILLING_ACCOUNT.entity):
    type = UnicodeAttribute()
    status = UnicodeAttribute()
    requisites_version = DecimalAttribute()
    balance_kopecks = DecimalAttribute()
    received_kopecks = DecimalAttribute()
    released_kopecks = DecimalAttribute()
    version = DecimalAttribute()
    client_id = UnicodeAttribute(null=True)
    payer_id = UnicodeAttribute(null=True)
    contract_id = UnicodeAttribute(null=True)
    contract_number = UnicodeAttribute(null=True)
    told_kopecks = DecimalAttribute(null=True)
    aside_kopecks = DecimalAttribute(null=True)
    agreed_kopecks = DecimalAttribute(null=True)
    latest_kopecks = DecimalAttribute(null=True)
    latest_at = InstantAttribute(null=True)
    told_at = InstantAttribute(null=True)
    refunds = DecimalAttribute(null=True)
    refund_id = UnicodeAttribute(null=True)
    recalls = DecimalAttribute(null=True)


class ContractItem(Item, discriminator=keys.CONTRACT.entity):
    dealer_id = UnicodeAttribute()
    type = UnicodeAttribute()


class InvoiceItem(Item, discriminator=keys.INVOICE.entity):
    bill_id = UnicodeAttribute()


class DealItem(Item, discriminator=keys.DEAL.entity):
    dealer_id = UnicodeAttribute()
    status = UnicodeAttribute()
    price_kopecks = DecimalAttribute()
    percent = DecimalAttribute()
    version = DecimalAttribute()
    winners = DecimalAttribute()
    commissions = DecimalAttribute()
    commission_ids = JSONAttribute()
    settlements = DecimalAttribute()
    settlement_ids = JSONAttribute()
    settlement_kopecks = DecimalAttribute()
    asked_kopecks = DecimalAttribute()
    won_at = InstantAttribute()
    first_price_kopecks = DecimalAttribute()
    first_dealer_id = UnicodeAttribute()


class BillItem(work.OpenWork, discriminator=keys.BILL.entity):
    dealer_id = UnicodeAttribute()
    type = UnicodeAttribute()
    deal_id = UnicodeAttribute()
    status = UnicodeAttribute()
    common_kopecks = DecimalAttribute()
    paid_kopecks = DecimalAttribute()
    from_balance_kopecks = DecimalAttribute()
    credited_kopecks = DecimalAttribute()
    returned_kopecks = DecimalAttribute()
    recalled_kopecks = DecimalAttribute(null=True)
    notes = DecimalAttribute()
    notes_sent = DecimalAttribute()
    due_on = UnicodeAttribute()
    invoice_id = UnicodeAttribute(null=True)
    number = UnicodeAttribute(null=True)
    url = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    missed_at = InstantAttribute(null=True)


class PointerItem(Item):
    bill_id = UnicodeAttribute()


class OpenBillItem(PointerItem, discriminator=keys.OPEN_BILL.entity): ...


class PaidBillItem(PointerItem, discriminator=keys.PAID_BILL.entity): ...


class CancelledBillItem(PointerItem, discriminator=keys.CANCELLED_BILL.entity): ...


class DealerKnown(Refusal):
    """Carries the dealer as he is."""

    def __init__(self, dealer: Dealer) -> None:
        super().__init__("that dealer is registered")
        self.dealer = dealer


class DealKnown(Refusal):
    """Carries the deal as it is."""

    def __init__(self, deal: Deal) -> None:
        super().__init__("that deal is known")
        self.deal = deal


class BillKnown(Refusal):
    """Carries the bill as it is."""

    def __init__(self, bill: Bill) -> None:
        super().__init__("that bill is known")
        self.bill = bill


class TakenTwice(Conflict):
    """The billing system has given for this what is another's already: a person has to look."""


# Dealers and their accounts


def register(dealer: Dealer, wrapped: str, sealed: str, account: Account) -> list[Write]:
    """The dealer, his requisites, sealed under the key that is wrapped, and his first account, which a machine opens at
    the billing system. Refused with DealerKnown."""

    def known(old: RawItem | None) -> Refusal:
        assert old is not None
        return DealerKnown(_dealer(DealerItem.from_raw_data(old)))

    at = dealer.created_at
    item = DealerItem(
        *keys.DEALER(dealer_id=dealer.dealer_id),
        cme_dealer_id=dealer.cme_dealer_id,
        status=dealer.status,
        offer_version=dealer.offer.version,
        offer_accepted_at=dealer.offer.accepted_at,
        commission_percent=dealer.commission_percent,
        requisites_version=Decimal(dealer.requisites_version),
        taxpayer=dealer.taxpayer,
        accounts=Decimal(dealer.accounts),
        releases=Decimal(dealer.releases),
        created_at=at,
        updated_at=at,
    )
    work.wait(item, keys.DEALER, due_at=at + work.SOON, waits_for="his account at the billing system")
    return [
        Write.insert(item, otherwise=known),
        *requisite_store.first(dealer, wrapped, sealed),
        open_account(account),
        _event(dealer.dealer_id, at, None, dealer.status, f"agreed to offer {dealer.offer.version}", "CME"),
    ]


def open_account(account: Account) -> Write:
    """Refused with Moved."""
    return Write.insert(_account_item(account), otherwise=Moved("this account is there already"))


def dealer(table: Table, dealer_id: str) -> Dealer:
    """As of now. Raises DealerNotFound."""
    item = table.get(DealerItem, keys.DEALER(dealer_id=dealer_id), consistent=True)
    if item is None:
        raise DealerNotFound("no dealer is registered under this id")
    return _dealer(item)


def accounts(table: Table, dealer_id: str) -> list[Account]:
    """Of a dealer, as of now."""
    return [_account(item) for item in table.all(AccountItem, _accounts(dealer_id))]


@prepared
def _accounts(dealer_id: str) -> Query:
    return Query(partition(dealer_id) & AccountItem.SK.startswith(keys.BILLING_ACCOUNT.prefix), consistent=True)


def accounts_page(table: Table, *, after: Position | None) -> Page[Account]:
    """A page of a scan: accounts of everybody, in no order; it may be empty, and still not the last."""
    return table.scan(AccountItem, keys.BILLING_ACCOUNT, after=after).of(_account)


def place(account: Account) -> Position:
    """Where the scan goes on that has come to this account."""
    pk, sk = _account_key(account)
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def account_at(table: Table, place: Position) -> Account:
    """The one that the scan has come to. Raises AccountNotOpened."""
    named = keys.BILLING_ACCOUNT.read(keys.PrimaryKey(place["PK"]["S"], place["SK"]["S"]))
    return account(table, named["dealer_id"], AccountType(named["type"]))


def dealers_page(table: Table, *, limit: int, after: Position | None) -> Page[Dealer]:
    """A page of a scan, in no order; it may be empty, and still not the last."""
    return table.scan(DealerItem, keys.DEALER, limit=limit, after=after).of(_dealer)


def account(table: Table, dealer_id: str, type_: AccountType) -> Account:
    """As of now. Raises AccountNotOpened."""
    item = table.get(AccountItem, keys.BILLING_ACCOUNT(dealer_id=dealer_id, type=type_), consistent=True)
    if item is None:
        raise AccountNotOpened(f"the dealer has no {type_} account; fast buyout opens it", account_type=type_)
    return _account(item)


def account_of_contract(table: Table, contract_id: str) -> tuple[str, AccountType] | None:
    """Its dealer and type; None for a contract that is none of ours."""
    item = table.get(ContractItem, keys.CONTRACT(contract_id=contract_id), consistent=True)
    return None if item is None else (item.dealer_id, AccountType(item.type))


def bill_of_invoice(table: Table, invoice_id: str) -> str | None:
    item = table.get(InvoiceItem, keys.INVOICE(invoice_id=invoice_id), consistent=True)
    return None if item is None else item.bill_id


def opened(account: Account, status: AccountStatus, at: datetime, **got: str) -> Write:
    """The account is one step further. Refused with Moved."""
    item = AccountItem
    return Write.update(
        item(*_account_key(account)),
        item.status.set(status),
        item.updated_at.set(at),
        *(getattr(item, name).set(value) for name, value in got.items()),
        when=(item.status == account.status) & (item.requisites_version == Decimal(account.requisites_version)),
        otherwise=Moved("the account has moved", id=account.dealer_id),
    )


def contracted(account: Account, contract: Contract, at: datetime) -> list[Write]:
    """The last step. Refused with Moved, or with TakenTwice."""
    named = ContractItem(
        *keys.CONTRACT(contract_id=contract.contract_id),
        dealer_id=account.dealer_id,
        type=account.type,
        created_at=at,
        updated_at=at,
    )
    return [
        opened(account, AccountStatus.READY, at, contract_id=contract.contract_id, contract_number=contract.number),
        Write.insert(named, otherwise=TakenTwice("this contract is another account's", id=account.dealer_id)),
    ]


def change_requisites(
    dealer: Dealer, sealed: str, taxpayer: str, accounts: Sequence[Account], at: datetime
) -> list[Write]:
    """The next version of a dealer's requisites, which a machine brings to the payers of his accounts. A payer that was
    refused as he was is made with these. Refused with Moved, or with DealerForgotten."""
    item, version = DealerItem, dealer.requisites_version + 1
    waits = work.waits(
        keys.DEALER, dealer.dealer_id, now=at, due_at=at + work.SOON, waits_for="his requisites at the billing system"
    )
    refused = [each for each in accounts if dealer.needs_person and each.payer_id is None]
    as_read = (item.requisites_version == Decimal(dealer.requisites_version)) & (item.status == dealer.status)
    if refused:
        as_read &= item.open_work == work.partition_of_person(keys.DEALER, dealer.dealer_id)
    return [
        Write.update(
            item(*keys.DEALER(dealer_id=dealer.dealer_id)),
            item.requisites_version.set(Decimal(version)),
            item.taxpayer.set(taxpayer),
            item.reason.remove(),
            item.updated_at.set(at),
            *waits,
            when=as_read,
            otherwise=Moved("the dealer has moved", id=dealer.dealer_id),
        ),
        *requisite_store.next_(dealer, sealed, taxpayer, at),
        *(_made_with(account, version, at) for account in refused),
        _event(dealer.dealer_id, at, dealer.status, dealer.status, f"requisites {version}", "CME"),
    ]


def come_back(dealer: Dealer, wrapped: str, sealed: str, taxpayer: str, offer: Offer, at: datetime) -> list[Write]:
    """Who was forgotten has given requisites anew, sealed under the next key, which a machine brings to the payers of
    his accounts. Refused with Moved."""
    item, version = DealerItem, dealer.version_to_replace + 1
    waits = work.waits(
        keys.DEALER, dealer.dealer_id, now=at, due_at=at + work.SOON, waits_for="his requisites at the billing system"
    )
    return [
        Write.update(
            item(*keys.DEALER(dealer_id=dealer.dealer_id)),
            item.requisites_version.set(Decimal(version)),
            item.taxpayer.set(taxpayer),
            item.forgotten_at.remove(),
            item.offer_version.set(offer.version),
            item.offer_accepted_at.set(offer.accepted_at),
            item.reason.remove(),
            item.updated_at.set(at),
            *waits,
            when=(item.requisites_version == Decimal(dealer.requisites_version))
            & (item.status == dealer.status)
            & (item.forgotten_at == dealer.forgotten_at),
            otherwise=Moved("the dealer has moved", id=dealer.dealer_id),
        ),
        *requisite_store.anew(dealer, wrapped, sealed, taxpayer, at),
        _event(dealer.dealer_id, at, dealer.status, dealer.status, f"back, with requisites {version}", "CME"),
    ]


def updated(account: Account, dealer: Dealer, at: datetime) -> Write:
    """The account's payer has the dealer's requisites. Refused with Moved."""
    return _made_with(account, dealer.requisites_version, at)


def _made_with(account: Account, version: int, at: datetime) -> Write:
    item = AccountItem
    return Write.update(
        item(*_account_key(account)),
        item.requisites_version.set(Decimal(version)),
        item.updated_at.set(at),
        when=(item.requisites_version == Decimal(account.requisites_version)) & (item.status == account.status),
        otherwise=Moved("the account has moved", id=account.dealer_id),
    )


def dealer_moves(dealer: Dealer, status: DealerStatus, at: datetime, why: str, *, over: bool = False) -> list[Write]:
    """over: his machine has nothing more to do, unless his requisites have changed since. Refused with Moved."""
    item = DealerItem
    as_read = (item.status == dealer.status) & (item.accounts == Decimal(dealer.accounts))
    if over:
        as_read &= item.requisites_version == Decimal(dealer.requisites_version)
    return [
        Write.update(
            item(*keys.DEALER(dealer_id=dealer.dealer_id)),
            item.status.set(status),
            item.reason.remove(),
            item.updated_at.set(at),
            *(work.done() if over else []),
            when=as_read,
            otherwise=Moved("the dealer has moved", id=dealer.dealer_id),
        ),
        _event(dealer.dealer_id, at, dealer.status, status, why, MACHINE),
    ]


def dealer_stops(dealer: Dealer, at: datetime, why: str) -> Write:
    """He waits for a person. Refused with Moved."""
    item = DealerItem
    waits = work.needs_person(
        keys.DEALER, dealer.dealer_id, now=at, waits_for="an operator: the billing system refuses"
    )
    return Write.update(
        item(*keys.DEALER(dealer_id=dealer.dealer_id)),
        item.reason.set(why),
        item.updated_at.set(at),
        *waits,
        when=(item.status == dealer.status) & (item.requisites_version == Decimal(dealer.requisites_version)),
        otherwise=Moved("the dealer has moved", id=dealer.dealer_id),
    )


# Deals and bills


def close_deal(deal: Deal) -> Write:
    """Refused with DealKnown."""

    def known(old: RawItem | None) -> Refusal:
        assert old is not None
        return DealKnown(_deal(DealItem.from_raw_data(old)))

    item = DealItem(
        *keys.DEAL(deal_id=deal.deal_id),
        dealer_id=deal.dealer_id,
        status=deal.status,
        price_kopecks=Decimal(deal.price_kopecks),
        percent=deal.percent,
        version=Decimal(deal.version),
        winners=Decimal(deal.winners),
        commissions=Decimal(deal.commissions),
        commission_ids=[*deal.commission_ids],
        settlements=Decimal(deal.settlements),
        settlement_ids=[*deal.settlement_ids],
        settlement_kopecks=Decimal(deal.settlement_kopecks),
        asked_kopecks=Decimal(deal.asked_kopecks),
        won_at=deal.won_at,
        first_price_kopecks=Decimal(deal.first_price_kopecks),
        first_dealer_id=deal.first_dealer_id,
        created_at=deal.closed_at,
        updated_at=deal.closed_at,
    )
    return Write.insert(item, otherwise=known)


def deal_moves(before: Deal, after: Deal, at: datetime) -> Write:
    """Its version counts up. Refused with Moved."""
    item = DealItem
    return Write.update(
        item(*keys.DEAL(deal_id=before.deal_id)),
        item.dealer_id.set(after.dealer_id),
        item.status.set(after.status),
        item.price_kopecks.set(Decimal(after.price_kopecks)),
        item.percent.set(after.percent),
        item.version.set(Decimal(before.version + 1)),
        item.winners.set(Decimal(after.winners)),
        item.commissions.set(Decimal(after.commissions)),
        item.commission_ids.set([*after.commission_ids]),
        item.settlements.set(Decimal(after.settlements)),
        item.settlement_ids.set([*after.settlement_ids]),
        item.settlement_kopecks.set(Decimal(after.settlement_kopecks)),
        item.asked_kopecks.set(Decimal(after.asked_kopecks)),
        item.won_at.set(after.won_at),
        item.updated_at.set(at),
        when=item.version == Decimal(before.version),
        otherwise=Moved("the deal has moved", deal_id=before.deal_id),
    )


def deal(table: Table, deal_id: str) -> Deal:
    """Raises DealNotFound."""
    item = table.get(DealItem, keys.DEAL(deal_id=deal_id), consistent=True)
    if item is None:
        raise DealNotFound("no deal of this id was told to us", deal_id=deal_id)
    return _deal(item)


def issue(bill: Bill) -> list[Write]:
    """The bill, before its invoice is asked for. Refused with BillKnown."""

    def known(old: RawItem | None) -> Refusal:
        assert old is not None
        return BillKnown(_bill(BillItem.from_raw_data(old)))

    at = bill.created_at
    item = BillItem(
        *keys.BILL(bill_id=bill.bill_id),
        dealer_id=bill.dealer_id,
        type=bill.type,
        deal_id=bill.deal_id,
        status=bill.status,
        common_kopecks=Decimal(bill.common_kopecks),
        paid_kopecks=Decimal(bill.paid_kopecks),
        from_balance_kopecks=Decimal(bill.from_balance_kopecks),
        credited_kopecks=Decimal(bill.credited_kopecks),
        returned_kopecks=Decimal(bill.returned_kopecks),
        notes=Decimal(bill.notes),
        notes_sent=Decimal(bill.notes_sent),
        due_on=bill.due_on.isoformat(),
        created_at=at,
        updated_at=at,
    )
    work.wait(item, keys.BILL, due_at=at + work.SOON, waits_for="its invoice")
    return [
        Write.insert(item, otherwise=known),
        Write.put(_pointer(OpenBillItem, keys.OPEN_BILL, bill, at)),
        _event(bill.bill_id, at, None, bill.status, f"deal {bill.deal_id}", "CME"),
        journal_store.book(journal.billed(bill)),
    ]


def bill(table: Table, bill_id: str) -> Bill:
    """As of now. Raises BillNotFound."""
    found = find_bill(table, bill_id)
    if found is None:
        raise BillNotFound("there is no such bill", id=bill_id)
    return found


def find_bill(table: Table, bill_id: str) -> Bill | None:
    """As of now."""
    item = table.get(BillItem, keys.BILL(bill_id=bill_id), consistent=True)
    return None if item is None else _bill(item)


def invoiced_bills(table: Table, dealer_id: str, type_: AccountType) -> Iterator[Bill]:
    """Those of an account that have an invoice, as of now, be they paid or not."""
    for row in (keys.OPEN_BILL, keys.PAID_BILL):
        for item in table.all(PointerItem, _open(dealer_id, row.prefix + type_)):
            found = bill(table, item.bill_id)
            if found.invoice_id is not None:
                yield found


def paid_bills(table: Table, dealer_id: str, type_: AccountType) -> Iterator[Bill]:
    """Of an account, as of now, the newest first."""
    for item in table.all(PaidBillItem, _paid(dealer_id, keys.PAID_BILL.prefix + type_)):
        yield bill(table, item.bill_id)


@prepared
def _paid(dealer_id: str, prefix: str) -> Query:
    return Query(partition(dealer_id) & PaidBillItem.SK.startswith(prefix), newest_first=True, consistent=True)


def open_bills(table: Table, dealer_id: str, type_: AccountType, *, at_once: int | None = None) -> Iterator[Bill]:
    """Of an account, as of now, the oldest first. at_once: of how many their names are read at once; None: of all."""
    for item in table.all(OpenBillItem, _open(dealer_id, keys.OPEN_BILL.prefix + type_), at_once=at_once):
        yield bill(table, item.bill_id)


def bills_of(table: Table, dealer_id: str, *, limit: int, after: Position | None) -> Page[str]:
    """The ids of a page of a dealer's bills: the open ones, then the paid ones, then those that were taken back; of
    each account the oldest first."""
    first, last = keys.OPEN_BILL.prefix, keys.CANCELLED_BILL.prefix + "~"
    return table.page(PointerItem, _listed(dealer_id, first, last), limit=limit, after=after).of(_named)


@prepared
def _listed(dealer_id: str, first: str, last: str) -> Query:
    return Query(partition(dealer_id) & PointerItem.SK.between(first, last), consistent=True)


def _named(pointer: PointerItem) -> str:
    return pointer.bill_id


@prepared
def _open(dealer_id: str, prefix: str) -> Query:
    return Query(partition(dealer_id) & OpenBillItem.SK.startswith(prefix), consistent=True)


def invoiced(account: Account, bill: Bill, invoice: Invoice, at: datetime) -> list[Write]:
    """The bill has its invoice; what is on the account pays it. Refused with Moved, or with TakenTwice."""
    kopecks, item = min(account.balance_kopecks, bill.left_kopecks), BillItem
    status = bill.paid(kopecks)
    named = InvoiceItem(
        *keys.INVOICE(invoice_id=invoice.invoice_id), bill_id=bill.bill_id, created_at=at, updated_at=at
    )
    return [
        Write.update(
            item(*keys.BILL(bill_id=bill.bill_id)),
            item.status.set(status),
            item.paid_kopecks.set(Decimal(kopecks)),
            item.from_balance_kopecks.set(Decimal(kopecks)),
            item.invoice_id.set(invoice.invoice_id),
            item.number.set(invoice.number),
            item.url.set(invoice.pdf_url),
            item.reason.remove(),
            item.updated_at.set(at),
            *work.done(),
            when=(item.status == BillStatus.NEW) & (item.common_kopecks >= Decimal(kopecks)),
            otherwise=Moved("the bill has moved", id=bill.bill_id),
        ),
        Write.insert(named, otherwise=TakenTwice("this invoice is another bill's", id=bill.bill_id)),
        money_moves(account, -kopecks, 0, at),
        _event(bill.bill_id, at, bill.status, status, f"invoice {invoice.number}", MACHINE),
        *(closed(bill, at) if status is BillStatus.PAID else [reminder_store.remind(bill, at)]),
    ]


def bill_stops(bill: Bill, at: datetime, why: str) -> Write:
    """It waits for a person. Refused with Moved."""
    item = BillItem
    return Write.update(
        item(*keys.BILL(bill_id=bill.bill_id)),
        item.reason.set(why),
        item.updated_at.set(at),
        *work.needs_person(keys.BILL, bill.bill_id, now=at, waits_for="an operator: the billing system refuses"),
        when=item.status == bill.status,
        otherwise=Moved("the bill has moved", id=bill.bill_id),
    )


def money_moves(account: Account, balance: int, received: int, at: datetime, *more: Action) -> Write:
    """So much more is on the account, and so much more has come for it; with what else is told of it. Refused with
    Moved."""
    item = AccountItem
    return Write.update(
        item(*_account_key(account)),
        item.balance_kopecks.add(Decimal(balance)),
        item.received_kopecks.add(Decimal(received)),
        item.version.add(Decimal(1)),
        item.updated_at.set(at),
        *more,
        when=(item.version == Decimal(account.version)) & (item.balance_kopecks >= Decimal(max(0, -balance))),
        otherwise=Moved("the account's money has moved", id=account.dealer_id),
    )


def account_is(account: Account) -> Write:
    """Nothing on it has moved. Refused with Moved."""
    item = AccountItem
    return Write.check(
        item(*_account_key(account)),
        when=item.version == Decimal(account.version),
        otherwise=Moved("the account's money has moved", id=account.dealer_id),
    )


def account_moves(account: Account, at: datetime, *actions: Action) -> Write:
    """Something of an account moves that is no money. Refused with Moved."""
    return money_moves(account, 0, 0, at, *actions)


def closed(bill: Bill, at: datetime) -> list[Write]:
    """It is paid: no payment looks at it any more. Refused with Moved."""
    return _listed_otherwise(bill, _pointer(PaidBillItem, keys.PAID_BILL, bill, at), at)


def taken_back(bill: Bill, at: datetime) -> list[Write]:
    """It is in the list of those that are cancelled. Refused with Moved."""
    return _listed_otherwise(bill, _pointer(CancelledBillItem, keys.CANCELLED_BILL, bill, at), at)


def reopened(bill: Bill, at: datetime) -> list[Write]:
    """It was paid, and is not any more. Refused with Moved."""
    return [
        *_listed_otherwise(bill, _pointer(OpenBillItem, keys.OPEN_BILL, bill, at), at),
        reminder_store.remind(bill, at),
    ]


def _listed_otherwise(bill: Bill, after: PointerItem, at: datetime) -> list[Write]:
    if bill.status is BillStatus.PAID:
        before = _pointer(PaidBillItem, keys.PAID_BILL, bill, at)
    else:
        before = _pointer(OpenBillItem, keys.OPEN_BILL, bill, at)
    moved = Moved("the bill is in that list no more", id=bill.bill_id)
    return [
        Write.delete(before, when=PointerItem.bill_id == bill.bill_id, otherwise=moved),
        Write.put(after),
        *([reminder_store.needless(bill)] if bill.takes_money else []),
    ]


def _pointer(kind: type[PointerItem], row: keys.Key, bill: Bill, at: datetime) -> PointerItem:
    key = row(dealer_id=bill.dealer_id, type=bill.type, created_at=text(bill.created_at), bill_id=bill.bill_id)
    return kind(*key, bill_id=bill.bill_id, created_at=bill.created_at, updated_at=at)


def _event(thing_id: str, at: datetime, before: str | None, after: str, why: str, actor: str) -> Write:
    return timeline.record(thing_id, TimelineEvent(at, before, after, why, actor))


def account_id(account: Account) -> str:
    """What operators call it."""
    return keys.BILLING_ACCOUNT.id_of(_account_key(account))


def _account_key(account: Account) -> keys.PrimaryKey:
    return keys.BILLING_ACCOUNT(dealer_id=account.dealer_id, type=account.type)


def _number(version: int) -> str:
    """As text that sorts."""
    return f"{version:04}"


def _account_item(account: Account) -> AccountItem:
    return AccountItem(
        *_account_key(account),
        type=account.type,
        status=account.status,
        requisites_version=Decimal(account.requisites_version),
        balance_kopecks=Decimal(account.balance_kopecks),
        received_kopecks=Decimal(account.received_kopecks),
        released_kopecks=Decimal(account.released_kopecks),
        version=Decimal(account.version),
        created_at=account.created_at,
        updated_at=account.created_at,
    )


def _dealer(item: DealerItem) -> Dealer:
    return Dealer(
        dealer_id=item.PK,
        cme_dealer_id=item.cme_dealer_id,
        status=DealerStatus(item.status),
        offer=Offer(item.offer_version, item.offer_accepted_at),
        commission_percent=item.commission_percent,
        requisites_version=int(item.requisites_version),
        taxpayer=item.taxpayer,
        created_at=item.created_at,
        accounts=int(item.accounts),
        releases=int(item.releases),
        needs_person=item.needs_person,
        reason=item.reason,
        forgotten_at=item.forgotten_at,
    )


def _account(item: AccountItem) -> Account:
    return Account(
        dealer_id=item.PK,
        type=AccountType(item.type),
        status=AccountStatus(item.status),
        requisites_version=int(item.requisites_version),
        created_at=item.created_at,
        balance_kopecks=int(item.balance_kopecks),
        received_kopecks=int(item.received_kopecks),
        released_kopecks=int(item.released_kopecks),
        version=int(item.version),
        client_id=item.client_id,
        payer_id=item.payer_id,
        contract_id=item.contract_id,
        contract_number=item.contract_number,
        told_kopecks=int(item.told_kopecks or 0),
        aside_kopecks=int(item.aside_kopecks or 0),
        agreed_kopecks=int(item.agreed_kopecks or 0),
        latest_kopecks=int(item.latest_kopecks or 0),
        latest_at=item.latest_at,
        told_at=item.told_at,
        refunds=int(item.refunds or 0),
        refund_id=item.refund_id,
        recalls=int(item.recalls or 0),
        open_work=item.open_work,
    )


def _deal(item: DealItem) -> Deal:
    deal_id = keys.DEAL.read(keys.PrimaryKey(item.PK, item.SK))["deal_id"]
    return Deal(
        deal_id=deal_id,
        dealer_id=item.dealer_id,
        price_kopecks=int(item.price_kopecks),
        percent=item.percent,
        closed_at=item.created_at,
        status=DealStatus(item.status),
        version=int(item.version),
        winners=int(item.winners),
        commissions=int(item.commissions),
        commission_ids=tuple(item.commission_ids),
        settlements=int(item.settlements),
        settlement_ids=tuple(item.settlement_ids),
        settlement_kopecks=int(item.settlement_kopecks),
        asked_kopecks=int(item.asked_kopecks),
        won_at=item.won_at,
        first_price_kopecks=int(item.first_price_kopecks),
        first_dealer_id=item.first_dealer_id,
    )


def _bill(item: BillItem) -> Bill:
    return Bill(
        bill_id=item.PK,
        dealer_id=item.dealer_id,
        type=AccountType(item.type),
        deal_id=item.deal_id,
        status=BillStatus(item.status),
        common_kopecks=int(item.common_kopecks),
        due_on=date.fromisoformat(item.due_on),
        created_at=item.created_at,
        paid_kopecks=int(item.paid_kopecks),
        from_balance_kopecks=int(item.from_balance_kopecks),
        credited_kopecks=int(item.credited_kopecks),
        returned_kopecks=int(item.returned_kopecks),
        recalled_kopecks=int(item.recalled_kopecks or 0),
        notes=int(item.notes),
        notes_sent=int(item.notes_sent),
        invoice_id=item.invoice_id,
        number=item.number,
        url=item.url,
        needs_person=item.needs_person,
        reason=item.reason,
        missed_at=item.missed_at,
    )
