"""One daily limit for what leaves for a customer's bank, whichever way: by withdrawal or by cash-out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common import keys
from common.clock import text
from common.domain.limits import DailyLimitExceeded
from common.domain.payouts.model import ATTEMPTS_MAX
from common.money import Money
from common.owner import Owner
from functions.offramp.model import SaleRefused
from tests.desk import NOON, Desk
from tests.seen import status

LIMIT = Money(300)


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """She has $1,000 and ten coins, and may have $300 a day sent to her bank."""
    desk.rules = replace(desk.rules, withdrawal_limit=LIMIT)
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    return ann


def used(desk: Desk, owner: Owner, day: str = text(NOON)[:10]) -> Money:
    key = keys.LIMIT_COUNTER(username=owner.username, kind="PAYOUT", date=day)
    (item,) = [i for i in desk.dynamo.items() if (i["PK"]["S"], i["SK"]["S"]) == tuple(key)]
    return Money(item["used"]["N"])


def withdraw(desk: Desk, owner: Owner, usd: str) -> str:
    made = desk.accounts.withdraw(owner, next(desk.keys), Money(usd), f"{owner.username}-bank").made
    return made.transfer_id


def test_cash_outs_and_withdrawals_of_a_day_take_from_one_limit(desk: Desk, ann: Owner) -> None:
    """What was refused as a withdrawal went out as a cash-out."""
    withdraw(desk, ann, "150.00")
    with pytest.raises(DailyLimitExceeded) as refused:
        desk.cash_out(ann, "1.51")
    assert refused.value.facts == {"limit_usd": "300.00", "used_usd": "150.00", "asked_usd": "151.00"}
    desk.cash_out(ann, "1.5")
    for one_more in (lambda: withdraw(desk, ann, "0.01"), lambda: desk.cash_out(ann, "0.02")):
        with pytest.raises(DailyLimitExceeded):
            one_more()
    desk.check()
    desk.clock.forward(days=1)
    desk.mark("BTC", "100")
    desk.cash_out(ann, "3")


def test_a_cash_out_beyond_the_limit_alone_asks_nothing_of_the_exchange(desk: Desk, ann: Owner) -> None:
    with pytest.raises(DailyLimitExceeded) as refused:
        desk.cash_out(ann, "3.01")
    assert refused.value.facts["used_usd"] == "0.00"
    assert desk.world.fake.calls["place"] == 0


def test_one_that_is_alone_beyond_the_limit_is_told_what_is_used(desk: Desk, ann: Owner) -> None:
    """It was told that nothing was."""
    withdraw(desk, ann, "120.00")
    for asked in (lambda: desk.cash_out(ann, "3.01"), lambda: withdraw(desk, ann, "300.01")):
        with pytest.raises(DailyLimitExceeded) as refused:
            asked()
        assert refused.value.facts["used_usd"] == "120.00"
    desk.clock.forward(days=1)
    desk.mark("BTC", "100")
    with pytest.raises(DailyLimitExceeded) as refused:
        desk.cash_out(ann, "3.01")
    assert refused.value.facts["used_usd"] == "0.00"


def test_a_repeat_of_a_cash_out_is_answered_whatever_the_limit_is_now(desk: Desk, ann: Owner) -> None:
    first = desk.cash_out(ann, "3", key="k")
    assert desk.cash_out(ann, "3", key="k").order_id == first.order_id
    desk.rules = replace(desk.rules, withdrawal_limit=Money(1))
    assert desk.cash_out(ann, "3", key="k").order_id == first.order_id
    assert used(desk, ann) == LIMIT


def test_a_sale_counts_for_what_it_has_brought(desk: Desk, ann: Owner) -> None:
    """Not for what it was estimated to bring, be it more or less."""
    less = desk.cash_out(ann, "1", estimate="101.00")
    desk.run(until=lambda: status(desk, less.order_id) == "FILLED")
    assert used(desk, ann) == Money("99.90")
    desk.cash_out(ann, "1", estimate="99.00")
    assert used(desk, ann) == Money("198.90")
    desk.run()
    assert used(desk, ann) == Money("199.80")
    desk.check()


def test_what_the_exchange_refuses_takes_nothing_from_the_day(desk: Desk, ann: Owner) -> None:
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused):
        desk.cash_out(ann, "3", key="k")
    assert used(desk, ann) == Money(0)
    desk.cash_out(ann, "3", key="k")
    assert used(desk, ann) == LIMIT
    desk.check()


def test_what_has_sold_nothing_gives_the_day_back(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()
    order = desk.cash_out(ann, "3")
    assert used(desk, ann) == LIMIT
    desk.run()
    assert status(desk, order.order_id) == "BASE_TXN_FAILED"
    assert used(desk, ann) == Money(0)
    desk.check()


@pytest.mark.parametrize("hour", [12, 23])
def test_dollars_that_are_credited_instead_give_their_own_day_back(desk: Desk, ann: Owner, hour: int) -> None:
    """And not the day on which that is done."""
    desk.clock.at = NOON.replace(hour=hour, minute=58)
    desk.mark("BTC", "100")
    desk.world.simulated.set_outcome("refuse")
    order = desk.cash_out(ann, "3")
    desk.run(until=lambda: status(desk, order.order_id) == "SELL_PAYOUT_FAILED")
    assert len(desk.operations.story(order.order_id).calls) > ATTEMPTS_MAX
    assert used(desk, ann) == Money("299.70")
    for _ in range(2):
        desk.by_hand("give_back", order.order_id, "unknown bank")
    assert used(desk, ann) == Money(0)
    desk.check()
