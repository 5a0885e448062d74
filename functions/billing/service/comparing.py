"""What the billing system has of each account, held against what is booked: its invoices and payments, one by one; and
what stands on the account against its journal.

Both sides move while they are read. Ours is read first where theirs can only grow, and last where it follows theirs:

    a bill with an invoice       read before their list: its invoice is in it
    an invoice of theirs         under the id of a bill of ours, which was written before it was asked for
    a payment of theirs          is told to us within SETTLING, and is taken then, or parked
    all that we have taken       of an account: what of their payments is taken, if it is the same before and after

A difference is off if two looks have found it; what may be on its way is unknown. All accounts are compared once a day,
in rounds, each of which goes on where the last has stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, TypeVar

from common.domain import audit
from common.domain.audit import AuditEntry
from common.domain.comparisons import BILLING, Comparison, Line, Verdict, compared, keep, latest
from common.domain.dealer_refunds import Refund
from common.domain.timeline import CLOCK
from common.gateways.billing import Billing, BillingUnavailable, BillingUnknown, Invoice, Page, Payment
from common.log import count, log
from common.table.table import Position, Table
from functions.billing import comparison_store, deposit_store, journal_store, payment_store, refund_store, store
from functions.billing.comparison_store import DayCompared, Pass
from functions.billing.journal import EntryKind
from functions.billing.model import (
    Account,
    AccountType,
    Aside,
    Bill,
    BillStatus,
    DealerStatus,
    PaymentStatus,
    Release,
    ReleaseStatus,
    Whose,
    receipt_id,
)

SETTLING = timedelta(minutes=15)  # until then a payment may be on its way to us
PAGES_MAX = 50  # of a contract's list: more is told, and not looked through
ACTION = "compare billing"
FAR = datetime.max.replace(tzinfo=UTC)
_CAME, _GONE = (EntryKind.PAYMENT, EntryKind.RECALL), (EntryKind.REFUND, EntryKind.REFUND_REFUSED)
ALWAYS = lambda: True  # noqa: E731
MOVES = "it moves while it is looked at"
_ROUBLE = Decimal(100)

T = TypeVar("T")


class _NoTime(Exception):
    """To look on at an account."""


@dataclass(frozen=True)
class Comparing:
    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]

    def latest(self) -> Comparison:
        """Raises NeverCompared."""
        return latest(self.table, BILLING)

    def days(self) -> list[DayCompared]:
        """What the clock has found, of each day that it could compare to the end, the last first."""
        going = comparison_store.so_far(self.table)
        return [] if going is None else going.days

    def part(
        self, operator: str, after: Position | None, more: Callable[[], bool], in_time: Callable[[], bool] = ALWAYS
    ) -> tuple[Comparison, Position | None]:
        """What an operator asks for: the accounts behind a place, as long as there is time for one more, and where to
        go on. in_time: is there time to look on, at the one that was begun?

        Raises BillingUnavailable, TableUnavailable, Busy.
        """
        going = Pass(self.now(), after)
        self._go_on(going, more, in_time)
        found = compared(BILLING, self.now(), operator, going.lines, things=going.things)
        if after is None:
            self.table.write(*audit.entry(self.table, AuditEntry(found.at, operator, ACTION, BILLING, str(found))))
        return found, going.after

    def round(self, more: Callable[[], bool], in_time: Callable[[], bool] = ALWAYS) -> Comparison | None:
        """Go on with today's; None as long as it is not over, or is over since. An account at which a round was cut off
        is passed over: the round behind that one says before each at which it looks. Raises TableUnavailable, Busy."""
        at = self.now()
        going = comparison_store.so_far(self.table)
        if going is None or going.began_at.date() < at.date():
            going = Pass(at, days=[] if going is None else going.days)
        elif going.over:
            return None
        was_cut_off, going.runs = going.runs, True
        if going.looks_at is not None:
            self._pass_over(going, store.account_at(self.table, going.looks_at))
            going.looks_at = None
        self.table.write(comparison_store.keep(going, at))
        try:
            self._go_on(going, more, in_time, tell_first=was_cut_off)
        except BillingUnavailable as unavailable:
            log.warning("not compared", extra={"why": unavailable.detail})
        going.runs, going.looks_at = False, None
        if not going.over:
            self.table.write(comparison_store.keep(going, self.now()))
            return None
        found = compared(BILLING, self.now(), CLOCK, going.lines, things=going.things)
        self.table.write(keep(found), comparison_store.keep(going.ended(found), self.now()))
        return found

    def _go_on(
        self, going: Pass, more: Callable[[], bool], in_time: Callable[[], bool], *, tell_first: bool = False
    ) -> None:
        """Raises BillingUnavailable: what was compared until then is counted."""
        first = True
        while not going.over:
            page = store.accounts_page(self.table, after=going.after)
            for account in page.items:
                if tell_first:
                    going.looks_at = store.place(account)
                    self.table.write(comparison_store.keep(going, self.now()))
                try:
                    found = self._settled(account, in_time)
                except _NoTime:
                    if first:  # it had a whole round
                        self._pass_over(going, account)
                    return
                going.things += len(found)
                going.lines += [line for line in found.values() if line.verdict is not Verdict.AGREES]
                going.after, first = store.place(account), False
                if not more():
                    return
            going.after, going.over = page.after, page.after is None

    def _pass_over(self, going: Pass, account: Account) -> None:
        """Nobody has looked at all that it has: a person sees that."""
        why = "it has more than can be looked through in one round"
        going.things += 1
        going.lines.append(_line(f"account {account.external_id}", account, 0, 0, Verdict.UNKNOWN, why))
        going.after = store.place(account)
        log.error("account not compared", extra={"id": account.dealer_id, "what": account.type})

    def _settled(self, account: Account, in_time: Callable[[], bool]) -> dict[str, Line]:
        """What is off at one look only is unknown. Raises _NoTime."""
        once = self._look(account, in_time)
        if all(line.verdict is not Verdict.OFF for line in once.values()):
            return once
        again = self._look(account, in_time)
        found = {}
        for name, line in again.items():
            both = line.verdict is not Verdict.OFF or once.get(name) == line
            found[name] = line if both else replace(line, verdict=Verdict.UNKNOWN, why=MOVES)
            if found[name].verdict is Verdict.OFF:
                log.error("billing system off", extra={"why": str(line), "id": account.dealer_id, "what": name})
                count("BillingOff")
        return found

    def _look(self, account: Account, in_time: Callable[[], bool]) -> dict[str, Line]:
        """Raises _NoTime."""
        if account.contract_id is None:
            return {}
        lines = []
        try:
            for line in chain(
                self._books(account),
                self._invoices(account, account.contract_id, in_time),
                self._payments(account, account.contract_id),
                self._refunds(account, account.contract_id),
            ):
                lines.append(line)
                if not in_time():
                    raise _NoTime
        except BillingUnknown as unknown:
            lines = [_line(f"contract {account.contract_id}", account, 0, 1, Verdict.OFF, unknown.detail)]
        except BillingUnavailable as no:
            if no.facts.get("what") != "not_believed":
                raise
            lines = [_line(f"contract {account.contract_id}", account, 0, 1, Verdict.UNKNOWN, no.detail)]
        return {line.asset_id: line for line in lines}

    def _books(self, account: Account) -> Iterator[Line]:
        """Of an account, where it is not what its journal adds up to. What of a payment is not spread yet is in the
        journal, and neither on the account nor on a bill."""
        before = store.account(self.table, account.dealer_id, account.type)
        entries = journal_store.entries(self.table, account.dealer_id, FAR)
        told = [entry for entry in entries if entry.type is account.type]
        came, gone = (sum(entry.kopecks for entry in told if entry.kind in kinds) for kinds in (_CAME, _GONE))
        name = f"books of {account.external_id}"
        for what, stands, booked in (
            ("has come for it", before.received_kopecks, came),
            ("was paid back of it", before.released_kopecks, -gone),
        ):
            if stands != booked:
                yield _line(f"{name}: what {what}", account, stands, booked, Verdict.OFF, "its journal says otherwise")
        open_bills = store.open_bills(self.table, account.dealer_id, account.type)
        stands = before.balance_kopecks - sum(bill.left_kopecks for bill in open_bills)
        booked = sum(entry.kopecks for entry in told)
        if stands < booked:
            yield _line(name, account, stands, booked, Verdict.UNKNOWN, "a payment may not be spread yet")
        if stands > booked:
            yield _line(name, account, stands, booked, Verdict.OFF, "more is on it, or paid, than its journal says")

    def _invoices(self, account: Account, contract_id: str, in_time: Callable[[], bool]) -> Iterator[Line]:
        """Raises _NoTime."""
        ours = {}
        for bill in store.invoiced_bills(self.table, account.dealer_id, account.type):
            ours[bill.invoice_id] = bill
            if not in_time():
                raise _NoTime
        for invoice in _all(lambda after: self.billing().invoices(contract_id, after)):
            known = ours.pop(invoice.invoice_id, None) or store.find_bill(self.table, invoice.external_id)
            yield self._invoice(account, invoice, known)
        for invoice_id, bill in ours.items():
            name = f"invoice {invoice_id}"
            yield _line(name, account, 0, bill.common_kopecks, Verdict.OFF, "the billing system has it no more", bill)

    def _invoice(self, account: Account, invoice: Invoice, bill: Bill | None) -> Line:
        name, there = f"invoice {invoice.invoice_id}", invoice.amount_kopecks
        if bill is None or (bill.dealer_id, bill.type) != (account.dealer_id, account.type):
            return _line(name, account, there, 0, Verdict.OFF, "no bill of this account is invoiced by it")
        if bill.invoice_id is None and bill.status is BillStatus.NEW:
            return _line(name, account, there, bill.common_kopecks, Verdict.UNKNOWN, "its number is not here yet", bill)
        if bill.invoice_id != invoice.invoice_id:
            return _line(name, account, there, 0, Verdict.OFF, f"its bill has the invoice {bill.invoice_id}", bill)
        if there != bill.common_kopecks:
            return _line(name, account, there, bill.common_kopecks, Verdict.OFF, "the sums differ", bill)
        credited, booked = invoice.credited_kopecks, bill.credited_kopecks
        if credited == booked:
            return _line(name, account, there, bill.common_kopecks, Verdict.AGREES, "", bill)
        verdict, why = Verdict.OFF, "what was taken back of it differs"
        if bill.owes_note:
            verdict, why = Verdict.UNKNOWN, "a credit note is on its way"
        return _line(f"credit notes of {name}", account, credited, booked, verdict, why, bill)

    def _refunds(self, account: Account, contract_id: str) -> Iterator[Line]:
        """Where the billing system has paid back of a contract what is not booked, or has not what is."""
        there = self.billing().standing(contract_id).refunded_kopecks
        now = store.account(self.table, account.dealer_id, account.type)
        moving, what = self._on_its_way(now)
        held = moving is not None and moving.status is ReleaseStatus.HELD
        booked = now.released_kopecks - (moving.kopecks if moving is not None and held else 0)
        if there == booked:
            return
        verdict, why = Verdict.OFF, "what was paid back differs"
        if moving is not None and not held and there == booked - moving.kopecks:
            verdict, why = Verdict.UNKNOWN, f"{what} is on its way"
        yield _line(f"refunds of contract {contract_id}", account, there, booked, verdict, why)

    def _on_its_way(self, account: Account) -> tuple[Release | Refund | None, str]:
        """What is off an account, and the billing system may have paid back or not; one that is HELD it was never asked
        for."""
        if account.refund_id is not None:
            return refund_store.refund(self.table, account.refund_id), f"refund {account.refund_id}"
        dealer = store.dealer(self.table, account.dealer_id)
        if account.type is AccountType.DEPOSIT and dealer.status is DealerStatus.LEAVING:
            return deposit_store.release(self.table, dealer), "his deposit"
        return None, ""

    def _payments(self, account: Account, contract_id: str) -> Iterator[Line]:
        """One by one, and all together: what has come for the contract is taken for its account, or aside."""
        before, together = self._came(account), 0
        unsure = False
        for payment in _all(lambda after: self.billing().payments(contract_id, after)):
            line, came = self._payment(account, payment)
            together += came
            unsure = unsure or line.verdict is Verdict.UNKNOWN
            yield line
        if together != before:
            unknown = unsure or self._came(account) != before
            why = MOVES if unknown else "not all that has come for the account is told by the billing system"
            name = f"payments of {contract_id}"
            yield _line(name, account, together, before, Verdict.UNKNOWN if unknown else Verdict.OFF, why)

    def _came(self, account: Account) -> int:
        now = store.account(self.table, account.dealer_id, account.type)
        return now.received_kopecks + now.aside_kopecks

    def _payment(self, account: Account, payment: Payment) -> tuple[Line, int]:
        """With what of it has come for the account's contract, as we know it."""
        name, there, of = f"payment {payment.payment_id}", payment.amount_kopecks, (account.dealer_id, account.type)
        known = payment_store.find(self.table, receipt_id(payment.payment_id))
        if known is None:
            young = abs(self.now() - payment.at) < SETTLING
            why = "it may be on its way to us" if young else "it was never told to us"
            return _line(name, account, there, 0, Verdict.UNKNOWN if young else Verdict.OFF, why), 0
        if isinstance(known, Aside):
            whose = known.why.account
            came = known.told.kopecks if known.told is not None and whose is not None and _of(whose) == of else 0
            return self._aside(account, payment, known), came
        booked, own = known.told.kopecks, _of(known.whose) == of
        if not own and known.told.contract_id != payment.contract_id:
            return _line(name, account, there, 0, Verdict.OFF, "it was taken for another account"), 0
        if known.status in (PaymentStatus.RECALLING, PaymentStatus.RECALLED):
            counts = booked - (known.recalled_kopecks or 0)
            return _line(name, account, there, counts, Verdict.OFF, "the bank took it back, two have said"), counts
        agrees = booked == there
        why = "" if own else "two operators have said that it is another account's"
        return _line(
            name, account, there, booked, *((Verdict.AGREES, why) if agrees else (Verdict.OFF, "the sums differ"))
        ), booked

    def _aside(self, account: Account, payment: Payment, known: Aside) -> Line:
        name, there, told = f"payment {payment.payment_id}", payment.amount_kopecks, known.told
        if known.status is not PaymentStatus.DISMISSED:
            return _line(name, account, there, there, Verdict.UNKNOWN, f"it is {known.status}, and not taken yet")
        if told is None or (told.contract_id, told.kopecks) == (payment.contract_id, there):
            return _line(name, account, there, there, Verdict.AGREES, "a person has dismissed it")
        return _line(name, account, there, 0, Verdict.OFF, "it was dismissed with other terms")


def _of(whose: Whose) -> tuple[str, AccountType]:
    return whose.dealer_id, whose.type


def _line(
    name: str, account: Account, there: int, booked: int, verdict: Verdict, why: str, bill: Bill | None = None
) -> Line:
    """Sums are in kopecks; a line has roubles."""
    whose = account.external_id if bill is None else f"{account.external_id}, bill {bill.bill_id}"
    sums: Mapping[str, Any] = {"booked": Decimal(booked) / _ROUBLE}
    return Line(name, Decimal(there) / _ROUBLE, sums, verdict, f"{name} of {whose}", why)


def _all(ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Raises BillingUnavailable, BillingUnknown; also where the list is too long."""
    after: str | None = None
    for _ in range(PAGES_MAX):
        page = ask(after)
        yield from page.entries
        after = page.after
        if after is None:
            return
    raise BillingUnavailable("a contract has more than can be looked through", what="not_believed")
