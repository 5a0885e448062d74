"""What is spare on an account, paid back: every call of every round of the clock × all that can go wrong at it. After
each the books balance; in the end the billing system has paid it once, or nothing, and that is what is booked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import pytest

from common.domain.dealer_refunds import Refund, Status
from common.gateways.billing import PaymentMessage
from functions.billing import refund_store
from sandbox.billing import records
from tests.billing.dealership import Dealership
from tests.billing.faulty import DAILY, DEALT, Life, faulty
from tests.billing.test_refunds import BECAUSE, SPARE, proposed
from tests.depth import FULL, PROVED, SIMULATED, deep, points
from tests.desk import Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, Fault, Faults
from tests.harness.points import every_nth

BACK, PAYS = 100_00, 50_00
# Every day the pairs of what may have been done and was not heard of; all pairs of all calls take hours.
PAIRED: tuple[Fault, ...] = DAILY if FULL else (AnswerLost(), CrashAfter())
OF_PAIRS = 12 if SIMULATED else deep(everyday=96, full=48)
Scenario = Callable[[Faults], Scene]


@dataclass
class PaidBack(Life):
    """Two operators have agreed on it; the clock comes every five minutes. settle: what becomes of it at the bank.
    pays: a payment that comes for the account besides: the same one, however often."""

    settle: str = "DONE"
    proposal: str = ""
    pays: PaymentMessage | None = None

    def act(self) -> str:
        self.once("confirm", lambda: self.desk.proposals.confirm(self.proposal, BECAUSE, "otto", dry_run=False))
        if (pays := self.pays) is not None:
            self.once("pay", lambda: self.dealership.payments.take(pays))
        self.live(self._is_over)
        return self._status()

    def check(self) -> None:
        self.dealership.check()
        assert self.dealership.system.refunded(self._contract_id()) <= BACK, "it is paid back twice"

    def settled(self) -> None:
        gone, came = BACK if self.settle == "DONE" else 0, 0 if self.pays is None else PAYS
        account = self._quiet().account()
        assert (account.balance_kopecks, account.released_kopecks) == (SPARE + came - gone, gone)
        assert self.dealership.system.refunded(self._contract_id()) == gone
        assert (self._status(), account.refund_id) == (Status.DONE if gone else Status.REFUSED, None)

    def _is_over(self) -> bool:
        """The bank pays what it was asked to pay since; the clock comes."""
        system = self.dealership.system
        self.desk.process()
        self.dealership.refunding.round(lambda: True)
        for refund in system.all(records.Refund):
            if refund.state == "PENDING":
                system.settle_refund(refund.refund_id, self.settle)
        return self._status() in (Status.DONE, Status.REFUSED)

    def _quiet(self) -> Dealership:
        return Dealership(self.desk.dynamo, self.desk.clock)

    def _status(self) -> str:
        table = self._quiet().table
        ids = [item["PK"]["S"] for item in self.desk.dynamo.items() if item["entity_type"]["S"] == "refund"]
        return refund_store.refund(table, ids[0]).status if ids else "not agreed on"

    def _contract_id(self) -> str:
        return self._quiet().account().contract_id or ""


def paid_back(settle: str, *, pays: bool = False) -> Scenario:
    desk = Desk()
    desk.dealership.active()
    desk.dealership.pay(SPARE)
    desk.clock.forward(minutes=16)
    desk.dealership.rounds.round(lambda: True)
    proposal = proposed(desk, "100.00")
    message = desk.dealership.message(PAYS) if pays else None

    def build(faults: Faults) -> Scene:
        life = PaidBack(*faulty(faults, desk), settle=settle, proposal=proposal, pays=message)
        return Scene(life.act, life.check, life.recover, life.settled)

    return build


LIVES: dict[str, Callable[[], Scenario]] = {
    "paid back": lambda: paid_back("DONE"),
    "paid back, and a payment comes": lambda: paid_back("DONE", pays=True),
    "refused by the bank": lambda: paid_back("REFUSED"),
}


@cache
def life(name: str) -> Scenario:
    return LIVES[name]()


@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_it_is_paid_back_once_or_not_at_all(name: str) -> None:
    report = crash_matrix(life(name), DEALT, points=points(name, everyday=72, proved=4))
    assert not report.violations, report
    assert len(report.calls) > 10


@PROVED
def test_two_things_that_go_wrong_pay_nothing_back_twice() -> None:
    report = crash_matrix(life("paid back"), PAIRED, pairs=True, points=partial(every_nth, OF_PAIRS, "paid back"))
    assert not report.violations, report


def test_one_that_is_paid_back_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: another id each time it is asked for."""
    numbers = iter(range(1_000_000))
    monkeypatch.setattr(Refund, "external_id", property(lambda _: f"refund-{next(numbers)}"))
    report = crash_matrix(life("paid back"), (AnswerLost(),), violations_max=1)
    assert report.violations, report
