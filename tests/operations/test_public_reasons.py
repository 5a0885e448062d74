"""Why an operator did something is for operators; a customer reads what was written for him, in a field of its own."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from common.domain.payouts.evidence import PAID_OTHERWISE
from common.domain.payouts.model import kind_of
from common.money import Money
from common.owner import Owner
from functions.orders.model import ENDED_BY_THE_DESK
from functions.payouts.service import GIVEN_BACK
from functions.purchases.model import CALLED_OFF
from tests.desk import Desk
from tests.doors import opened
from tests.seen import status

PRIVATE = "his brother called, case 4711 of the police"
PUBLIC = "your bank does not know the account"


def resting(desk: Desk, ann: Owner) -> str:
    return desk.buy(ann, "0.5", order_price="90").order_id


def unsent(desk: Desk, ann: Owner) -> str:
    """A purchase whose batch no machine moves."""
    desk.list_exchange_asset()
    return desk.purchase(ann, "50.00").order_id


def unpaid_sale(desk: Desk, ann: Owner) -> str:
    desk.buy(ann, "2")
    desk.world.simulated.set_outcome("refuse")
    return _failed(desk, desk.cash_out(ann, "1").order_id)


def unpaid_withdrawal(desk: Desk, ann: Owner) -> str:
    desk.world.simulated.set_outcome("refuse")
    return _failed(desk, desk.accounts.withdraw(ann, "k", Money(30), "ann-bank").made.transfer_id)


def _failed(desk: Desk, order_id: str) -> str:
    kind = kind_of(order_id)
    assert kind is not None
    desk.run(until=lambda: status(desk, order_id) == kind.failed)
    return order_id


ACTS = [
    (resting, "orders/{}/fail", "/orders/{}", ENDED_BY_THE_DESK, "{}"),
    (unsent, "batches/{}/void", "/purchases/{}", f"not bought: {CALLED_OFF}", "not bought: {}"),
    (unpaid_sale, "sell-orders/{}/mark-filled", "/crypto/order/sell/{}", PAID_OTHERWISE, "{}"),
    (unpaid_sale, "sell-orders/{}/credit-usd", "/crypto/order/sell/{}", GIVEN_BACK, "{}"),
    (unpaid_withdrawal, "withdrawals/{}/complete", "/balance/withdrawals/{}", PAID_OTHERWISE, "{}"),
    (unpaid_withdrawal, "withdrawals/{}/reject", "/balance/withdrawals/{}", GIVEN_BACK, "{}"),
]


@pytest.mark.parametrize("public", [None, PUBLIC])
@pytest.mark.parametrize(("made", "act", "view", "default", "shown"), ACTS, ids=[act for _, act, *_ in ACTS])
def test_a_customer_reads_what_was_written_for_him_and_nothing_else(
    desk: Desk, made: Callable[[Desk, Owner], str], act: str, view: str, default: str, shown: str, public: str | None
) -> None:
    ann = desk.customer()
    desk.clients(ann)
    thing_id = made(desk, ann)
    acted_on = desk.purchases.purchase(ann, thing_id).batch_id if made is unsent else thing_id
    body = {"reason": PRIVATE} | ({} if public is None else {"public_reason": public})
    if default == PAID_OTHERWISE:
        body["reference"] = "wire 42"
    with opened(desk) as doors:
        done = doors.operator().post(f"/operations/{act.format(acted_on)}", body)
        assert (done.status, done.json["done"]) == (200, True)
        if done.json["after"] == "PROPOSED":
            desk.proposals.confirm(done.json["id"], "so it is", "otto", dry_run=False)
        desk.run()
        customer = doors.customer()
        told = customer.get(view.format(thing_id)).json
        assert told["reason"] == (default if public is None else shown.format(public))
        seen = [told, *(customer.get(path).json for path in ("/orders", "/crypto/order/sell"))]
        assert PRIVATE not in json.dumps(seen)
        story = doors.operator().get(f"/operations/work/{acted_on}").json
        assert PRIVATE in json.dumps(story)
    day = desk.clock.at.date().isoformat()
    assert any(PRIVATE in entry.detail for entry in desk.operations.audit(day, limit=50, after=None).items)
    desk.check()
