"""Several at once on the accounts of dealers: money that comes, bills that are taken back, deals that change hands,
deposits that are paid back. Under every schedule the end is the one that is told here; nothing is lost, nothing is
there twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from common.errors import Refusal
from common.table.transaction import Patience
from functions.billing import model, store
from functions.billing.model import (
    AccountType,
    Bill,
    BillStatus,
    BuyoutOpen,
    DealerStatus,
    DealNotFound,
    Operation,
    PaymentStatus,
)
from functions.billing.service.corrections import Change
from sandbox.billing import records
from tests.billing.dealership import CME_ID, PRICE, Dealership
from tests.depth import SIMULATED, deep
from tests.desk import TABLE
from tests.harness.interleave import Interleaver, Outcome, every_schedule
from tests.harness.memory import InMemoryDynamoDB

OTHER = "cme-8"
LOWER, HIGHER = 800_000_00, 1_200_000_00  # prices whose commission is 20,000.00 and 30,000.00
CAR = 900_000_00
# How often one makes way for another that could go on: once already lets any write come before any read of another.
PREEMPTIONS = 3 if SIMULATED else deep(1, full=2)

Writer = Callable[[Dealership], object]


@dataclass(frozen=True)
class Race:
    """begin: prepares, and returns those that run at once. ended: what is so in the end."""

    begin: Callable[[Dealership], Sequence[Writer]]
    ended: Callable[[Dealership, Sequence[Outcome]], None]


class Shared(Dealership):
    """Each call to its table is a step that others may come before."""

    def __init__(self, beginning: Dealership, interleaver: Interleaver) -> None:
        super().__init__(interleaver.watch(beginning.dynamo.copy()))
        self.clock.at = beginning.clock.at
        self.system = beginning.system.copy(self.clock)
        self.interleaver = interleaver

    @property
    def patience(self) -> Patience:
        return Patience(monotonic=self.interleaver.monotonic, sleep=self.interleaver.sleep, jitter=lambda: 0.5)


def taking(dealership: Dealership, kopecks: int, bill: Bill | None = None, contract_id: str | None = None) -> Writer:
    message = dealership.message(kopecks, bill=bill, contract_id=contract_id)
    return lambda shared: shared.payments.take(message)


def changing(key: str = "change", price_kopecks: int | None = None, winner: str | None = None) -> Writer:
    """Of the first deal; cancelled, where nothing is told."""
    change = Change(price_kopecks, winner, cancelled=price_kopecks is None and winner is None)
    return lambda shared: shared.corrections.change("deal-1", key, change)


def account(dealership: Dealership, type_: AccountType, cme_dealer_id: str = CME_ID) -> model.Account:
    return store.account(dealership.table, model.dealer_id(cme_dealer_id), type_)


def bills(dealership: Dealership, cme_dealer_id: str = CME_ID) -> list[Bill]:
    return dealership.bills.of_dealer(cme_dealer_id, limit=100, after=None).items


def stands(dealership: Dealership, *, owed: int, paid: int, balance: int, cme_dealer_id: str = CME_ID) -> None:
    """Of a dealer's commissions: what is owed together, what of it is paid, and what is on the account besides."""
    found = [bill for bill in bills(dealership, cme_dealer_id) if bill.type is AccountType.COMMISSION]
    together = sum(bill.in_force_kopecks for bill in found), sum(bill.paid_kopecks for bill in found)
    assert together == (owed, paid)
    assert account(dealership, AccountType.COMMISSION, cme_dealer_id).balance_kopecks == balance


def ends(*, owed: int, paid: int, balance: int) -> Callable[[Dealership, Sequence[Outcome]], None]:
    """All were answered."""

    def ended(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            outcome.result()
        stands(dealership, owed=owed, paid=paid, balance=balance)

    return ended


def _cancelled_while_paid(dealership: Dealership) -> Sequence[Writer]:
    return [taking(dealership, 10_000_00, dealership.billed()), changing()]


def _cancelled_beside_another(dealership: Dealership) -> Sequence[Writer]:
    bill, _ = dealership.billed(), dealership.billed(4_000_00)
    return [taking(dealership, 10_000_00, bill), changing()]


def _price(price_kopecks: int, kopecks: int) -> Callable[[Dealership], Sequence[Writer]]:
    def begin(dealership: Dealership) -> Sequence[Writer]:
        return [taking(dealership, kopecks, dealership.billed()), changing(price_kopecks=price_kopecks)]

    return begin


def _two_payments(dealership: Dealership) -> Sequence[Writer]:
    bill, _ = dealership.billed(), dealership.billed(10_000_00)
    return [taking(dealership, 20_000_00, bill), taking(dealership, 20_000_00, bill)]


def _by_both_doors(dealership: Dealership) -> Sequence[Writer]:
    return [taking(dealership, 26_000_00, dealership.billed())] * 2


def _winner_after_part_payment(dealership: Dealership) -> Sequence[Writer]:
    dealership.active(OTHER)
    bill = dealership.billed()
    dealership.pay(10_000_00, bill)
    return [taking(dealership, 15_000_00, bill), changing(winner=OTHER)]


def _first_has_all_back(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    ends(owed=0, paid=0, balance=25_000_00)(dealership, outcomes)
    stands(dealership, owed=25_000_00, paid=0, balance=0, cme_dealer_id=OTHER)


def _invoiced_meanwhile(dealership: Dealership) -> Sequence[Writer]:
    dealership.pay(5_000_00)
    bill = dealership.billed(invoice=False)
    return [taking(dealership, 10_000_00), lambda shared: shared.invoicing.create_invoice(bill.bill_id)]


def _credited_meanwhile(dealership: Dealership) -> Sequence[Writer]:
    bill, _ = dealership.billed(), dealership.billed(10_000_00)
    dealership.pay(12_000_00, bill)
    changing()(dealership)
    return [taking(dealership, 3_000_00), lambda shared: shared.invoicing.create_credit_note(bill.bill_id)]


def _two_payments_and_a_credit_note(dealership: Dealership) -> Sequence[Writer]:
    bill = dealership.billed()
    return [taking(dealership, 20_000_00, bill), taking(dealership, 20_000_00, bill), changing()]


def _two_changes(dealership: Dealership) -> Sequence[Writer]:
    dealership.active(OTHER)
    dealership.pay(25_000_00, dealership.billed())
    return [changing("winner", winner=OTHER), changing("price", price_kopecks=LOWER)]


def _both_changed(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    ends(owed=0, paid=0, balance=25_000_00)(dealership, outcomes)
    stands(dealership, owed=20_000_00, paid=0, balance=0, cme_dealer_id=OTHER)


def _released(dealership: Dealership) -> object:
    return dealership.fast_buyouts.release(CME_ID)


def _settled(dealership: Dealership) -> object:
    return dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal-1", CAR)


def _car_while_released(dealership: Dealership) -> Sequence[Writer]:
    dealership.buying().billed()
    return [_released, _settled]


def _both_are_so(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    """The car was his before he asked for his deposit: it is billed, and the deposit stays until it is paid."""
    released, settled = outcomes
    assert settled.result().made.common_kopecks == CAR
    assert not dealership.system.all(records.Refund)
    if released.error is None:
        assert dealership.dealers.dealer(CME_ID).status is DealerStatus.LEAVING
    else:
        assert isinstance(released.error, BuyoutOpen)
        assert account(dealership, AccountType.DEPOSIT).balance_kopecks == 150_000_00


def _car_paid_while_released(dealership: Dealership) -> Sequence[Writer]:
    dealership.buying().billed()
    _settled(dealership)
    dealership.run()
    (bill,) = [bill for bill in bills(dealership) if bill.type is AccountType.SETTLEMENT]
    return [_released, taking(dealership, CAR, bill)]


def _car_is_paid(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    released, paid = outcomes
    assert paid.result() is PaymentStatus.SPREAD
    (bill,) = [bill for bill in bills(dealership) if bill.type is AccountType.SETTLEMENT]
    assert (bill.status, bill.paid_kopecks) == (BillStatus.PAID, CAR)
    assert released.error is None or isinstance(released.error, BuyoutOpen)
    assert account(dealership, AccountType.DEPOSIT).released_kopecks == (0 if released.error else 150_000_00)


def _deposit_while_released(dealership: Dealership) -> Sequence[Writer]:
    dealership.buying()
    contract_id = account(dealership, AccountType.DEPOSIT).contract_id
    return [_released, taking(dealership, 50_000_00, contract_id=contract_id)]


def _all_is_there_or_gone(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        outcome.result()
    found = account(dealership, AccountType.DEPOSIT)
    assert (found.balance_kopecks, found.released_kopecks) in ((0, 200_000_00), (50_000_00, 150_000_00))


def _car_of_one_who_has_lost_it(dealership: Dealership) -> Sequence[Writer]:
    dealership.active(OTHER)
    dealership.buying().billed()
    return [_settled, changing(winner=OTHER)]


def _no_car_of_his(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    settled, changed = outcomes
    changed.result()
    assert settled.error is None or isinstance(settled.error, DealNotFound)
    assert all(bill.status is BillStatus.CANCELLED for bill in bills(dealership))


def _corrected(dealership: Dealership) -> object:
    return dealership.corrections.change("deal-1", "typo", Change(settlement_kopecks=CAR))


def _wrong_settlement(dealership: Dealership, kopecks: int) -> Bill:
    dealership.buying().billed()
    made = dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal-1", kopecks).made
    dealership.run()
    return dealership.bills.bill(made.bill_id)


def _settlement_corrected_while_paid(dealership: Dealership) -> Sequence[Writer]:
    return [_corrected, taking(dealership, CAR, _wrong_settlement(dealership, 100 * CAR))]


def _right_settlement_is_paid(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        outcome.result()
    right, wrong = (bill for bill in bills(dealership) if bill.type is AccountType.SETTLEMENT)
    assert (right.common_kopecks, right.status, wrong.status) == (CAR, BillStatus.PAID, BillStatus.CANCELLED)
    assert account(dealership, AccountType.SETTLEMENT).balance_kopecks == 0


def _settlement_raised_while_released(dealership: Dealership) -> Sequence[Writer]:
    dealership.pay(1_00, _wrong_settlement(dealership, 1_00))
    return [_released, _corrected]


def _rest_is_owed(dealership: Dealership, outcomes: Sequence[Outcome]) -> None:
    """Whether he was there first or the correction: what the car cost is billed, and his deposit is not paid out."""
    released, corrected = outcomes
    corrected.result()
    assert released.error is None or isinstance(released.error, BuyoutOpen)
    settlements = [bill for bill in bills(dealership) if bill.type is AccountType.SETTLEMENT]
    assert sum(bill.in_force_kopecks for bill in settlements) == CAR
    assert not dealership.system.all(records.Refund), "his deposit waits until the rest is paid"


RACES = {
    "a settlement is corrected while it is paid": Race(_settlement_corrected_while_paid, _right_settlement_is_paid),
    "a settlement is raised while the deposit is released": Race(_settlement_raised_while_released, _rest_is_owed),
    "cancelled while it is paid": Race(_cancelled_while_paid, ends(owed=0, paid=0, balance=10_000_00)),
    "cancelled while it is paid, beside another": Race(
        _cancelled_beside_another, ends(owed=4_000_00, paid=4_000_00, balance=6_000_00)
    ),
    "lowered while a part is paid": Race(
        _price(LOWER, 21_000_00), ends(owed=20_000_00, paid=20_000_00, balance=1_000_00)
    ),
    "lowered while it is paid": Race(_price(LOWER, 25_000_00), ends(owed=20_000_00, paid=20_000_00, balance=5_000_00)),
    "raised while it is paid": Race(_price(HIGHER, 25_000_00), ends(owed=30_000_00, paid=25_000_00, balance=0)),
    "two payments of one bill": Race(_two_payments, ends(owed=35_000_00, paid=35_000_00, balance=5_000_00)),
    "one payment by both doors": Race(_by_both_doors, ends(owed=25_000_00, paid=25_000_00, balance=1_000_00)),
    "another winner while the rest is paid": Race(_winner_after_part_payment, _first_has_all_back),
    "invoiced while money comes": Race(_invoiced_meanwhile, ends(owed=25_000_00, paid=15_000_00, balance=0)),
    "credited while money comes": Race(_credited_meanwhile, ends(owed=10_000_00, paid=10_000_00, balance=5_000_00)),
    "two payments and a credit note": Race(_two_payments_and_a_credit_note, ends(owed=0, paid=0, balance=40_000_00)),
    "another price and another winner": Race(_two_changes, _both_changed),
    "a car while the deposit is released": Race(_car_while_released, _both_are_so),
    "a car is paid while the deposit is released": Race(_car_paid_while_released, _car_is_paid),
    "more on a deposit that is released": Race(_deposit_while_released, _all_is_there_or_gone),
    "a car of one who has lost it": Race(_car_of_one_who_has_lost_it, _no_car_of_his),
}


def begun(race: Race) -> tuple[Dealership, Sequence[Writer]]:
    beginning = Dealership(InMemoryDynamoDB(TABLE))
    beginning.active()
    return beginning, race.begin(beginning)


@pytest.mark.parametrize("name", RACES)
def test_whatever_comes_first_no_kopeck_is_lost_or_doubled(name: str) -> None:
    assert PRICE == 1_000_000_00, "its commission is 25,000.00"
    race = RACES[name]
    beginning, writers = begun(race)

    def scenario(interleaver: Interleaver) -> None:
        shared = Shared(beginning, interleaver)
        outcomes = interleaver.run(*(partial(writer, shared) for writer in writers))
        for outcome in outcomes:
            assert outcome.error is None or isinstance(outcome.error, Refusal)
        shared.check()
        shared.run()
        shared.rounds.round(lambda: True)
        shared.check()
        assert not shared.world.bugs
        race.ended(shared, outcomes)

    preemptions = PREEMPTIONS + 2 - len(writers)  # three have very many schedules
    played = every_schedule(scenario, preemptions_max=preemptions, schedules_max=100_000)
    assert played > 5 * len(writers) * preemptions
