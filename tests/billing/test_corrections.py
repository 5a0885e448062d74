"""A deal is another than it was: credit notes and new bills, and money that is nobody's loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.gateways.billing import PAGE_MAX, BillingUnavailable
from common.idempotency import IdempotencyKeyReused
from functions.billing import correction_store, model, store
from functions.billing.model import (
    AccountType,
    Bill,
    BillStage,
    BillStatus,
    DealCancelled,
    DealDiffers,
    DealerNotFound,
    DealNotFound,
    DealStatus,
    NothingToBill,
    Operation,
)
from functions.billing.service import balances
from functions.billing.service import corrections as corrections_module
from functions.billing.service.corrections import Change, NothingChanged, TooManyBills
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CME_ID, Dealership

PRICE = 1_000_000_00  # its commission is 25,000.00
LOWER, HIGHER = 800_000_00, 1_200_000_00  # 20,000.00 and 30,000.00


def changed(dealership: Dealership, deal_id: str = "deal-1", key: str = "change-1", **to: object) -> model.Deal:
    """With all that the machines do of it."""
    deal = dealership.corrections.change(deal_id, key, Change(**to)).made  # type: ignore[arg-type]
    dealership.run()
    return deal


def bills(dealership: Dealership, cme_dealer_id: str = CME_ID) -> list[Bill]:
    """All of a dealer's."""
    return dealership.bills.of_dealer(cme_dealer_id, limit=100, after=None).items


def told(dealership: Dealership) -> list[tuple[int, int]]:
    """Of each invoice at the billing system, its sum and what of it was credited."""
    invoices = dealership.system.all(records.Invoice)
    return [(invoice.kopecks, dealership.system.credited(invoice.invoice_id)) for invoice in invoices]


@pytest.mark.parametrize("price", [LOWER, HIGHER])
def test_a_changed_price_takes_back_the_bill_and_makes_a_new_one(dealership: Dealership, price: int) -> None:
    dealership.active()
    first = dealership.billed()
    deal = changed(dealership, price_kopecks=price)
    new, old = bills(dealership)
    assert (old.bill_id, old.status, old.common_kopecks) == (first.bill_id, BillStatus.CANCELLED, 25_000_00)
    assert (new.status, new.common_kopecks) == (BillStatus.PENDING, deal.reward_kopecks)
    assert told(dealership) == [(25_000_00, 25_000_00), (price // 40, 0)]
    (note,) = dealership.system.all(records.CreditNote)
    assert note.reason == "Изменение цены по сделке deal-1"
    assert dealership.bills.create(Operation.GET_REWARD, CME_ID, "deal-1", None).made.bill_id == new.bill_id


def test_a_price_told_with_the_same_winner_is_credited_for_its_price(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    dealership.corrections.change(bill.deal_id, "key", Change(price_kopecks=800_000_00, cme_dealer_id=CME_ID))
    dealership.run()
    (note,) = dealership.system.all(records.CreditNote)
    assert note.reason.startswith("Изменение цены")


def test_a_cancelled_deal_is_not_closed_again(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    dealership.corrections.change(bill.deal_id, "key", Change(cancelled=True))
    with pytest.raises(DealCancelled):
        dealership.bills.close_deal(bill.deal_id, CME_ID, PRICE)


def test_a_deal_told_again_as_at_first_is_a_repeat_after_it_changed(dealership: Dealership) -> None:
    """Its answer was lost to CME, and Lotus has changed its price, or its winner, since."""
    dealership.active()
    dealership.active("cme-8")
    dealership.billed()
    for key, change in (("price", Change(price_kopecks=LOWER)), ("winner", Change(cme_dealer_id="cme-8"))):
        now = dealership.corrections.change("deal-1", key, change).made
        again = dealership.bills.close_deal("deal-1", CME_ID, PRICE)
        assert (again.replayed, again.made) == (True, now)
        assert dealership.bills.close_deal("deal-1", "cme-8" if key == "winner" else CME_ID, LOWER).replayed
    for cme_dealer_id, price in ((CME_ID, LOWER), ("cme-8", PRICE), (CME_ID, PRICE + 40)):
        with pytest.raises(DealDiffers):
            dealership.bills.close_deal("deal-1", cme_dealer_id, price)
    dealership.run()


def test_what_was_paid_on_a_cancelled_bill_pays_the_new_one(dealership: Dealership) -> None:
    dealership.active()
    first = dealership.billed()
    dealership.pay(21_000_00, first)
    changed(dealership, price_kopecks=LOWER)
    new, old = bills(dealership)
    assert (old.status, old.paid_kopecks, old.returned_kopecks) == (BillStatus.CANCELLED, 0, 21_000_00)
    assert (new.status, new.paid_kopecks, new.from_balance_kopecks) == (BillStatus.PAID, 20_000_00, 20_000_00)
    assert dealership.account().balance_kopecks == 1_000_00


def test_what_goes_back_pays_the_oldest_open_bill_first(dealership: Dealership) -> None:
    dealership.active()
    first, second = dealership.billed(), dealership.billed(10_000_00)
    dealership.pay(12_000_00, first)
    dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))
    dealership.run()
    assert dealership.bills.bill(second.bill_id).status is BillStatus.PAID
    assert dealership.account().balance_kopecks == 2_000_00
    assert [bill.bill_id for bill in bills(dealership)] == [second.bill_id, first.bill_id]


def test_many_open_bills_get_what_went_back(dealership: Dealership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balances, "BILLS_A_WRITE", 2)
    dealership.active()
    first = dealership.billed()
    others = [dealership.billed(1_000_00) for _ in range(5)]
    dealership.pay(24_000_00, first)
    changed(dealership, cancelled=True)
    assert [dealership.bills.bill(each.bill_id).status for each in others] == [BillStatus.PAID] * 5
    assert dealership.account().balance_kopecks == 19_000_00


def test_a_lower_price_of_a_paid_bill_gives_the_difference_back(dealership: Dealership) -> None:
    dealership.active()
    paid = dealership.billed()
    dealership.pay(25_000_00, paid)
    changed(dealership, price_kopecks=LOWER)
    (bill,) = bills(dealership)
    assert (bill.bill_id, bill.status) == (paid.bill_id, BillStatus.PAID)
    assert (bill.paid_kopecks, bill.credited_kopecks) == (20_000_00, 5_000_00)
    assert dealership.account().balance_kopecks == 5_000_00
    assert told(dealership) == [(25_000_00, 5_000_00)]
    dealership.billed(5_000_00)
    assert dealership.account().balance_kopecks == 0


def test_a_higher_price_of_a_paid_bill_is_a_bill_of_the_difference(dealership: Dealership) -> None:
    dealership.active()
    paid = dealership.billed()
    dealership.pay(25_000_00, paid)
    changed(dealership, price_kopecks=HIGHER)
    new, old = bills(dealership)
    assert (old.bill_id, old.status, old.credited_kopecks) == (paid.bill_id, BillStatus.PAID, 0)
    assert (new.status, new.common_kopecks) == (BillStatus.PENDING, 5_000_00)


def test_a_price_may_go_up_and_down_again_and_again(dealership: Dealership) -> None:
    """Paid or not in between, what is in force is the commission of the last price, and every kopeck is somewhere."""
    dealership.active()
    dealership.billed()
    prices = [HIGHER, LOWER, PRICE, HIGHER + 40, HIGHER, 40_00, PRICE * 2, PRICE]
    for n, price in enumerate(prices):
        changed(dealership, key=f"change-{n}", price_kopecks=price)
        dealership.check()
        if n % 3 == 0:
            dealership.pay(11_000_00)
            dealership.check()
    assert sum(bill.in_force_kopecks for bill in bills(dealership)) == 25_000_00
    assert dealership.account().balance_kopecks + sum(bill.paid_kopecks for bill in bills(dealership)) == 33_000_00


@pytest.mark.parametrize("paid", [0, 10_000_00, 25_000_00])
def test_a_changed_winner_gets_his_bill_and_the_first_his_money(dealership: Dealership, paid: int) -> None:
    dealership.active()
    dealership.active("cme-8")
    first = dealership.billed()
    if paid:
        dealership.pay(paid, first)
    deal = changed(dealership, cme_dealer_id="cme-8")
    (old,), (new,) = bills(dealership), bills(dealership, "cme-8")
    assert (old.status, old.paid_kopecks, old.returned_kopecks) == (BillStatus.CANCELLED, 0, paid)
    assert (new.status, new.common_kopecks) == (BillStatus.PENDING, 25_000_00)
    assert dealership.account().balance_kopecks == paid
    assert dealership.account("cme-8").balance_kopecks == 0
    assert (deal.dealer_id, deal.winners) == (model.dealer_id("cme-8"), 2)
    with pytest.raises(DealNotFound):
        dealership.bills.create(Operation.GET_REWARD, CME_ID, "deal-1", None)


def test_a_winner_may_come_back(dealership: Dealership) -> None:
    dealership.active()
    dealership.active("cme-8")
    dealership.pay(25_000_00, dealership.billed())
    changed(dealership, key="away", cme_dealer_id="cme-8", price_kopecks=LOWER)
    changed(dealership, key="back", cme_dealer_id=CME_ID)
    paid, cancelled = bills(dealership)
    assert [bill.status for bill in (paid, cancelled)] == [BillStatus.PAID, BillStatus.CANCELLED]
    assert (paid.common_kopecks, dealership.account().balance_kopecks) == (20_000_00, 5_000_00)
    assert [bill.status for bill in bills(dealership, "cme-8")] == [BillStatus.CANCELLED]


def test_a_cancelled_deal_owes_nothing_and_stays_as_it_is(dealership: Dealership) -> None:
    dealership.active()
    dealership.pay(25_000_00, dealership.billed())
    assert changed(dealership, cancelled=True).status is DealStatus.CANCELLED
    assert [bill.status for bill in bills(dealership)] == [BillStatus.CANCELLED]
    assert dealership.account().balance_kopecks == 25_000_00
    before = dealership.dynamo.items()
    for asked in (Change(price_kopecks=LOWER), Change(cancelled=True)):
        with pytest.raises(DealCancelled):
            dealership.corrections.change("deal-1", "another", asked)
    with pytest.raises(DealCancelled):
        dealership.bills.create(Operation.GET_REWARD, CME_ID, "deal-1", None)
    assert dealership.dynamo.items() == before


def test_a_change_is_made_once_for_each_key(dealership: Dealership) -> None:
    dealership.active()
    dealership.billed()
    changed(dealership, price_kopecks=LOWER)
    changed(dealership, key="change-2", price_kopecks=HIGHER)
    before = dealership.dynamo.items()
    again = dealership.corrections.change("deal-1", "change-1", Change(price_kopecks=LOWER))
    assert (again.replayed, again.made.price_kopecks) == (True, HIGHER)
    with pytest.raises(IdempotencyKeyReused):
        dealership.corrections.change("deal-1", "change-1", Change(price_kopecks=PRICE))
    assert dealership.dynamo.items() == before


def test_the_same_price_or_winner_changes_no_bill(dealership: Dealership) -> None:
    dealership.active()
    (bill,) = [dealership.billed()]
    changed(dealership, price_kopecks=PRICE)
    changed(dealership, key="change-2", cme_dealer_id=CME_ID)
    assert bills(dealership) == [bill]


def test_what_is_no_change_is_refused_and_changes_nothing(dealership: Dealership) -> None:
    dealership.active()
    dealership.billed()
    before = dealership.dynamo.items()
    change = dealership.corrections.change
    with pytest.raises(NothingChanged):
        Change()
    with pytest.raises(NothingChanged):
        Change(price_kopecks=LOWER, cancelled=True)
    with pytest.raises(DealNotFound):
        change("deal-of-nobody", "key", Change(price_kopecks=LOWER))
    with pytest.raises(DealerNotFound):
        change("deal-1", "key", Change(cme_dealer_id="nobody"))
    with pytest.raises(NothingToBill):
        change("deal-1", "key", Change(price_kopecks=19))
    assert dealership.dynamo.items() == before


def test_a_commission_is_never_in_more_parts_than_one_write_can_take_back(dealership: Dealership) -> None:
    dealership.active()
    dealership.pay(25_000_00, dealership.billed())
    for n in range(corrections_module.IN_FORCE_MAX[AccountType.COMMISSION] - 1):
        changed(dealership, key=f"change-{n}", price_kopecks=PRICE + (n + 1) * 40_00)
        dealership.pay(1_00)
    with pytest.raises(TooManyBills):
        changed(dealership, key="too many", price_kopecks=HIGHER)
    dealership.active("cme-8")
    changed(dealership, key="all of them", cme_dealer_id="cme-8")
    assert {bill.status for bill in bills(dealership)} == {BillStatus.CANCELLED}
    assert dealership.account().balance_kopecks == 25_009_00


# While it is invoiced, or paid


def test_a_bill_that_was_never_asked_for_is_cancelled_without_an_invoice(dealership: Dealership) -> None:
    """Its account has no contract, so none can have been."""
    dealership.registered()
    dealership.billed(invoice=False)
    dealership.refuses.add("create_payer")
    dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))
    dealership.run()
    (bill,) = bills(dealership)
    assert (bill.status, bill.owes_note, bill.invoice_id) == (BillStatus.CANCELLED, False, None)


def test_a_bill_is_cancelled_while_its_invoice_is_asked_for(dealership: Dealership) -> None:
    """The billing system has made it: a credit note takes it back."""
    dealership.active()
    dealership.billed(invoice=False)
    dealership.while_invoicing = _once(
        lambda: dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))
    )
    dealership.run()
    (bill,) = bills(dealership)
    assert (bill.status, bill.owes_note) == (BillStatus.CANCELLED, False)
    assert told(dealership) == [(25_000_00, 25_000_00)]


def test_the_invoice_of_a_cancelled_bill_whose_answer_was_lost_is_taken_back(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed(invoice=False)
    dealership.trouble.drop_answer_next(Asked.INVOICE)
    with pytest.raises(BillingUnavailable):
        dealership.invoicing.create_invoice(bill.bill_id)
    changed(dealership, price_kopecks=LOWER)
    assert sorted(told(dealership)) == [(20_000_00, 0), (25_000_00, 25_000_00)]


def test_a_cancelled_bill_whose_invoice_is_refused_has_nothing_to_take_back(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed(invoice=False)
    dealership.refuses.add("create_invoice")
    dealership.invoicing.create_invoice(bill.bill_id)
    assert dealership.bills.bill(bill.bill_id).needs_person
    changed(dealership, cancelled=True)
    dealership.run(seconds=2 * 3600)
    found = dealership.bills.bill(bill.bill_id)
    assert (found.status, found.owes_note, found.needs_person) == (BillStatus.CANCELLED, False, False)


def test_a_cancelled_bill_whose_invoice_is_made_after_a_no_is_credited(dealership: Dealership) -> None:
    """The first request is held up on its way, and is carried out when the second was refused."""
    dealership.active()
    bill = dealership.billed(invoice=False)
    dealership.trouble.hold_up_next(Asked.INVOICE)
    with pytest.raises(BillingUnavailable):
        dealership.invoicing.create_invoice(bill.bill_id)
    dealership.refuses.add("create_invoice")
    changed(dealership, cancelled=True)
    assert dealership.bills.bill(bill.bill_id).owes_note
    dealership.refuses.clear()
    dealership.while_invoicing = lambda: pytest.fail("a request would be sent that may be carried out even later")
    dealership.trouble.let_go()
    dealership.run(seconds=2 * 3600)
    assert told(dealership) == [(25_000_00, 25_000_00)]
    assert not dealership.bills.bill(bill.bill_id).owes_note


def test_a_cancelled_bill_whose_invoice_is_refused_though_made_is_credited(dealership: Dealership) -> None:
    """The first answer was lost; the repeat is refused, for the dealer is on a stop list by now. It is not on the first
    page of his invoices."""
    dealership.active()
    terms = {
        "contract_id": dealership.account().contract_id or "",
        "description": "",
        "due_date": "",
        "currency": "RUB",
    }
    for n in range(PAGE_MAX):
        dealership.system.create_invoice(f"older-{n}", 1_00, terms)
    bill = dealership.billed(invoice=False)
    dealership.trouble.drop_answer_next(Asked.INVOICE)
    with pytest.raises(BillingUnavailable):
        dealership.invoicing.create_invoice(bill.bill_id)
    dealership.refuses.add("create_invoice")
    changed(dealership, cancelled=True)
    assert told(dealership)[PAGE_MAX:] == [(25_000_00, 25_000_00)]
    found = dealership.bills.bill(bill.bill_id)
    assert (found.owes_note, found.invoice_id is None) == (False, False)


def test_a_bill_paid_while_it_is_cancelled_gives_all_of_it_back(dealership: Dealership) -> None:
    """Whichever of the two writes comes second reads again."""
    dealership.active()
    bill = dealership.billed()
    message = dealership.message(10_000_00, bill=bill)
    dealership.client = Between(dealership.dynamo, lambda: dealership.payments.take(message))
    dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))
    dealership.client = None
    dealership.run()
    assert dealership.account().balance_kopecks == 10_000_00
    assert dealership.bills.bill(bill.bill_id).returned_kopecks == 10_000_00


def test_a_payment_that_comes_while_its_bill_is_cancelled_pays_others(dealership: Dealership) -> None:
    dealership.active()
    bill, other = dealership.billed(), dealership.billed(4_000_00)
    message = dealership.message(10_000_00, bill=bill)
    cancel = lambda: dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))  # noqa: E731
    dealership.client = Between(dealership.dynamo, cancel)
    dealership.payments.take(message)
    dealership.client = None
    dealership.run()
    assert dealership.bills.bill(bill.bill_id).paid_kopecks == 0
    assert dealership.bills.bill(other.bill_id).status is BillStatus.PAID
    assert dealership.account().balance_kopecks == 6_000_00


def test_a_payment_that_names_a_cancelled_bill_is_the_accounts(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    changed(dealership, cancelled=True)
    dealership.pay(25_000_00, bill)
    assert dealership.account().balance_kopecks == 25_000_00


def test_two_changes_at_once_are_one_after_the_other(dealership: Dealership) -> None:
    dealership.active()
    dealership.billed()
    other = lambda: dealership.corrections.change("deal-1", "other", Change(price_kopecks=HIGHER))  # noqa: E731
    dealership.client = Between(dealership.dynamo, other)
    dealership.corrections.change("deal-1", "change-1", Change(price_kopecks=LOWER))
    dealership.client = None
    dealership.run()
    assert [bill.in_force_kopecks for bill in bills(dealership)] == [20_000_00, 0, 0]


# What the billing system is told


def test_a_credit_note_is_made_once_whatever_became_of_its_answer(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))
    dealership.trouble.drop_answer_next(Asked.CREDIT)
    with pytest.raises(BillingUnavailable):
        dealership.invoicing.create_credit_note(bill.bill_id)
    assert dealership.invoicing.read(bill.bill_id).stage == BillStage.CREDIT
    for _ in range(2):
        assert dealership.invoicing.create_credit_note(bill.bill_id).stage == BillStage.DONE
    assert len(dealership.system.all(records.CreditNote)) == 1
    assert dealership.trouble.calls[Asked.CREDIT] == 2


def test_a_note_that_is_owed_since_is_not_forgotten_with_the_one_before(dealership: Dealership) -> None:
    """The price was lowered once more while the first note was on its way."""
    dealership.active()
    bill = dealership.billed()
    dealership.pay(bill.common_kopecks, bill)
    dealership.corrections.change("deal-1", "once", Change(price_kopecks=900_000_00))
    read = dealership.bills.bill(bill.bill_id)
    note = correction_store.note(dealership.table, read)
    dealership.corrections.change("deal-1", "twice", Change(price_kopecks=LOWER))
    with pytest.raises(model.Moved):
        dealership.table.write(*correction_store.note_made(read, note, "note-1", dealership.clock()))
    dealership.run()
    assert told(dealership) == [(25_000_00, 5_000_00)]
    assert dealership.bills.bill(bill.bill_id).notes_sent == 2


def test_an_hour_without_the_billing_system_loses_no_credit_note(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    dealership.pay(25_000_00, bill)
    dealership.trouble.down = True
    changed(dealership, price_kopecks=LOWER)
    changed(dealership, key="change-2", price_kopecks=LOWER // 2)
    dealership.run(seconds=3600)
    assert dealership.bills.bill(bill.bill_id).notes_sent == 0
    dealership.trouble.down = False
    dealership.run(seconds=600)
    assert told(dealership) == [(25_000_00, 15_000_00)]
    assert [note.kopecks for note in dealership.system.all(records.CreditNote)] == [5_000_00, 10_000_00]
    assert not dealership.world.bugs


def test_a_credit_note_that_is_refused_waits_for_a_person(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    dealership.pay(5_000_00, bill)
    dealership.refuses.add("create_credit_note")
    changed(dealership, cancelled=True)
    found = dealership.bills.bill(bill.bill_id)
    assert (found.needs_person, found.owes_note, found.status) == (True, True, BillStatus.CANCELLED)
    assert dealership.account().balance_kopecks == 5_000_00
    dealership.refuses.clear()
    changed(dealership, key="other", deal_id=_another(dealership), cancelled=True)
    assert dealership.invoicing.read(bill.bill_id).stage == BillStage.STOPPED


def test_a_note_tells_what_it_took_back_and_what_went_back(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    dealership.pay(5_000_00, bill)
    dealership.corrections.change("deal-1", "change-1", Change(cancelled=True))
    note = correction_store.note(dealership.table, dealership.bills.bill(bill.bill_id))
    assert (note.n, note.kopecks, note.returned_kopecks) == (1, 25_000_00, 5_000_00)
    assert store.account(dealership.table, bill.dealer_id, AccountType.COMMISSION).balance_kopecks == 5_000_00


def _another(dealership: Dealership) -> str:
    return dealership.billed().deal_id


def _once(act: Callable[[], object]) -> Callable[[], None]:
    todo = [act]

    def do() -> None:
        if todo:
            todo.pop()()

    return do


class Between:
    """The table, where something happens before the first write."""

    def __init__(self, dynamo: object, act: Callable[[], object]) -> None:
        self._dynamo = dynamo
        self._act = _once(act)

    def __getattr__(self, name: str) -> object:
        if name == "transact_write_items":
            self._act()
        return getattr(self._dynamo, name)
