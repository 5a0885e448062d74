"""A payment over many bills whose process is killed, again and again: its message comes again, or the clock goes on
with it, and in the end each bill has what it would have got, once."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from common.gateways.billing import PaymentMessage
from functions.billing.model import BillStatus, PaymentStatus
from functions.billing.service import payments as service
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.dying import Died, Dying
from tests.depth import deep
from tests.desk import TABLE
from tests.harness.memory import InMemoryDynamoDB

BILLS, KILLED = deep(everyday=350, full=1_000), deep(everyday=7, full=20)  # of one payment, and how often it dies
SEED = 13
OVER = 33_00  # for the balance


@cache
def paying(bills: int) -> tuple[Dealership, PaymentMessage]:
    """So many bills of all sorts of sums are open, and a payment comes that pays all of them, and is more than that."""
    dealership, random = Dealership(InMemoryDynamoDB(TABLE)), Random(SEED)
    dealership.active()
    owed = [dealership.billed(random.randint(1, 100_000)).left_kopecks for _ in range(bills)]
    return dealership, dealership.message(sum(owed) + OVER)


def begun(bills: int) -> tuple[Dealership, PaymentMessage]:
    """The same, anew."""
    beginning, message = paying(bills)
    dealership = Dealership(beginning.dynamo.copy())
    dealership.clock.at = beginning.clock.at
    return dealership, message


def killed(dealership: Dealership, message: PaymentMessage, at: int, *, after: bool, by_clock: bool = False) -> bool:
    """Whether its process came to that write, and was killed there."""
    dealership.client = Dying(dealership.dynamo, at, after=after)
    try:
        if by_clock:
            dealership.rounds.round(lambda: True)
        else:
            dealership.payments.take(message)
    except Died:
        return True
    finally:
        dealership.client = None
    return False


def all_is_paid(dealership: Dealership, message: PaymentMessage, bills: int) -> None:
    dealership.check()
    assert dealership.payments.take(message) is PaymentStatus.SPREAD
    found = dealership.bills.of_dealer(CME_ID, limit=bills + 1, after=None).items
    assert [bill.status for bill in found] == [BillStatus.PAID] * bills
    assert dealership.account().balance_kopecks == OVER
    assert dealership.account().received_kopecks == message.payment.amount_kopecks
    assert not [item for item in dealership.dynamo.items() if "open_work" in item and item["SK"]["S"] == "PAYMENT"]


@pytest.mark.parametrize("a_write", [1, 3, service.BILLS_A_WRITE])
def test_over_ten_bills_it_may_be_killed_at_each_write(a_write: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it and after it; however many bills a write is for."""
    monkeypatch.setattr(service, "BILLS_A_WRITE", a_write)
    writes = 0
    for after in (False, True):
        at = 1
        while True:
            dealership, message = begun(10)
            if not killed(dealership, message, at, after=after):
                break
            dealership.check()
            all_is_paid(dealership, message, 10)
            at, writes = at + 1, writes + 1
    assert writes >= 2 * 10 // a_write


def test_over_very_many_bills_it_may_be_killed_at_any_write() -> None:
    """By turns at what the message and the clock bring, each time at another of the next ten writes."""
    random = Random(SEED)
    dealership, message = begun(BILLS)
    for number in range(KILLED):
        after, by_clock = random.random() < 0.5, bool(number % 2)
        assert killed(dealership, message, random.randint(1, 8), after=after, by_clock=by_clock)
        held = dealership.receipt(message)
        if number % 5 == 0 and held is not None:
            dealership.check()
    dealership.payments.take(message)
    all_is_paid(dealership, message, BILLS)
