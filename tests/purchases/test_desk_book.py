"""What the desk's own book buys of sales at the exchange: at a price of now, within its limit, only what is little."""

from __future__ import annotations

from decimal import Decimal

import pytest

from common.money import ZERO, Money
from common.owner import Owner
from functions.purchases.model import Status
from functions.purchases.strategy import Strategy
from sandbox.exchange.orders import Fees
from tests.desk import Desk
from tests.outside import ACCOUNT
from tests.purchases.test_sales import close, look
from tests.seen import at_the_exchange, before_next_write, coins, desks_own, dollars


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Somebody buys all SOL that is offered, at $100, and the exchange takes no fee; it takes no order below $5, and
    sales go there on their own from $1 on."""
    desk.list_exchange_asset(min_notional="1")
    desk.world.nobody_sells()
    desk.world.venue.set_fees(Fees(Decimal(0)), ACCOUNT)
    desk.world.bid("100", "10000", "SOLUSDT")
    return desk


def test_it_buys_at_the_price_of_now_not_at_the_one_that_was_told(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.049")
    sale = desk.sale(ann)
    assert sale.strategy is Strategy.DIRECT
    desk.mark("SOL", "90")
    desk.run()
    assert look(desk, sale).total_amount == Money("4.41")
    desk.check()


def test_it_buys_nothing_at_a_price_that_has_jumped(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.049")
    sale = desk.sale(ann)
    desk.jump("SOL", "50")
    desk.run()
    assert look(desk, sale).status is Status.FAILED
    assert (coins(desk, ann, "SOL"), desks_own(desk)) == ((Decimal("0.049"), Decimal(0)), Decimal(0))
    desk.check()


def test_a_min_price_above_the_price_of_now_is_kept_by_it(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.049")
    sale = desk.sale(ann, min_price="99")
    desk.mark("SOL", "90")
    desk.run()
    assert (look(desk, sale).status, desks_own(desk)) == (Status.FAILED, Decimal(0))
    assert coins(desk, ann, "SOL") == (Decimal("0.049"), Decimal(0))


def test_a_limit_of_zero_is_never_not_even_for_nothing(desk: Desk, ann: Owner) -> None:
    """A billionth of it is worth less than the smallest part of a dollar that is counted."""
    desk.list_exchange_asset("PEN", "4", desk_buys_max="0.00")
    desk.bring(ann, "0.000000001", "PEN")
    sale = desk.sale(ann, asset_id="PEN")
    desk.clock.forward(days=1)
    desk.mark("PEN", "4")
    desk.close_pools()
    desk.run()
    assert (look(desk, sale).status, look(desk, sale).total_amount) == (Status.FAILED, ZERO)
    assert coins(desk, ann, "PEN") == (Decimal("0.000000001"), Decimal(0))
    assert desks_own(desk, "PEN") == 0
    desk.check()


def test_two_batches_at_once_are_within_its_limit_together(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.list_exchange_asset(min_notional="1", desk_buys_max="7.00")
    for owner in (ann, bob):
        desk.bring(owner, "0.04")
    first, second = desk.sale(ann), desk.sale(bob)
    before_next_write(desk, lambda: desk.batches.place(second.batch_id))
    desk.batches.place(first.batch_id)
    desk.run()
    assert [look(desk, sale).status for sale in (first, second)] == [Status.FAILED, Status.COMPLETED]
    assert desks_own(desk) == -4
    desk.check()


def test_nobody_makes_it_buy_what_the_exchange_would(desk: Desk, ann: Owner, bob: Owner, cid: Owner) -> None:
    """By limits of their own, above that of the order: where it is none without them, their limit is the order's."""
    desk.list_exchange_asset()
    for owner, quantity in ((ann, "0.0999"), (bob, "0.03"), (cid, "0.0999")):
        desk.bring(owner, quantity)
    dear = [desk.sale(owner, min_price="100") for owner in (ann, cid)]
    desk.run()
    assert [look(desk, sale).total_amount for sale in dear] == [Money("9.99")] * 2
    desk.bring(ann, "0.0999")
    together = [desk.sale(bob), desk.sale(ann, min_price="100")]
    desk.run()
    assert [look(desk, sale).total_amount for sale in together] == [Money("3.00"), Money("9.99")]
    assert [placed.price for placed in at_the_exchange(desk)] == [Decimal(100), Decimal(100)]
    assert desks_own(desk, "SOL") == Decimal("0.0017"), "what is less than a lot, twice"
    desk.check()


def test_a_fill_above_the_price_is_not_what_it_pays_for_the_rest(desk: Desk, ann: Owner) -> None:
    """Somebody may buy his own lots at the exchange for more, to have the desk pay that for the rest."""
    desk.bring(ann, "0.1009")
    desk.world.bid("105", "100", "SOLUSDT")
    sale = desk.sale(ann)
    desk.run()
    assert look(desk, sale).total_amount == Money("10.59")  # 10.50 and 0.09
    assert desks_own(desk) == Decimal("-0.09")
    desk.check()


def test_what_is_less_than_an_order_whoever_sells_is_bought_at_the_price(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.list_exchange_asset()
    for owner in (ann, bob):
        desk.bring(owner, "0.02")
    sales = [desk.sale(ann, min_price="100"), desk.sale(bob)]
    assert close(desk) == 1
    assert [look(desk, sale).total_amount for sale in sales] == [Money("2.00")] * 2
    desk.check()


@pytest.mark.parametrize("usd", ["6", "1000"])
def test_who_buys_and_sells_in_turn_gains_nothing(desk: Desk, ann: Owner, usd: str) -> None:
    """The price is $100, the market 100.85 to 100.90, within the slippage."""
    desk.list_exchange_asset(min_notional="1")
    desk.world.nobody_buys()
    desk.world.bid("100.85", "10000", "SOLUSDT")
    desk.world.ask("100.90", "10000")
    held, had = Money(usd), sum(dollars(desk, ann), ZERO)
    for _ in range(3):
        desk.purchase(ann, str(held))
        desk.run()
        sale = desk.sale(ann)
        desk.run()
        got = look(desk, sale).total_amount
        assert got is not None
        assert got <= held
        held = got
    assert sum(dollars(desk, ann), ZERO) < had
    desk.check()
