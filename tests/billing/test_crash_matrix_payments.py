"""Payments of dealers: every call of every message and of every round of the clock × what can go wrong at it. The
message comes again until it was taken, as a queue and Kafka bring it. After each the books of all accounts balance; in
the end nothing is lost, and nothing is there twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from common.domain import timeline
from common.errors import Unavailable
from common.table.transaction import Patience
from functions.billing.model import BillStatus, PaymentStatus
from tests.billing.dealership import Dealership
from tests.depth import FULL, SIMULATED, points
from tests.desk import TABLE
from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, CrashBefore, FailBefore, Fault, Faults
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.points import Points, every_nth

PAIRED: tuple[Fault, ...] = (FailBefore(), AnswerLost(), CrashBefore(), CrashAfter())
Bodies = list[bytes]


class FaultyDealership(Dealership):
    """Its table is asked through faults."""

    def __init__(self, beginning: Dealership, faults: Faults) -> None:
        super().__init__(beginning.dynamo.copy())
        self.clock.at = beginning.clock.at
        self.client = faults.client(self.dynamo)

    @property
    def patience(self) -> Patience:
        return Patience(0.2, monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)


def life(
    begin: Callable[[Dealership], Bodies],
    *,
    meanwhile: Callable[[Dealership], object] = lambda _: None,
    parked: int = 0,
    received: int,
) -> Callable[[Faults], Scene]:
    """Messages come, each until it is taken; meanwhile something happens; the clock goes round until all is quiet.
    parked: so many wait for a person then. received: kopecks on the account and its bills."""
    beginning = Dealership(InMemoryDynamoDB(TABLE))
    beginning.active()
    bodies = begin(beginning)

    def build(faults: Faults) -> Scene:
        dealership = FaultyDealership(beginning, faults)
        hidden = replace_system(dealership, beginning)

        def act() -> list[str]:
            told = [insist(dealership, partial(dealership.payments.receive, body, few())) for body in bodies]
            meanwhile(hidden)
            for _ in range(3):
                dealership.rounds.round(lambda: True)
                dealership.clock.forward(minutes=16)
            return [str(status) for status in told]

        def settled() -> None:
            faults.heal()
            for _ in range(3):
                dealership.rounds.round(lambda: True)
                dealership.clock.forward(minutes=16)
            dealership.check()
            items = dealership.dynamo.items()
            waiting = [i for i in items if i["entity_type"]["S"] == "payment" and "open_work" in i]
            assert len(waiting) == parked
            assert all("person" in item["open_work"]["S"] for item in waiting)
            account = dealership.account()
            assert account.received_kopecks == received
            assert account.open_work is None, "what has come is what was told"

        return Scene(act, dealership.check, None, settled)

    return build


def replace_system(dealership: FaultyDealership, beginning: Dealership) -> Dealership:
    """The same table asked without faults, with the billing system that the beginning had."""
    dealership.system = beginning.system
    quiet = Dealership(dealership.dynamo, dealership.clock)
    quiet.system = beginning.system
    return quiet


def few() -> Callable[[], bool]:
    """Time for one write more."""
    left = iter((True, False))
    return lambda: next(left, False)


def insist(dealership: Dealership, ask: Callable[[], PaymentStatus]) -> PaymentStatus:
    for _ in range(30):
        try:
            return ask()
        except Unavailable:
            dealership.clock.forward(minutes=3)
    raise AssertionError("never taken")


def written(dealership: Dealership) -> Bodies:
    return [message.value.encode() for message in dealership.system.outbox.messages()]


def one_bill(dealership: Dealership) -> Bodies:
    dealership.message(100_00, bill=dealership.billed(100_00))
    return written(dealership)


def many_bills(dealership: Dealership) -> Bodies:
    bills = [dealership.billed(10_00) for _ in range(32)]
    dealership.message(325_00, bill=bills[5])
    return written(dealership)


def two_of_one_bill(dealership: Dealership) -> Bodies:
    bill = dealership.billed(100_00)
    for kopecks in (70_00, 80_00):
        dealership.message(kopecks, bill=bill)
    first, second = written(dealership)
    return [second, first, second]


def strange(dealership: Dealership) -> Bodies:
    """One is poison, one names an invoice of nobody."""
    message = dealership.message(100_00)
    (body,) = written(dealership)
    return [body.replace(b'"invoice_id": null', b'"invoice_id": "nobodys"'), b"no JSON", message.event_id.encode()]


def early(dealership: Dealership) -> Bodies:
    bill = dealership.billed(100_00, invoice=False)
    contract_id = dealership.account().contract_id or ""
    about = f"Комиссия по сделке {bill.deal_id}"
    invoice = dealership.billing.create_invoice(bill.bill_id, contract_id, bill.common_kopecks, about, bill.due_on)
    dealership.message(100_00, bill=replace(bill, invoice_id=invoice.invoice_id))
    return written(dealership)


def told_anew(dealership: Dealership) -> Bodies:
    """Wrongly at first, of nobody and of another sum; then rightly, and once more."""
    dealership.message(100_00, bill=dealership.billed(100_00))
    (right,) = written(dealership)
    told = json.loads(right)
    wrong = told | {"contract_id": "contract-of-nobody", "amount": "1.00", "paid_total": "1.00"}
    return [json.dumps(wrong).encode(), right, right]


def told_anew_of_ours(dealership: Dealership) -> Bodies:
    """At first for an invoice of nobody, so that it is aside of its account; then with more, and rightly."""
    dealership.message(100_00)
    (right,) = written(dealership)
    wrong = json.loads(right) | {"invoice_id": "invoice-of-nobody", "amount": "70.00", "paid_total": "70.00"}
    return [json.dumps(wrong).encode(), right]


def invoiced(dealership: Dealership) -> None:
    for item in dealership.dynamo.items():
        if item["entity_type"]["S"] == "bill" and item["status"]["S"] == BillStatus.NEW:
            dealership.invoicing.create_invoice(item["PK"]["S"])


LIVES: dict[str, Callable[[], Callable[[Faults], Scene]]] = {
    "one bill": lambda: life(one_bill, received=100_00),
    "many bills": lambda: life(many_bills, received=325_00),
    "two of one bill, reordered, one twice": lambda: life(two_of_one_bill, received=150_00),
    "poison, and of nobody": lambda: life(strange, parked=3, received=0),
    "told anew": lambda: life(told_anew, received=100_00),
    "told anew of the same account": lambda: life(told_anew_of_ours, received=100_00),
    "before its invoice": lambda: life(early, meanwhile=invoiced, received=100_00),
}


def same(undisturbed: list[str], retried: list[str]) -> bool:
    """One that was taken and not spread yet may be spread by now."""
    taken = {PaymentStatus.EARLY, PaymentStatus.TAKEN, PaymentStatus.SPREAD}
    return all(one == other or {one, other} <= taken for one, other in zip(undisturbed, retried, strict=True))


def same_at_last(undisturbed: list[str], retried: list[str]) -> bool:
    """What is told wrongly once more is no news any more, where it was told rightly since."""
    return same(undisturbed[-1:], retried[-1:])


@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_no_payment_is_lost_or_doubled(name: str) -> None:
    alike = same_at_last if name.startswith("told anew") else same
    report = crash_matrix(LIVES[name](), FAULTS, same=alike, points=points(name, everyday=32, proved=2))
    assert not report.violations, report
    assert len(report.calls) > 3


def some_of(name: str) -> Callable[[], Points]:
    """`make prove` plays the pairs of every sixth call of the first life and of every 24th of the others; `make
    simulate` all of the first and those of every sixth: all take hours."""
    return (
        points(name, everyday=144, proved=8) if name == "one bill" else partial(every_nth, 6 if SIMULATED else 24, name)
    )


@pytest.mark.parametrize("name", list(LIVES) if FULL else ["one bill"])
def test_a_payment_survives_two_things_that_go_wrong(name: str) -> None:
    alike = same_at_last if name.startswith("told anew") else same
    report = crash_matrix(LIVES[name](), PAIRED, pairs=True, same=alike, points=some_of(name))
    assert not report.violations, report


def overdue() -> Callable[[Faults], Scene]:
    """A bill is not paid in time: a person is told of it, once; then it is paid."""
    beginning = Dealership(InMemoryDynamoDB(TABLE))
    beginning.active()
    bill = beginning.billed(100_00)
    beginning.message(100_00, bill=bill)
    (body,) = written(beginning)

    def build(faults: Faults) -> Scene:
        dealership = FaultyDealership(beginning, faults)
        quiet = replace_system(dealership, beginning)

        def told() -> int:
            return sum("overdue" in (event.reason or "") for event in timeline.of(quiet.table, bill.bill_id))

        def act() -> str:
            dealership.clock.forward(minutes=12 * 24 * 60)
            for _ in range(3):
                dealership.rounds.round(lambda: True)
                dealership.clock.forward(minutes=1)
            assert told() <= 1, "a person is told of it twice"
            return str(insist(dealership, partial(dealership.payments.receive, body, few())))

        def settled() -> None:
            faults.heal()
            dealership.rounds.round(lambda: True)
            dealership.check()
            assert told() == 1
            assert quiet.bills.bill(bill.bill_id).status is BillStatus.PAID

        return Scene(act, dealership.check, None, settled)

    return build


def test_whatever_fails_once_a_person_is_told_once_of_what_is_overdue() -> None:
    report = crash_matrix(overdue(), FAULTS, same=lambda *_: True, points=points("overdue", everyday=32))
    assert not report.violations, report
    assert len(report.calls) > 3
