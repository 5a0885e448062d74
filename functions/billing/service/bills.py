"""Deals and their bills: what a dealer owes, an invoice for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.errors import Rejected
from common.gateways.billing import Billing, BillingRefused, Invoice
from common.idempotency import Replayable
from common.machines import Machines, Standing
from common.table.table import Page, Position, Table
from common.table.transaction import Busy
from functions.billing import model, store
from functions.billing.model import (
    ACCOUNT_OF,
    DUE_AFTER,
    AccountNotReady,
    AccountStatus,
    AccountType,
    Bill,
    BillDiffers,
    BillStage,
    BillStatus,
    Deal,
    DealDiffers,
    DealNotFound,
    Operation,
)

MOVES_MAX = 20  # of others, in between
_FOR = {
    AccountType.COMMISSION: "Комиссия по сделке",
    AccountType.SETTLEMENT: "Возмещение стоимости автомобиля по сделке",
}


class AmountWrong(Rejected):
    """GET_SETTLEMENT needs an amount; of GET_REWARD the deal has it."""


@dataclass(frozen=True)
class Bills:
    table: Table
    machines: Machines
    now: Callable[[], datetime]

    def close_deal(self, deal_id: str, cme_dealer_id: str, price_kopecks: int) -> Replayable[Deal]:
        """A dealer bought a car: the desk's reward is billed.

        Raises DealerNotFound, NothingToBill, DealDiffers, Busy.
        """
        dealer, at = store.dealer(self.table, model.dealer_id(cme_dealer_id)), self.now()
        deal = Deal(deal_id, dealer.dealer_id, price_kopecks, dealer.commission_percent, at)
        bill = _bill(deal, AccountType.COMMISSION, deal.reward_kopecks, at)
        try:
            self.table.write(store.close_deal(deal), *store.issue(bill))
        except store.DealKnown as known:
            if (known.deal.dealer_id, known.deal.price_kopecks) != (deal.dealer_id, price_kopecks):
                raise DealDiffers("this deal is known with another price or dealer", deal_id=deal_id) from None
            return Replayable(known.deal, replayed=True)
        self.machines.begin(keys.BILL.machines[0], bill.bill_id)
        return Replayable(deal)

    def create(
        self, operation: Operation, cme_dealer_id: str, deal_id: str, amount_kopecks: int | None
    ) -> Replayable[Bill]:
        """The bill of a deal: there is one of each type for a deal and dealer, whichever way it is asked for.

        Raises AmountWrong, DealerNotFound, DealNotFound, AccountNotOpened, BillDiffers, Busy.
        """
        if (amount_kopecks is None) is (operation is Operation.GET_SETTLEMENT):
            raise AmountWrong("give an amount for GET_SETTLEMENT, and none for GET_REWARD: the deal has it")
        dealer, deal = store.dealer(self.table, model.dealer_id(cme_dealer_id)), store.deal(self.table, deal_id)
        if deal.dealer_id != dealer.dealer_id:
            raise DealNotFound("no deal of this id was told to us of this dealer", deal_id=deal_id)
        type_ = ACCOUNT_OF[operation]
        store.account(self.table, dealer.dealer_id, type_)
        if amount_kopecks is None:
            bill = store.bill(self.table, model.bill_id(type_, deal_id, dealer.dealer_id))  # closing the deal made it
            return Replayable(bill, replayed=True)
        bill = _bill(deal, type_, amount_kopecks, self.now())
        try:
            self.table.write(*store.issue(bill))
        except store.BillKnown as known:
            if known.bill.common_kopecks != amount_kopecks:
                raise BillDiffers("there is a bill for this deal already, of another sum", id=bill.bill_id) from None
            return Replayable(known.bill, replayed=True)
        self.machines.begin(keys.BILL.machines[0], bill.bill_id)
        return Replayable(bill)

    def bill(self, bill_id: str) -> Bill:
        """Raises BillNotFound."""
        return store.bill(self.table, bill_id)

    def of_dealer(self, cme_dealer_id: str, *, limit: int, after: Position | None) -> Page[Bill]:
        """A page of his bills: those that are not paid, of each account the oldest first; then those that are.

        Raises DealerNotFound.
        """
        dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
        page = store.bills_of(self.table, dealer.dealer_id, limit=limit, after=after)
        return page.of(lambda bill_id: store.bill(self.table, bill_id))

    def unpaid(self, cme_dealer_id: str) -> Sequence[Bill]:
        """Of all his accounts, each account's oldest first. Raises DealerNotFound."""
        dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
        return [bill for type_ in AccountType for bill in store.open_bills(self.table, dealer.dealer_id, type_)]


@dataclass(frozen=True)
class Invoicing:
    """The invoice of a bill. All raise BillNotFound, AccountNotReady, BillingUnavailable, Busy."""

    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]

    def read(self, bill_id: str) -> Standing:
        return _standing(store.bill(self.table, bill_id))

    def create_invoice(self, bill_id: str) -> Standing:
        """What is on the account pays the bill at once."""
        bill = store.bill(self.table, bill_id)
        if bill.status is not BillStatus.NEW or bill.needs_person:
            return _standing(bill)
        account = store.account(self.table, bill.dealer_id, bill.type)
        if account.status is not AccountStatus.READY or account.contract_id is None:
            raise AccountNotReady("the account has no contract at the billing system yet", id=bill_id)
        try:
            invoice = self.billing().create_invoice(
                bill_id,
                account.contract_id,
                bill.common_kopecks,
                f"{_FOR[bill.type]} {bill.deal_id}",
                bill.due_on,
            )
            self._write(bill, invoice)
        except (BillingRefused, store.TakenTwice) as refused:
            self.table.write(store.bill_stops(bill, self.now(), refused.detail))
        return self.read(bill_id)

    def _write(self, bill: Bill, invoice: Invoice) -> None:
        """Payments may move the account in between. Raises TakenTwice, Busy."""
        for _ in range(MOVES_MAX):
            account = store.account(self.table, bill.dealer_id, bill.type)
            try:
                return self.table.write(*store.invoiced(account, bill, invoice, self.now()))
            except store.Moved:
                if store.bill(self.table, bill.bill_id).status is not BillStatus.NEW:
                    return None  # another execution has done it
        raise Busy("others are moving this account; send it again", retry_after_seconds=1)


def _bill(deal: Deal, type_: AccountType, kopecks: int, at: datetime) -> Bill:
    return Bill(
        bill_id=model.bill_id(type_, deal.deal_id, deal.dealer_id),
        dealer_id=deal.dealer_id,
        type=type_,
        deal_id=deal.deal_id,
        status=BillStatus.NEW,
        common_kopecks=kopecks,
        due_on=(at + DUE_AFTER).date(),
        created_at=at,
    )


def _standing(bill: Bill) -> Standing:
    facts = {"status": str(bill.status), "reason": bill.reason or ""}
    if bill.status is not BillStatus.NEW:
        return Standing(BillStage.DONE, facts=facts)
    return Standing(BillStage.STOPPED if bill.needs_person else BillStage.INVOICE, facts=facts)
