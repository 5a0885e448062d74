"""Calls of dealer billing whose cost is promised (`tests/test_budget.py`): each is prepared, then measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from common.owner import Owner
from functions.billing.model import Operation
from functions.billing.service.corrections import Change
from tests.billing.dealership import CME_ID, REWARD, Dealership
from tests.desk import Desk

Prepared = Callable[[Desk, Owner], Callable[[], Any]]


def _of(prepare: Callable[[Dealership], Callable[[], Any]]) -> Prepared:
    def prepared(desk: Desk, _: Owner) -> Callable[[], Any]:
        desk.dealership.active()
        return prepare(desk.dealership)

    return prepared


def _changed(change: Change, *, paid: int = 0) -> Prepared:
    def prepare(dealership: Dealership) -> Callable[[], Any]:
        dealership.active("cme-8")
        bill = dealership.billed()
        if paid:
            dealership.pay(paid, bill)
        return partial(dealership.corrections.change, bill.deal_id, "change", change)

    return _of(prepare)


def _credited(dealership: Dealership) -> Callable[[], Any]:
    """Whose money goes to another bill."""
    bill, _ = dealership.billed(), dealership.billed(1_00)
    dealership.pay(REWARD, bill)
    dealership.corrections.change(bill.deal_id, "change", Change(cancelled=True))
    return partial(dealership.invoicing.create_credit_note, bill.bill_id)


def _paid(bills: int) -> Prepared:
    """A payment of so many bills, which it pays all."""

    def prepare(dealership: Dealership) -> Callable[[], Any]:
        last = [dealership.billed(1_00) for _ in range(bills)][-1]
        return partial(dealership.payments.take, dealership.message(bills * 1_00, bill=last))

    return _of(prepare)


def _settled(dealership: Dealership) -> Callable[[], Any]:
    deal_id = dealership.buying().billed().deal_id
    return partial(dealership.bills.create, Operation.GET_SETTLEMENT, CME_ID, deal_id, 1_00)


def _stated(dealership: Dealership) -> Callable[[], Any]:
    for _ in range(5):
        dealership.pay(REWARD, dealership.billed())
    return partial(dealership.statements.of, CME_ID, "2026-11")


SCENARIOS: Mapping[str, Prepared] = {
    "a deal, its price changed": _changed(Change(price_kopecks=1_00_00)),
    "a deal, its price lowered after it was paid": _changed(Change(price_kopecks=1_00_00), paid=REWARD),
    "a deal, its winner changed after a part was paid": _changed(Change(cme_dealer_id="cme-8"), paid=1_00),
    "a deal, cancelled": _changed(Change(cancelled=True)),
    "a credit note, made": _of(_credited),
    "a payment of one bill": _paid(1),
    "a payment over 100 bills": _paid(100),
    "fast buyout, added": _of(lambda dealership: partial(dealership.fast_buyouts.add, CME_ID)),
    "fast buyout, whether he may bid": _of(lambda dealership: partial(dealership.buying().fast_buyouts.of, CME_ID)),
    "a car, settled": _of(_settled),
    "a deposit, released": _of(lambda dealership: partial(dealership.buying().fast_buyouts.release, CME_ID)),
    "a statement of ten lines": _of(_stated),
}
