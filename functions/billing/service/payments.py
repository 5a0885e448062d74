"""Payments: each is taken once, pays the bill that it names, then the oldest open ones; the rest stays on the account.

A payment over many bills is spread by several writes, each of which lands whole: what is left of it is in the table,
and whoever takes it again goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from common.errors import Unavailable
from common.gateways.billing import Payment, PaymentMessage
from common.log import count, log
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.billing import journal, journal_store, store
from functions.billing.model import AccountType, Bill, BillStatus, PaymentStatus, Received
from functions.billing.spreading import OpenBill, spread

BILLS_A_WRITE = 10
MOVES_MAX = 20  # of others, in between


class InvoiceNotKnownYet(Unavailable):
    """The payment names an invoice that we do not know, and one of the account's is being made: it comes again."""


@dataclass(frozen=True)
class Payments:
    table: Table
    now: Callable[[], datetime]

    def take(self, message: PaymentMessage) -> PaymentStatus:
        """Safe to repeat. What can not be told to be an account's is parked for a person.

        Raises InvoiceNotKnownYet, Busy, TableUnavailable: send it again.
        """
        payment = message.payment
        account = store.account_of_contract(self.table, payment.contract_id)
        if account is None:
            return self._park(payment.payment_id, payment, "no account has this contract")
        bill_id = None if payment.invoice_id is None else store.bill_of_invoice(self.table, payment.invoice_id)
        if bill_id is None and payment.invoice_id is not None:
            if store.payment(self.table, payment.payment_id) is None and self._awaits_invoice(*account):
                raise InvoiceNotKnownYet("an invoice of this account is being made", payment_id=payment.payment_id)
            return self._park(payment.payment_id, payment, "no bill has this invoice")
        if bill_id is not None:
            bill = store.bill(self.table, bill_id)
            if (bill.dealer_id, bill.type) != account:
                return self._park(payment.payment_id, payment, "the invoice is another account's than the contract")
        dealer_id, type_ = account
        at, kopecks = self.now(), payment.amount_kopecks
        fresh = Received(
            payment_id=payment.payment_id,
            contract_id=payment.contract_id,
            invoice_id=payment.invoice_id,
            dealer_id=dealer_id,
            type=type_,
            bill_id=bill_id,
            status=PaymentStatus.TAKEN,
            kopecks=kopecks,
            left_kopecks=kopecks,
            paid_at=payment.at,
            created_at=at,
        )
        return self._spread(payment.payment_id, fresh)

    def park(self, payment_id: str, why: str) -> PaymentStatus:
        """A message that is not understood, and never will be. Raises Busy."""
        return self._park(payment_id, None, why)

    def go_on(self, payment_id: str) -> PaymentStatus | None:
        """Spread what is left of a payment; None where there is nothing of this id to be spread. Raises Busy."""
        received = store.payment(self.table, payment_id)
        return None if received is None else self._spread(payment_id, received)

    def _spread(self, payment_id: str, fresh: Received) -> PaymentStatus:
        """To the end: again and again what can be spread with one write."""
        moved = 0
        while moved < MOVES_MAX:
            known = store.payment(self.table, payment_id)
            if known is not None:
                _compare(known, fresh)
                if known.status is PaymentStatus.SPREAD:
                    return known.status
            try:
                if self._step(known or fresh, new=known is None):
                    return PaymentStatus.SPREAD
            except store.PaymentKnown:
                if store.payment(self.table, payment_id) is None:
                    return PaymentStatus.PARKED
            except store.Moved:
                moved += 1
        raise Busy("others are moving this account; send it again", retry_after_seconds=1)

    def _step(self, received: Received, *, new: bool) -> bool:
        """At most BILLS_A_WRITE bills get what they get of it; True when nothing of it is left. Raises PaymentKnown,
        Moved."""
        account = store.account(self.table, received.dealer_id, received.type)  # before its bills: they move with it
        bills, all_ = self._bills(received)
        found = spread(
            received.left_kopecks,
            [OpenBill(bill.bill_id, bill.left_kopecks) for bill in bills],
            received.bill_id,
        )
        rest = found.rest_kopecks if all_ else 0
        kopecks, at = received.left_kopecks - found.rest_kopecks + rest, self.now()
        by_id = {bill.bill_id: bill for bill in bills}
        applied = [(by_id[application.bill_id], application) for application in found.applications]
        self.table.write(
            store.take(received, kopecks, at) if new else store.spread_more(received, kopecks, at),
            *store.apply(received.payment_id, applied, at),
            store.credit(account, rest, received.kopecks if new else 0, at),
            *(_booked(received, at) if new else []),
        )
        return kopecks == received.left_kopecks

    def _bills(self, received: Received) -> tuple[list[Bill], bool]:
        """Those that get something of it with the next write, and whether there are no more that could."""
        found: list[Bill] = []
        left = received.left_kopecks
        for bill in self._open(received):
            if left <= 0:
                break
            if len(found) == BILLS_A_WRITE:
                return found, False
            found.append(bill)
            left -= bill.left_kopecks
        return found, True

    def _open(self, received: Received) -> Iterator[Bill]:
        """The one that it names, then the oldest."""
        named = None if received.bill_id is None else store.bill(self.table, received.bill_id)
        if named is not None and named.takes_money:
            yield named
        for bill in store.open_bills(self.table, received.dealer_id, received.type):
            if bill.takes_money and bill.bill_id != received.bill_id:
                yield bill

    def _awaits_invoice(self, dealer_id: str, type_: AccountType) -> bool:
        return any(bill.status is BillStatus.NEW for bill in store.open_bills(self.table, dealer_id, type_))

    def _park(self, payment_id: str, payment: Payment | None, why: str) -> PaymentStatus:
        try:
            self.table.write(store.park(payment_id, payment, why, self.now()))
        except store.PaymentKnown:
            known = store.payment(self.table, payment_id)
            return PaymentStatus.PARKED if known is None else known.status
        return PaymentStatus.PARKED


def _booked(received: Received, at: datetime) -> list[Write]:
    entry = journal.received(received.dealer_id, received.type, received.payment_id, received.kopecks, at)
    return [journal_store.book(entry)]


def _compare(known: Received, told: Received) -> None:
    """The billing system says something else of a payment than it did: what it said first stays."""
    if (known.dealer_id, known.type, known.kopecks) != (told.dealer_id, told.type, told.kopecks):
        log.warning("a payment is told with other terms", extra={"payment_id": known.payment_id})
        count("BillingNotBelieved")
