"""Deals and their bills: what a dealer owes, an invoice for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from common import keys
from common.errors import Refusal, Rejected
from common.gateways.billing import Billing, BillingRefused, BillingUnavailable, BillingUnknown, Invoice
from common.idempotency import Replayable
from common.machines import Machines, Standing
from common.table.table import Page, Position, Table
from common.table.transaction import Busy
from functions.billing import correction_store, deposit_store, model, store
from functions.billing.model import (
    AccountNotReady,
    AccountStatus,
    AccountType,
    Because,
    Bill,
    BillDiffers,
    BillStage,
    BillStatus,
    Deal,
    DealCancelled,
    DealDiffers,
    Dealer,
    DealerLeaves,
    DealerStatus,
    DealNotFound,
    DealStatus,
    Moved,
    Operation,
)
from functions.billing.service.balances import spread_balance
from functions.billing.service.refunding import REQUEST_OVER

MOVES_MAX = 20  # of others, in between
PAGES_MAX = 1_000  # of a contract's invoices
_FOR = {
    AccountType.COMMISSION: "Комиссия по сделке",
    AccountType.SETTLEMENT: "Возмещение стоимости автомобиля по сделке",
}


_BECAUSE = {
    Because.PRICE_CHANGED: "Изменение цены по сделке",
    Because.SETTLEMENT_CORRECTED: "Исправление суммы возмещения по сделке",
    Because.WINNER_CHANGED: "Смена покупателя по сделке",
    Because.DEAL_CANCELLED: "Отмена сделки",
}


class AmountWrong(Rejected):
    """GET_SETTLEMENT needs an amount; of GET_REWARD the deal has it."""


@dataclass(frozen=True)
class Bills:
    table: Table
    machines: Machines
    now: Callable[[], datetime]

    def close_deal(self, deal_id: str, cme_dealer_id: str, price_kopecks: int) -> Replayable[Deal]:
        """A dealer bought a car: the desk's reward is billed. Told again as it was told first, it is a repeat, also
        where its price or its winner has changed since.

        Raises DealerNotFound, NothingToBill, DealCancelled, DealDiffers, Busy.
        """
        dealer, at = store.dealer(self.table, model.dealer_id(cme_dealer_id)), self.now()
        deal = Deal.closed(deal_id, dealer, price_kopecks, at)
        bill = model.issued(deal, AccountType.COMMISSION, deal.reward_kopecks, at)
        deal = replace(deal, commission_ids=(bill.bill_id,))
        try:
            self.table.write(store.close_deal(deal), *store.issue(bill))
        except store.DealKnown as known:
            if known.deal.status is DealStatus.CANCELLED:
                raise DealCancelled("this deal was cancelled, for good", deal_id=deal_id) from None
            if not known.deal.is_told_by(dealer.dealer_id, price_kopecks):
                raise DealDiffers("this deal is known with another price or dealer", deal_id=deal_id) from None
            return Replayable(known.deal, replayed=True)
        self.machines.begin(keys.BILL.machines[0], bill.bill_id)
        return Replayable(deal)

    def deal(self, deal_id: str) -> Deal:
        """Raises DealNotFound."""
        return store.deal(self.table, deal_id)

    def create(
        self, operation: Operation, cme_dealer_id: str, deal_id: str, amount_kopecks: int | None
    ) -> Replayable[Bill]:
        """The bill of a deal that is in force, the newest where there are several, whichever way it is asked for. Of a
        settlement with what it is now, or was billed with first: another sum is for `Corrections`.

        Raises AmountWrong, DealerNotFound, DealNotFound, DealCancelled, AccountNotOpened, DealerLeaves, BillDiffers,
        Busy.
        """
        if (amount_kopecks is None) is (operation is Operation.GET_SETTLEMENT):
            raise AmountWrong("give an amount for GET_SETTLEMENT, and none for GET_REWARD: the deal has it")
        if amount_kopecks is None:
            deal = self._deal_of(model.dealer_id(cme_dealer_id), deal_id)
            return Replayable(store.bill(self.table, deal.commission_ids[-1]), replayed=True)
        for _ in range(MOVES_MAX):
            try:
                return self._settle(model.dealer_id(cme_dealer_id), deal_id, amount_kopecks)
            except (store.BillKnown, Moved):
                continue
        raise Busy("others are moving this deal; send it again", retry_after_seconds=1)

    def _settle(self, dealer_id: str, deal_id: str, kopecks: int) -> Replayable[Bill]:
        """The settlement of a deal. Raises as `create`, and BillKnown, Moved."""
        deal = self._deal_of(dealer_id, deal_id)
        account = store.account(self.table, dealer_id, AccountType.SETTLEMENT)
        dealer = store.dealer(self.table, dealer_id)
        if dealer.status in (DealerStatus.LEAVING, DealerStatus.LEFT) and not self._was_his(deal, dealer):
            raise DealerLeaves("his deposit is paid back; add fast buyout again first", deal_id=deal_id)
        if deal.settlement_ids:
            newest = deal.settlement_ids[-1]
            if kopecks not in (deal.settlement_kopecks, deal.asked_kopecks):
                raise BillDiffers("this deal is billed already with another sum: correct its settlement", id=newest)
            return Replayable(store.bill(self.table, newest), replayed=True)
        at = self.now()
        after = replace(deal.counting(AccountType.SETTLEMENT), settlement_kopecks=kopecks, asked_kopecks=kopecks)
        bill = model.issued(after, AccountType.SETTLEMENT, kopecks, at)
        self.table.write(
            *store.issue(bill),
            store.deal_moves(deal, after.with_bills(AccountType.SETTLEMENT, (bill.bill_id,)), at),
            store.money_moves(account, 0, 0, at),
        )
        self.machines.begin(keys.BILL.machines[0], bill.bill_id)
        return Replayable(bill)

    def _was_his(self, deal: Deal, dealer: Dealer) -> bool:
        """Before he asked for his deposit: what the desk has paid for it he owes."""
        release = deposit_store.release(self.table, dealer)
        return release is not None and deal.won_at <= release.asked_at

    def _deal_of(self, dealer_id: str, deal_id: str) -> Deal:
        """Raises DealerNotFound, DealNotFound, DealCancelled."""
        dealer, deal = store.dealer(self.table, dealer_id), store.deal(self.table, deal_id)
        if deal.dealer_id != dealer.dealer_id:
            raise DealNotFound("no deal of this id was told to us of this dealer", deal_id=deal_id)
        if deal.status is DealStatus.CANCELLED:
            raise DealCancelled("this deal was cancelled", deal_id=deal_id)
        return deal

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
    """A bill's invoice, and its credit notes. All raise BillNotFound, AccountNotReady, BillingUnavailable, Busy."""

    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]

    def read(self, bill_id: str) -> Standing:
        return _standing(store.bill(self.table, bill_id))

    def create_invoice(self, bill_id: str) -> Standing:
        """What is on the account pays the bill at once. One that was cancelled while its invoice was asked for may
        have one there: it is asked for again, so that a credit note can take it back."""
        bill = store.bill(self.table, bill_id)
        if _stage(bill) is not BillStage.INVOICE:
            return _standing(bill)
        account = store.account(self.table, bill.dealer_id, bill.type)
        try:
            if account.status is AccountStatus.READY and account.contract_id is not None:
                self._ask(bill, account.contract_id)
            elif bill.status is BillStatus.NEW:
                raise AccountNotReady("the account has no contract at the billing system yet", id=bill_id)
            else:
                self.table.write(*correction_store.never_invoiced(bill, self.now()))
        except Moved:
            pass  # by another execution, or the bill was cancelled: to where this one reads next
        return self.read(bill_id)

    def create_credit_note(self, bill_id: str) -> Standing:
        """The oldest that is owed. What went back to the account pays its open bills first."""
        bill = store.bill(self.table, bill_id)
        if _stage(bill) is not BillStage.CREDIT:
            return _standing(bill)
        spread_balance(self.table, bill.dealer_id, bill.type, self.now)
        note = correction_store.note(self.table, bill)
        assert bill.invoice_id is not None
        reason = f"{_BECAUSE[note.because]} {bill.deal_id}"
        try:
            made = self.billing().create_credit_note(note.external_id, bill.invoice_id, note.kopecks, reason)
            self.table.write(*correction_store.note_made(bill, note, made.credit_note_id, self.now()))
        except BillingRefused as refused:
            self._stop(bill, refused)
        except Moved:
            pass  # by another execution, or another note is owed since
        return self.read(bill_id)

    def _ask(self, bill: Bill, contract_id: str) -> None:
        """Raises Moved."""
        cancelled = bill.status is not BillStatus.NEW
        if bill.missed_at is not None:
            return self._look_for_invoice(bill, contract_id)
        try:
            invoice = self.billing().create_invoice(
                bill.bill_id,
                contract_id,
                bill.common_kopecks,
                f"{_FOR[bill.type]} {bill.deal_id}",
                bill.due_on,
            )
            if cancelled:
                self.table.write(*correction_store.invoiced_late(bill, invoice, self.now()))
            else:
                self._write(bill, invoice)
        except BillingRefused as refused:
            if cancelled:
                self._look_for_invoice(bill, contract_id)
            else:
                self._stop(bill, refused)
        except store.TakenTwice as taken:
            self._stop(bill, taken)

    def _look_for_invoice(self, bill: Bill, contract_id: str) -> None:
        """Of a bill that was cancelled. A no may be to the question alone: the invoice may have been made when it was
        asked for before, and its answer lost; or be made yet, by a request that is still on its way. Raises Moved,
        BillingUnavailable."""
        at = self.now()
        try:
            invoice = self._invoice_of(bill, contract_id)
            if invoice is not None:
                return self.table.write(*correction_store.invoiced_late(bill, invoice, at))
            if bill.missed_at is None:
                self.table.write(correction_store.missed(bill, at))
            elif at >= bill.missed_at + REQUEST_OVER:
                return self.table.write(*correction_store.never_invoiced(bill, at))
        except (store.TakenTwice, BillingUnknown) as strange:
            return self._stop(bill, strange)
        raise BillingUnavailable("an invoice that was asked for may be made yet", what="may_come", id=bill.bill_id)

    def _invoice_of(self, bill: Bill, contract_id: str) -> Invoice | None:
        """Raises BillingUnknown."""
        after: str | None = None
        for _ in range(PAGES_MAX):
            page = self.billing().invoices(contract_id, after)
            for invoice in page.entries:
                if invoice.external_id == bill.bill_id:
                    return invoice
            after = page.after
            if after is None:
                return None
        raise BillingUnavailable("a contract has more invoices than can be looked through", what="not_believed")

    def _stop(self, bill: Bill, refused: Refusal) -> None:
        with suppress(Moved):
            self.table.write(store.bill_stops(bill, self.now(), refused.detail))

    def _write(self, bill: Bill, invoice: Invoice) -> None:
        """Payments may move the account in between. Raises TakenTwice, Busy."""
        for _ in range(MOVES_MAX):
            account = store.account(self.table, bill.dealer_id, bill.type)
            try:
                return self.table.write(*store.invoiced(account, bill, invoice, self.now()))
            except Moved:
                if store.bill(self.table, bill.bill_id).status is not BillStatus.NEW:
                    return None  # another execution has done it, or it was cancelled
        raise Busy("others are moving this account; send it again", retry_after_seconds=1)


def _stage(bill: Bill) -> BillStage:
    to_do = bill.status is BillStatus.NEW or bill.owes_note
    if not to_do:
        return BillStage.DONE
    if bill.needs_person:
        return BillStage.STOPPED
    return BillStage.INVOICE if bill.invoice_id is None else BillStage.CREDIT


def _standing(bill: Bill) -> Standing:
    return Standing(_stage(bill), facts={"status": str(bill.status), "reason": bill.reason or ""})
