"""Bills that are taken back and deposits that are paid back: every call of it × all that can go wrong at it. After each
the books balance; in the end the billing system has one credit note for each that we have written, one invoice for
each bill, and has paid a deposit back once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import pytest

from common.gateways.billing import PaymentMessage
from functions.billing import model, store
from functions.billing.model import AccountType, Bill, BillStatus, DealerStatus, Operation
from functions.billing.service.corrections import Change
from sandbox.billing import records
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.faulty import DAILY, DEALT, Life, faulty
from tests.depth import PROVED, SIMULATED, points
from tests.desk import Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import AnswerLost, Faults
from tests.harness.points import every_nth

OTHER, DEPOSIT, SPENT = "cme-8", 150_000_00, 900_000_00
LOWER, HIGHER = 800_000_00, 1_200_000_00  # prices whose commission is 20,000.00 and 30,000.00
SIMULATED_ONLY = pytest.mark.skipif(not SIMULATED, reason="it takes half an hour: make simulate")
Scenario = Callable[[Faults], Scene]


@dataclass
class Corrected(Life):
    """A deal is another than it was, and a payment comes besides that names its first bill. ends: of whom how much is
    owed, paid, and on the account then. type_: of what bills and account."""

    message: PaymentMessage | None = None
    change: Change = field(default_factory=lambda: Change(cancelled=True))
    ends: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    type_: AccountType = AccountType.COMMISSION

    def act(self) -> bool:
        self.once("change", lambda: self.dealership.corrections.change("deal-1", "change", self.change))
        if self.message is not None:
            message = self.message
            self.once("pay", lambda: self.dealership.payments.take(message))
        self.live(lambda: not self.waits())
        return self.waits()

    def check(self) -> None:
        self.dealership.check()
        notes = self.dealership.system.all(records.CreditNote)
        assert len({note.external_id for note in notes}) == len(notes)

    def settled(self) -> None:
        quiet = Dealership(self.desk.dynamo, self.desk.clock)
        for cme_dealer_id, ends in self.ends.items():
            every = quiet.bills.of_dealer(cme_dealer_id, limit=100, after=None).items
            bills = [bill for bill in every if bill.type is self.type_]
            account = store.account(quiet.table, model.dealer_id(cme_dealer_id), self.type_)
            owed, paid = sum(bill.in_force_kopecks for bill in bills), sum(bill.paid_kopecks for bill in bills)
            assert (owed, paid, account.balance_kopecks) == ends
            for bill in bills:
                self._is_told(bill)
        assert not self.waits()
        assert not self.desk.world.bugs

    def _is_told(self, bill: Bill) -> None:
        """One invoice of it, and all that was taken back of it."""
        system = self.dealership.system
        invoices = [each for each in system.all(records.Invoice) if each.external_id == bill.bill_id]
        assert [each.invoice_id for each in invoices] == [bill.invoice_id] * (bill.invoice_id is not None)
        if bill.invoice_id is not None:
            assert system.credited(bill.invoice_id) == bill.credited_kopecks
        else:
            assert bill.status is BillStatus.CANCELLED


@dataclass
class Released(Life):
    """A dealer leaves, and his deposit is paid back, or is not."""

    settle: str = "DONE"

    def act(self) -> str:
        self.once("release", lambda: self.dealership.fast_buyouts.release(CME_ID))
        self.live(self._is_over)
        return self._status()

    def check(self) -> None:
        self.dealership.check()
        assert self.dealership.system.refunded(self._contract_id()) <= DEPOSIT, "it is paid back twice"

    def settled(self) -> None:
        gone = self.settle == "DONE"
        quiet = Dealership(self.desk.dynamo, self.desk.clock)
        deposit = store.account(quiet.table, model.dealer_id(CME_ID), AccountType.DEPOSIT)
        expected = (0, DEPOSIT) if gone else (DEPOSIT, 0)
        assert (deposit.balance_kopecks, deposit.released_kopecks) == expected
        assert self.dealership.system.refunded(self._contract_id()) == (DEPOSIT if gone else 0)
        assert self._status() == (DealerStatus.LEFT if gone else DealerStatus.ACTIVE)
        assert not self.waits()
        assert not self.desk.world.bugs

    def _is_over(self) -> bool:
        """The bank pays what it was asked to pay since."""
        system = self.dealership.system
        for refund in system.all(records.Refund):
            if refund.state == "PENDING":
                system.settle_refund(refund.refund_id, self.settle)
        return not self.waits()

    def _status(self) -> str:
        quiet = Dealership(self.desk.dynamo, self.desk.clock)
        return quiet.dealers.dealer(CME_ID).status

    def _contract_id(self) -> str:
        (found,) = [each for each in self.dealership.system.all(records.Contract) if each.service == "DEPOSIT"]
        return found.contract_id


def _bill(paid: int = 0, *, invoice: bool = True) -> tuple[Desk, Bill]:
    """Of a deal whose commission is 25,000.00, beside another dealer."""
    desk = Desk()
    for cme_dealer_id in (CME_ID, OTHER):
        desk.dealership.active(cme_dealer_id)
    bill = desk.dealership.billed(invoice=invoice)
    if paid:
        desk.dealership.pay(paid, bill)
    return desk, bill


def correction(change: Change, *, paid: int = 0, later: int = 0, invoice: bool = True, **ends: int) -> Scenario:
    """paid: before; later: by the payment that comes besides. ends: `owed`, `paid_then`, `balance`, of the first
    dealer, and `other`, owed by the other one."""
    desk, bill = _bill(paid, invoice=invoice)
    message = desk.dealership.message(later, bill=bill) if later else None
    expected = {CME_ID: (ends["owed"], ends["paid_then"], ends["balance"]), OTHER: (ends.get("other", 0), 0, 0)}

    def build(faults: Faults) -> Scene:
        life = Corrected(*faulty(faults, desk), message=message, change=change, ends=expected)
        return Scene(life.act, life.check, life.recover, life.settled)

    return build


def settlement(*, paid: int, later: int, **ends: int) -> Scenario:
    """A car of 900,000.00 that was billed with two zeros too many. paid, later: as of `correction`."""
    desk = Desk()
    desk.dealership.active()
    desk.dealership.buying(DEPOSIT).billed()
    made = desk.dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal-1", 100 * SPENT).made
    desk.dealership.invoicing.create_invoice(made.bill_id)
    bill = desk.dealership.bills.bill(made.bill_id)
    desk.dealership.pay(paid, bill)
    message = desk.dealership.message(later, bill=bill)
    expected = {CME_ID: (SPENT, ends["paid_then"], ends["balance"])}

    def build(faults: Faults) -> Scene:
        life = Corrected(
            *faulty(faults, desk),
            message=message,
            change=Change(settlement_kopecks=SPENT),
            ends=expected,
            type_=AccountType.SETTLEMENT,
        )
        return Scene(life.act, life.check, life.recover, life.settled)

    return build


def release(settle: str) -> Scenario:
    desk = Desk()
    desk.dealership.active()
    desk.dealership.buying(DEPOSIT)

    def build(faults: Faults) -> Scene:
        life = Released(*faulty(faults, desk), settle=settle)
        return Scene(life.act, life.check, life.recover, life.settled)

    return build


WRONG_SETTLEMENT = "a settlement of a wrong sum, paid in part and besides"
LIVES: dict[str, Callable[[], Scenario]] = {
    "a lower price, a part is paid": lambda: correction(
        Change(price_kopecks=LOWER), paid=21_000_00, owed=20_000_00, paid_then=20_000_00, balance=1_000_00
    ),
    "a lower price, all is paid": lambda: correction(
        Change(price_kopecks=LOWER), paid=25_000_00, owed=20_000_00, paid_then=20_000_00, balance=5_000_00
    ),
    "a higher price, all is paid": lambda: correction(
        Change(price_kopecks=HIGHER), paid=25_000_00, owed=30_000_00, paid_then=25_000_00, balance=0
    ),
    "another winner, the rest is paid besides": lambda: correction(
        Change(cme_dealer_id=OTHER),
        paid=10_000_00,
        later=15_000_00,
        owed=0,
        paid_then=0,
        balance=25_000_00,
        other=25_000_00,
    ),
    "cancelled before its invoice": lambda: correction(
        Change(cancelled=True), invoice=False, owed=0, paid_then=0, balance=0
    ),
    WRONG_SETTLEMENT: lambda: settlement(paid=300_000_00, later=700_000_00, paid_then=SPENT, balance=100_000_00),
    "a deposit paid back": lambda: release("DONE"),
    "a deposit whose refund is refused": lambda: release("REFUSED"),
}


@cache
def life(name: str) -> Scenario:
    return LIVES[name]()


@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_money_and_notes_are_there_once(name: str) -> None:
    report = crash_matrix(life(name), DEALT, points=points(name, everyday=32))
    assert not report.violations, report
    assert len(report.calls) > 10


@SIMULATED_ONLY
@pytest.mark.parametrize("name", LIVES)
def test_two_things_that_go_wrong_lose_no_money_and_no_note(name: str) -> None:
    """At every third call of each kind: all pairs of one life would take an hour."""
    report = crash_matrix(life(name), DAILY, pairs=True, points=partial(every_nth, 3, name))
    assert not report.violations, report


@PROVED
def test_two_things_that_go_wrong_while_a_settlement_is_corrected() -> None:
    """At every sixth call of each kind: some 20 s."""
    name = WRONG_SETTLEMENT
    report = crash_matrix(life(name), DAILY, pairs=True, points=partial(every_nth, 6, name))
    assert not report.violations, report
    assert report.runs > 500


def test_a_deposit_that_is_paid_back_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: a refund under another id each time it is asked for, of a contract that has more on it."""
    numbers = iter(range(1_000_000))
    monkeypatch.setattr(model.Release, "external_id", property(lambda _: f"release-{next(numbers)}"))
    monkeypatch.setattr("sandbox.billing.system.BillingSystem.paid", lambda *_: 10 * DEPOSIT)
    report = crash_matrix(life("a deposit paid back"), (AnswerLost(),), violations_max=1)
    assert any("paid back twice" in violation.problem for violation in report.violations), report
