"""Payments: each is taken once, pays the bill that it names, then the oldest open ones; the rest stays on the account.

A payment over many bills is spread by several writes, each of which lands whole: what is left of it is in the table,
and whoever takes it again goes on there. Once the first of them has landed nobody needs its message any more.

What can not be told to be an account's waits: EARLY for the invoice that it names, where one is being made; PARKED for
a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from common.domain import rulings
from common.domain.rulings import WHOLE, Matter, Ruling
from common.domain.timeline import CLOCK
from common.gateways.billing import MessageNotUnderstood, PaymentMessage, PaymentTakenBack
from common.gateways.billing.messages import read
from common.log import count, log
from common.roubles import kopecks, roubles
from common.table.table import Table
from common.table.transaction import Busy
from functions.billing import model, payment_store, store
from functions.billing.model import (
    Account,
    AccountType,
    Aside,
    Bill,
    BillStatus,
    Nobodys,
    PaymentStatus,
    Receipt,
    Taken,
    Told,
    Whose,
)
from functions.billing.service.recalling import Recalling
from functions.billing.spreading import OpenBill, spread

BILLS_A_WRITE = 10
MOVES_MAX = 20  # of others, in between
BODY_MAX = 2000  # characters of a message that is not understood


@dataclass(frozen=True)
class Payments:
    """more_time: asked between two writes; a payment of which something is left then is TAKEN, and goes on later. What
    comes gets its first write whatever it says."""

    table: Table
    now: Callable[[], datetime]

    def receive(self, body: bytes, more_time: Callable[[], bool]) -> PaymentStatus:
        """What came as a payment. Safe to repeat. Raises Busy, TableUnavailable: send it again."""
        try:
            return self.take(read(body), more_time)
        except PaymentTakenBack as back:
            count("PaymentsTakenBack")
            log.error("a payment was taken back", extra=back.facts)
            return self._park_taken_back(body, back)
        except MessageNotUnderstood as strange:
            return self.park(body, strange.detail)

    def take(self, message: PaymentMessage, more_time: Callable[[], bool] = lambda: True) -> PaymentStatus:
        """Safe to repeat. Raises Busy, TableUnavailable: send it again."""
        told = _told(message)
        receipt_id = model.receipt_id(told.payment_id)
        for _ in range(MOVES_MAX):
            try:
                known = payment_store.find(self.table, receipt_id)
                if known is None:
                    known = self._begin(receipt_id, told)
                elif _contradicts(known, told) and isinstance(known, Aside):
                    known = self._told_anew(known, told)
                return self._on(known, CLOCK, more_time).status
            except (store.Moved, payment_store.PaymentKnown):
                continue
        raise _busy()

    def park(
        self, body: bytes, why: str, back: tuple[str, int] | None = None, held: Account | None = None
    ) -> PaymentStatus:
        """A message that is no payment, and never will be. back: the payment that it tells of, and how many kopecks of
        it the bank has taken back; nothing of `held` goes back until two operators have looked. Raises Busy, and Moved
        with `held`."""
        receipt_id = model.receipt_id_of(body)
        shown = body[: 4 * BODY_MAX].decode(errors="replace")[:BODY_MAX]
        at, whose = self.now(), None if held is None else Whose(held.dealer_id, held.type)
        why_not = Nobodys(PaymentStatus.PARKED, why, whose)
        of, kopecks = (None, None) if back is None else back
        aside = Aside(receipt_id, why_not, None, shown, at, at, takes_back=of, takes_back_kopecks=kopecks)
        try:
            self.table.write(*payment_store.put_aside(aside, held))
        except payment_store.PaymentKnown:
            return payment_store.receipt(self.table, receipt_id).status
        count("PaymentsParked")
        return PaymentStatus.PARKED

    def _park_taken_back(self, body: bytes, back: PaymentTakenBack) -> PaymentStatus:
        """The account that has it is held, whatever contract the message names: two operators may have said whose it
        is. Raises Busy."""
        payment = back.payment
        receipt_id = model.receipt_id(payment.payment_id)
        why = f"{back.detail}; here it is {receipt_id}"
        for _ in range(MOVES_MAX):
            account, taken = store.account_of_contract(self.table, payment.contract_id), self._taken(receipt_id)
            whose = taken.whose if taken else None if account is None else Whose(*account)
            try:
                held = None if whose is None else self._account(whose)
                return self.park(body, why, (receipt_id, payment.amount_kopecks), held)
            except store.Moved:
                continue
        raise _busy()

    def go_on(self, receipt_id: str, more_time: Callable[[], bool] = lambda: True) -> PaymentStatus:
        """See to what is left of a payment, to one that is EARLY, or that a person lets be looked at again. Raises
        PaymentNotFound, Busy."""
        for _ in range(MOVES_MAX):
            try:
                return self._on(payment_store.receipt(self.table, receipt_id), CLOCK, more_time).status
            except (store.Moved, payment_store.PaymentKnown):
                continue
        raise _busy()

    def whose(self, told: Told) -> Whose | Nobodys:
        """Which account a payment came for, as far as that can be told now."""
        account = store.account_of_contract(self.table, told.contract_id)
        if account is None:
            return Nobodys(PaymentStatus.PARKED, "no account has this contract")
        whose = Whose(*account)
        if told.invoice_id is None:
            return whose
        bill_id = store.bill_of_invoice(self.table, told.invoice_id)
        if bill_id is None:
            if self._awaits_invoice(whose):
                return Nobodys(PaymentStatus.EARLY, "an invoice of its account is being made", whose)
            return Nobodys(PaymentStatus.PARKED, "no bill has this invoice", whose)
        bill = store.bill(self.table, bill_id)
        if (bill.dealer_id, bill.type) != account:
            return Nobodys(PaymentStatus.PARKED, "the invoice is another account's than the contract", whose)
        return Whose(*account, bill_id)

    def _begin(self, receipt_id: str, told: Told) -> Receipt:
        """Its first write. Raises PaymentKnown, Moved."""
        whose, at = self.whose(told), self.now()
        if isinstance(whose, Whose):
            return self._step(Taken(receipt_id, told, whose, PaymentStatus.TAKEN, told.kopecks, at), new=True)
        aside = Aside(receipt_id, whose, told, None, at, at, whose.status is PaymentStatus.PARKED)
        account = None if whose.account is None else self._account(whose.account)
        self.table.write(*payment_store.put_aside(aside, account))
        if whose.status is PaymentStatus.PARKED:
            count("PaymentsParked")
        return aside

    def _told_anew(self, aside: Aside, told: Told) -> Receipt:
        """The billing system corrects what nobody has booked yet. What was decided of it was about other terms: it is
        taken where it is known now whose it is, and waits for a person otherwise. Raises Moved."""
        whose = self.whose(told)
        of = whose if isinstance(whose, Whose) else whose.account
        why = f"it is told with other terms than before: {roubles(told.kopecks)} for contract {told.contract_id}"
        before, after = (None if one is None else self._account(one) for one in (aside.why.account, of))
        again = Nobodys(PaymentStatus.PARKED, why, of)
        is_known = isinstance(whose, Whose)
        writes = payment_store.tell_anew(aside, told, again, before, after, self.now(), is_known=is_known)
        self.table.write(*writes)
        known = payment_store.receipt(self.table, aside.receipt_id)
        if isinstance(known, Aside) and isinstance(whose, Whose):
            return self._placed(known, whose, "it is known by now whose it is", CLOCK, as_told=True)
        return known

    def _on(self, known: Receipt, by: str, more_time: Callable[[], bool]) -> Receipt:
        """As far as it can be brought now. Raises Moved."""
        if isinstance(known, Aside):
            known = self._looked_at(known, by)
        while isinstance(known, Taken) and known.status is PaymentStatus.TAKEN and more_time():
            known = self._step(known, new=False)
        moves = True
        while isinstance(known, Taken) and known.status is PaymentStatus.RECALLING and moves and more_time():
            known, moves = Recalling(self.table, self.now).step(known)
        return known

    def _looked_at(self, aside: Aside, by: str) -> Receipt:
        """Taken, where it is known by now whose it is, or two operators have said so; parked again, where nobody knows.
        What waits for a person, or for nothing, is left alone. Raises Moved."""
        if aside.waits_for_person or aside.status is PaymentStatus.DISMISSED:
            return aside
        ruling = self._ruling(aside) if aside.status is PaymentStatus.PARKED else None
        if ruling is not None and ruling.matter is Matter.NOTHING:
            if self._goes_off(aside):
                return aside
            return self._stays(aside, PaymentStatus.DISMISSED, aside.why.why, ruling.operators)
        if ruling is not None and ruling.matter is Matter.ACCOUNT and aside.told is not None:
            return self._assigned(aside, ruling)
        if ruling is not None and ruling.matter is Matter.PAYMENT and aside.told is None and aside.takes_back is None:
            return self._identified(aside, ruling)
        if aside.told is None:
            return self._stays(aside, PaymentStatus.PARKED, aside.why.why, by)
        whose = self.whose(aside.told)
        if isinstance(whose, Whose):
            return self._placed(aside, whose, "it is known by now whose it is", by, as_told=True)
        if whose.status is aside.status is PaymentStatus.EARLY:
            return aside
        return self._stays(aside, whose.status, whose.why, by)

    def _taken(self, receipt_id: str) -> Taken | None:
        found = payment_store.find(self.table, receipt_id)
        return found if isinstance(found, Taken) else None

    def _goes_off(self, aside: Aside) -> bool:
        """Is the payment still on its account that this message tells to be taken back, as two operators have agreed?
        Until it is off, nothing but the message may keep its dealer's money here."""
        back = None if aside.takes_back is None else payment_store.find(self.table, aside.takes_back)
        return back is not None and back.status is PaymentStatus.RECALLING

    def _ruling(self, aside: Aside) -> Ruling | None:
        """The latest of two operators, of what is told now."""
        ruled = rulings.of(self.table, aside.receipt_id)
        of_it = [ruled.get((matter, WHOLE)) for matter in (Matter.ACCOUNT, Matter.PAYMENT, Matter.NOTHING)]
        found = [ruling for ruling in of_it if ruling is not None and _is_about(ruling, aside)]
        return max(found, key=lambda ruling: ruling.at, default=None)

    def _identified(self, aside: Aside, ruling: Ruling) -> Receipt:
        """What can not be read tells of a payment that two operators have named. It is taken under its own id, as if
        its message could be read: it may be told rightly later. Raises PaymentKnown, Moved."""
        terms = ruling.terms
        told = Told(terms["payment"], terms["contract"], None, kopecks(terms["sum"]), 0, ruling.at)
        receipt_id = model.receipt_id(told.payment_id)
        known = payment_store.find(self.table, receipt_id) or self._begin(receipt_id, told)
        if known.told is None or _terms(known.told) != _terms(told):
            why = f"payment {receipt_id} is known already, with other terms than two operators have told"
            return self._stays(aside, PaymentStatus.PARKED, why, CLOCK)
        return self._stays(aside, PaymentStatus.DISMISSED, f"it is payment {receipt_id}", ruling.operators)

    def _assigned(self, aside: Aside, ruling: Ruling) -> Receipt:
        found = store.account_of_contract(self.table, ruling.terms["contract"])
        if found is None:
            return self._stays(aside, PaymentStatus.PARKED, "no account has the contract that was said", CLOCK)
        assert aside.told is not None
        own, why = store.account_of_contract(self.table, aside.told.contract_id), f"of {ruling.terms['contract']}"
        if found != own and found[1] is AccountType.DEPOSIT:  # the billing system pays back what came for its contract
            why = "a deposit takes what came for its own contract: have the billing system move it, or say another"
            return self._stays(aside, PaymentStatus.PARKED, why, CLOCK)
        return self._placed(aside, Whose(*found), why, ruling.operators, as_told=found == own)

    def _placed(self, aside: Aside, whose: Whose, why: str, by: str, *, as_told: bool) -> Receipt:
        account = self._account(whose)
        self.table.write(*payment_store.place(aside, whose, account, why, by, self.now(), as_told=as_told))
        return payment_store.receipt(self.table, aside.receipt_id)

    def _stays(self, aside: Aside, status: PaymentStatus, why: str, by: str) -> Receipt:
        held = None  # by a message of what the bank took back
        if status is PaymentStatus.DISMISSED and aside.takes_back is not None and aside.why.account is not None:
            held = self._account(aside.why.account)
        self.table.write(*payment_store.still_aside(aside, status, why, by, self.now(), held))
        if status is PaymentStatus.PARKED:
            count("PaymentsParked")
        return payment_store.receipt(self.table, aside.receipt_id)

    def _step(self, taken: Taken, *, new: bool) -> Taken:
        """At most BILLS_A_WRITE bills get what they get of it. Raises PaymentKnown, Moved."""
        account = self._account(taken.whose)  # before its bills: they move with it
        bills, all_ = self._bills(taken)
        open_bills = [OpenBill(bill.bill_id, bill.left_kopecks) for bill in bills]
        found = spread(taken.left_kopecks, open_bills, taken.whose.bill_id)
        rest = found.rest_kopecks if all_ else 0
        kopecks, at = taken.left_kopecks - found.rest_kopecks + rest, self.now()
        by_id = {bill.bill_id: bill for bill in bills}
        applied = [(by_id[application.bill_id], application) for application in found.applications]
        write = payment_store.take if new else payment_store.spread_more
        self.table.write(
            *write(taken, account, kopecks, rest, at),
            *payment_store.apply(taken, applied, at),
        )
        left = taken.left_kopecks - kopecks
        status = PaymentStatus.TAKEN if left else PaymentStatus.SPREAD
        return Taken(taken.receipt_id, taken.told, taken.whose, status, left, taken.created_at)

    def _account(self, whose: Whose) -> Account:
        return store.account(self.table, whose.dealer_id, whose.type)

    def _bills(self, taken: Taken) -> tuple[list[Bill], bool]:
        """Those that get something of it with the next write, and whether there are no more that could."""
        found: list[Bill] = []
        left, bills = taken.left_kopecks, self._open(taken.whose)
        while left > 0:
            bill = next(bills, None)
            if bill is None:
                break
            if len(found) == BILLS_A_WRITE:
                return found, False
            found.append(bill)
            left -= bill.left_kopecks
        return found, True

    def _open(self, whose: Whose) -> Iterator[Bill]:
        """The one that it names, then the oldest. A deposit pays none."""
        if whose.type is AccountType.DEPOSIT:
            return
        named = None if whose.bill_id is None else store.bill(self.table, whose.bill_id)
        if named is not None and named.takes_money:
            yield named
        more = BILLS_A_WRITE + 1  # behind those of one write it is looked whether there are others
        for bill in store.open_bills(self.table, whose.dealer_id, whose.type, at_once=more):
            if bill.takes_money and bill.bill_id != whose.bill_id:
                yield bill

    def _awaits_invoice(self, whose: Whose) -> bool:
        bills = store.open_bills(self.table, whose.dealer_id, whose.type)
        return any(bill.status is BillStatus.NEW for bill in bills)


def _told(message: PaymentMessage) -> Told:
    said = message.payment
    return Told(
        payment_id=said.payment_id,
        contract_id=said.contract_id,
        invoice_id=said.invoice_id,
        kopecks=said.amount_kopecks,
        total_kopecks=message.paid_total_kopecks,
        paid_at=said.at,
    )


def _contradicts(known: Receipt, told: Told) -> bool:
    """The billing system says something else of a payment than it did. What is booked stays."""
    assert known.told is not None
    if _terms(known.told) == _terms(told):
        return False
    log.warning("a payment is told with other terms", extra={"payment_id": told.payment_id})
    count("BillingNotBelieved")
    return True


def _is_about(ruling: Ruling, aside: Aside) -> bool:
    """Have the two looked at what is told now? Another clock than ours has told the time of theirs."""
    if aside.told is None or ruling.matter is Matter.PAYMENT:
        return ruling.at >= aside.told_at
    seen = ruling.terms.get("sum"), ruling.terms.get("came_for")
    return ruling.at >= aside.told_at and seen == (f"{roubles(aside.told.kopecks)} roubles", aside.told.contract_id)


def _terms(told: Told) -> tuple[str, int]:
    return told.contract_id, told.kopecks


def _busy() -> Busy:
    return Busy("others are moving this account; send it again", retry_after_seconds=1)
