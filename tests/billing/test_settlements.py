"""What was paid for a car was billed with a wrong sum: a credit note and a new bill, and the deal stays as it is."""

from __future__ import annotations

import pytest

from common.idempotency import IdempotencyKeyReused
from functions.billing import model, store
from functions.billing.model import (
    AccountType,
    Bill,
    BillDiffers,
    BillStatus,
    DealCancelled,
    NotSettled,
    Operation,
)
from functions.billing.service.corrections import IN_FORCE_MAX, Change, NothingChanged, TooManyBills
from sandbox.billing import records
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.test_corrections import Between

TYPED, SPENT = 90_000_000_00, 900_000_00  # two zeros too many, and what the car cost


def settled(dealership: Dealership, kopecks: int = TYPED) -> Bill:
    """A car of a million that he bought, and what the desk paid for it."""
    deal_id = dealership.billed().deal_id
    made = dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, kopecks).made
    dealership.run()
    return dealership.bills.bill(made.bill_id)


def corrected(dealership: Dealership, kopecks: int, deal_id: str = "deal-1", key: str = "typo") -> model.Deal:
    deal = dealership.corrections.change(deal_id, key, Change(settlement_kopecks=kopecks)).made
    dealership.run()
    return deal


def settlements(dealership: Dealership) -> list[Bill]:
    """Of the dealer: those that are not paid first, those that were taken back last."""
    found = dealership.bills.of_dealer(CME_ID, limit=100, after=None).items
    return [bill for bill in found if bill.type is AccountType.SETTLEMENT]


def balance(dealership: Dealership) -> int:
    return store.account(dealership.table, model.dealer_id(CME_ID), AccountType.SETTLEMENT).balance_kopecks


def notes(dealership: Dealership) -> list[tuple[int, str]]:
    return [(note.kopecks, note.reason) for note in dealership.system.all(records.CreditNote)]


def test_a_typo_of_two_zeros_is_taken_back_and_billed_anew(buyer: Dealership) -> None:
    typed = settled(buyer)
    commissions = buyer.bills.deal("deal-1").commission_ids
    deal = corrected(buyer, SPENT)
    new, old = settlements(buyer)
    assert (old.bill_id, old.status, old.credited_kopecks) == (typed.bill_id, BillStatus.CANCELLED, TYPED)
    assert (new.status, new.common_kopecks) == (BillStatus.PENDING, SPENT)
    assert (deal.settlement_ids, deal.settlement_kopecks) == ((new.bill_id,), SPENT)
    assert notes(buyer) == [(TYPED, "Исправление суммы возмещения по сделке deal-1")]
    assert buyer.bills.deal("deal-1").commission_ids == commissions, "its commission is what it was"
    buyer.pay(SPENT, new)
    assert not buyer.fast_buyouts.release(CME_ID).replayed


def test_what_was_paid_of_a_wrong_settlement_pays_the_right_one(buyer: Dealership) -> None:
    typed = settled(buyer)
    buyer.pay(1_000_000_00, typed)
    corrected(buyer, SPENT)
    new, old = settlements(buyer)
    assert (old.status, old.returned_kopecks, old.paid_kopecks) == (BillStatus.CANCELLED, 1_000_000_00, 0)
    assert (new.status, new.paid_kopecks, balance(buyer)) == (BillStatus.PAID, SPENT, 100_000_00)


def test_a_paid_settlement_that_was_too_much_gives_the_difference_back(buyer: Dealership) -> None:
    bill = settled(buyer, SPENT)
    buyer.pay(SPENT, bill)
    corrected(buyer, 850_000_00)
    (found,) = settlements(buyer)
    assert (found.status, found.paid_kopecks, found.credited_kopecks) == (BillStatus.PAID, 850_000_00, 50_000_00)
    assert (balance(buyer), [kopecks for kopecks, _ in notes(buyer)]) == (50_000_00, [50_000_00])


def test_a_paid_settlement_that_was_too_little_is_a_bill_of_the_rest(buyer: Dealership) -> None:
    buyer.pay(9_000_00, settled(buyer, 9_000_00))
    deal = corrected(buyer, SPENT)
    new, old = settlements(buyer)
    assert (new.common_kopecks, new.status, old.status) == (891_000_00, BillStatus.PENDING, BillStatus.PAID)
    assert deal.settlement_ids == (old.bill_id, new.bill_id)
    assert notes(buyer) == []


def test_a_settlement_is_corrected_once_for_each_key(buyer: Dealership) -> None:
    settled(buyer)
    corrected(buyer, SPENT)
    corrected(buyer, 890_000_00, key="the dealer's discount")
    before = buyer.dynamo.items()
    again = buyer.corrections.change("deal-1", "typo", Change(settlement_kopecks=SPENT))
    assert (again.replayed, again.made.settlement_kopecks) == (True, 890_000_00)
    with pytest.raises(IdempotencyKeyReused):
        buyer.corrections.change("deal-1", "typo", Change(settlement_kopecks=SPENT + 1))
    assert buyer.dynamo.items() == before


def test_a_settlement_asked_for_again_as_at_first_is_a_repeat(buyer: Dealership) -> None:
    """Its answer was lost to CME, Lotus has corrected it since: the queue's repeat neither fails nor undoes it."""
    settled(buyer)
    deal = corrected(buyer, SPENT)
    before = buyer.dynamo.items()
    for kopecks in (TYPED, SPENT):
        again = buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal-1", kopecks)
        assert (again.replayed, again.made.bill_id) == (True, deal.settlement_ids[-1])
    with pytest.raises(BillDiffers):
        buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal-1", SPENT - 1)
    assert buyer.dynamo.items() == before


def test_a_price_and_a_settlement_are_corrected_with_one_write(buyer: Dealership) -> None:
    settled(buyer)
    change = Change(price_kopecks=800_000_00, settlement_kopecks=SPENT)
    deal = buyer.corrections.change("deal-1", "both", change).made
    buyer.run()
    assert (deal.price_kopecks, deal.settlement_kopecks) == (800_000_00, SPENT)
    assert notes(buyer) == [
        (25_000_00, "Изменение цены по сделке deal-1"),
        (TYPED, "Исправление суммы возмещения по сделке deal-1"),
    ]


def test_the_same_settlement_changes_no_bill(buyer: Dealership) -> None:
    bill = settled(buyer, SPENT)
    corrected(buyer, SPENT)
    assert settlements(buyer) == [bill]


def test_a_settlement_goes_up_and_down_and_every_kopeck_is_somewhere(buyer: Dealership) -> None:
    settled(buyer)
    for n, kopecks in enumerate((SPENT, SPENT + 1_00, 500_000_00, 700_000_00, 1, SPENT, 950_000_00)):
        corrected(buyer, kopecks, key=f"change-{n}")
        buyer.check()
        if n % 2 == 0:
            buyer.pay(400_000_00, settlements(buyer)[0])
            buyer.check()
    assert sum(bill.in_force_kopecks for bill in settlements(buyer)) == 950_000_00
    assert balance(buyer) + sum(bill.paid_kopecks for bill in settlements(buyer)) == 4 * 400_000_00


def test_all_parts_of_a_settlement_go_with_the_deal(buyer: Dealership) -> None:
    """However many there may be, of it and of the commission: one write takes them back."""
    buyer.pay(25_000_00, buyer.billed())
    for n in range(IN_FORCE_MAX[AccountType.COMMISSION] - 1):
        change = Change(price_kopecks=1_000_000_00 + (n + 1) * 40_00)
        buyer.corrections.change("deal-1", f"price-{n}", change)
        buyer.run()
        if n < IN_FORCE_MAX[AccountType.COMMISSION] - 2:
            buyer.pay(1_00)
    made = buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal-1", 1_00).made
    buyer.run()
    buyer.pay(1_00, buyer.bills.bill(made.bill_id))
    for n in range(2, IN_FORCE_MAX[AccountType.SETTLEMENT] + 1):
        corrected(buyer, n * 1_00, key=f"settlement-{n}")
        if n < IN_FORCE_MAX[AccountType.SETTLEMENT]:
            buyer.pay(1_00, settlements(buyer)[0])
    buyer.pay(1_00, settlements(buyer)[0])
    with pytest.raises(TooManyBills):
        corrected(buyer, 99_00, key="too many")
    buyer.active("cme-8")
    deal = buyer.corrections.change("deal-1", "winner", Change(cme_dealer_id="cme-8")).made
    buyer.run()
    assert (deal.settlement_ids, deal.settlement_kopecks) == ((), 0)
    assert {bill.status for bill in buyer.bills.of_dealer(CME_ID, limit=100, after=None).items} == {
        BillStatus.CANCELLED
    }
    assert balance(buyer) == IN_FORCE_MAX[AccountType.SETTLEMENT] * 1_00


def test_what_is_no_correction_is_refused_and_changes_nothing(buyer: Dealership) -> None:
    buyer.billed()
    before = buyer.dynamo.items()
    for change in ({"cme_dealer_id": CME_ID}, {"cancelled": True}):
        with pytest.raises(NothingChanged):
            Change(settlement_kopecks=SPENT, **change)
    with pytest.raises(NotSettled):
        corrected(buyer, SPENT)
    assert buyer.dynamo.items() == before
    buyer.corrections.change("deal-1", "off", Change(cancelled=True))
    with pytest.raises(DealCancelled):
        corrected(buyer, SPENT)


def test_a_settlement_paid_while_it_is_corrected_pays_the_new_bill(buyer: Dealership) -> None:
    """Whichever of the two writes comes second reads again."""
    typed = settled(buyer)
    message = buyer.message(SPENT, bill=typed)
    buyer.client = Between(buyer.dynamo, lambda: buyer.payments.take(message))
    buyer.corrections.change("deal-1", "typo", Change(settlement_kopecks=SPENT))
    buyer.client = None
    buyer.run()
    new, old = settlements(buyer)
    assert (new.status, old.status, old.returned_kopecks) == (BillStatus.PAID, BillStatus.CANCELLED, SPENT)
    assert balance(buyer) == 0


def test_a_payment_of_a_settlement_that_was_corrected_just_now_is_kept(buyer: Dealership) -> None:
    typed = settled(buyer)
    message = buyer.message(SPENT, bill=typed)
    buyer.client = Between(
        buyer.dynamo, lambda: buyer.corrections.change("deal-1", "typo", Change(settlement_kopecks=SPENT))
    )
    buyer.payments.take(message)
    buyer.client = None
    buyer.run()
    new, old = settlements(buyer)
    assert (new.status, old.paid_kopecks, balance(buyer)) == (BillStatus.PAID, 0, 0)


def test_a_settlement_is_corrected_before_its_invoice_is_there(buyer: Dealership) -> None:
    deal_id = buyer.billed().deal_id
    buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, TYPED)
    corrected(buyer, SPENT)
    assert [bill.status for bill in settlements(buyer)] == [BillStatus.PENDING, BillStatus.CANCELLED]
