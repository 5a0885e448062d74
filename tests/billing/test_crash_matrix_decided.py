"""What two operators decide of a dealer's money: a deposit that is held, one that the bank never tells to be paid, and
a payment that the bank has taken back. Every call of each life × all that can go wrong at it. After each the books
balance; in the end the dealer has what was decided, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial

import pytest

from functions.billing import model, payment_store, store
from functions.billing.model import (
    AccountType,
    BillStatus,
    DealerStatus,
    PaymentRecalled,
    PaymentStatus,
    receipt_id,
    receipt_id_of,
)
from sandbox.billing import records
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.faulty import DAILY, DEALT, Life, faulty
from tests.billing.test_leaving import others
from tests.depth import PROVED, points
from tests.desk import Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import AnswerLost, Faults
from tests.harness.points import every_nth

DEALER_ID = model.dealer_id(CME_ID)
DEPOSIT, PAID, SPARE = 150_000_00, 300_00, 50_00
Scenario = Callable[[Faults], Scene]


@dataclass
class Decided(Life):
    """Two operators, who ask until they are answered."""

    proposed: dict[str, str] = field(default_factory=dict)  # by command, the proposal

    def decide(self, command: str, thing_id: str) -> None:
        def propose() -> None:
            said = self.desk.proposals.propose(command, thing_id, {}, "call 7", "called", "olga", dry_run=False)
            self.proposed[command] = said.id

        self.once(f"propose {command}", propose)
        confirm = self.desk.proposals.confirm
        self.once(f"confirm {command}", lambda: confirm(self.proposed[command], "so it is", "otto", dry_run=False))

    def quiet(self) -> Dealership:
        return Dealership(self.desk.dynamo, self.desk.clock)

    def account(self, type_: AccountType) -> model.Account:
        return store.account(self.quiet().table, DEALER_ID, type_)

    def refunded(self, type_: AccountType) -> int:
        return self.dealership.system.refunded(self.account(type_).contract_id or "")


@dataclass
class Leaves(Decided):
    """He asks for his deposit; two decide. settles: does the bank ever tell that it has paid?"""

    command: str = ""
    settles: bool = True

    def act(self) -> str:
        self.once("release", lambda: self.dealership.fast_buyouts.release(CME_ID))
        if self.command == "deposits paid":
            self.live(lambda: bool(self.dealership.system.all(records.Refund)))
            self.live(lambda: not self._waits_for_person())
        self.decide(self.command, DEALER_ID)
        self.live(self._is_over)
        return str(self._status())

    def check(self) -> None:
        self.dealership.check()
        assert self.refunded(AccountType.DEPOSIT) <= DEPOSIT, "it is paid back twice"

    def settled(self) -> None:
        gone = 0 if self.command == "deposits keep" else DEPOSIT
        account = self.account(AccountType.DEPOSIT)
        assert (account.balance_kopecks, account.released_kopecks) == (DEPOSIT - gone, gone)
        assert self.refunded(AccountType.DEPOSIT) == gone
        assert self._status() is (DealerStatus.LEFT if gone else DealerStatus.ACTIVE)
        assert not self.waits()

    def _is_over(self) -> bool:
        system = self.dealership.system
        for refund in system.all(records.Refund) if self.settles else ():
            if refund.state == "PENDING":
                system.settle_refund(refund.refund_id, "DONE")
        return self._status() in (DealerStatus.LEFT, DealerStatus.ACTIVE) and not self.waits()

    def _waits_for_person(self) -> bool:
        return store.dealer(self.quiet().table, DEALER_ID).needs_person

    def _status(self) -> DealerStatus:
        return store.dealer(self.quiet().table, DEALER_ID).status


@dataclass
class Recalled(Decided):
    """The bank has taken back what had paid his bill, and lay on his account; he asks for his deposit meanwhile."""

    body: bytes = b""
    payment: str = ""
    bill_id: str = ""

    def act(self) -> str:
        self.once("told", lambda: self.dealership.payments.receive(self.body, lambda: True))
        self.once("asks", self._asks)
        self.decide("payments recall", receipt_id(self.payment))
        self.live(lambda: self._status(receipt_id(self.payment)) is PaymentStatus.RECALLED)
        self.decide("payments dismiss", receipt_id_of(self.body))
        self.live(lambda: self._status(receipt_id_of(self.body)) is PaymentStatus.DISMISSED)
        return "over"

    def check(self) -> None:
        self.dealership.check()
        assert self.refunded(AccountType.DEPOSIT) == 0

    def settled(self) -> None:
        account, bill = self.account(AccountType.COMMISSION), store.bill(self.quiet().table, self.bill_id)
        assert (account.received_kopecks, account.balance_kopecks, account.recalls) == (0, 0, 0)
        assert (bill.status, bill.paid_kopecks) == (BillStatus.PENDING, 0)
        assert account.received_kopecks == self.dealership.system.paid(account.contract_id or "")

    def _asks(self) -> None:
        with suppress(PaymentRecalled):
            self.dealership.fast_buyouts.release(CME_ID)
            raise AssertionError("his deposit goes back while the bank takes his money back")

    def _status(self, thing_id: str) -> PaymentStatus:
        self.desk.process()
        self.dealership.rounds.round(lambda: True)
        return payment_store.receipt(self.quiet().table, thing_id).status


def leaves(command: str) -> Scenario:
    desk = Desk()
    buyer = desk.dealership
    buyer.active()
    buyer.buying(DEPOSIT)
    if command != "deposits paid":
        buyer.dealers.update_requisites(CME_ID, others())
        buyer.onboard(DEALER_ID)

    def build(faults: Faults) -> Scene:
        life = Leaves(*faulty(faults, desk), command=command, settles=command != "deposits paid")
        return Scene(life.act, life.check, life.recover, life.settled)

    return build


def recalled() -> Scenario:
    desk = Desk()
    buyer = desk.dealership
    buyer.active()
    buyer.buying(DEPOSIT)
    bill = buyer.billed(PAID)
    message = buyer.message(PAID + SPARE, bill=bill)
    buyer.payments.take(message)
    buyer.system.take_back(message.payment.payment_id)
    body = buyer.system.outbox.messages()[-1].value.encode()

    def build(faults: Faults) -> Scene:
        life = Recalled(*faulty(faults, desk), body=body, payment=message.payment.payment_id, bill_id=bill.bill_id)
        return Scene(life.act, life.check, life.recover, life.settled)

    return build


LIVES: dict[str, Callable[[], Scenario]] = {
    "a held deposit that goes": lambda: leaves("deposits let-go"),
    "a held deposit that stays": lambda: leaves("deposits keep"),
    "a deposit that two say is paid": lambda: leaves("deposits paid"),
    "a payment that was taken back": recalled,
}


@cache
def life(name: str) -> Scenario:
    return LIVES[name]()


@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_it_is_as_two_have_decided(name: str) -> None:
    report = crash_matrix(life(name), DEALT, points=points(name, everyday=144, proved=4))
    assert not report.violations, report
    assert len(report.calls) > 10


@PROVED
@pytest.mark.parametrize("name", LIVES)
def test_two_things_that_go_wrong_change_nothing_of_that(name: str) -> None:
    """The pairs of every 120th call: all take hours."""
    some = partial(every_nth, 120, name)
    report = crash_matrix(life(name), DAILY, pairs=True, points=some)
    assert not report.violations, report


def test_a_held_deposit_that_goes_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: another id each time it is asked for."""
    numbers = iter(range(1_000_000))
    monkeypatch.setattr(model.Release, "external_id", property(lambda _: f"release-{next(numbers)}"))
    report = crash_matrix(life("a held deposit that goes"), (AnswerLost(),), violations_max=1)
    assert report.violations, report
