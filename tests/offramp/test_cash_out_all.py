"""Everything of a coin is cashed out by one call: lots at the exchange, and the rest to the desk's own book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.domain.catalogue.model import BelowMinimum, ContradictoryTerms
from common.domain.holds import Hold, explained
from common.domain.ledger import store as ledger
from common.domain.ledger.model import NothingToSell
from common.domain.limits import DailyLimitExceeded
from common.idempotency import IdempotencyKeyReused
from common.money import Money, Price, Quantity
from common.owner import Owner
from common.table.transaction import Busy
from functions.offramp.model import EstimateOutOfBand, NotALot, SaleRefused, SaleUnresolved, SellOrder, Status, Terms
from sandbox.exchange.orders import Fees, Symbol
from tests.desk import Desk
from tests.offramp.test_sell_orders import refused
from tests.outside import ACCOUNT
from tests.purchases.test_not_believed import lies
from tests.seen import OnItsWay, around, at_the_exchange, before_next_write, coins, desks_own, paid, raw


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """SOL is bought and sold at the exchange, in lots of 0.001 from $5 on; somebody buys all at $100, without a fee."""
    desk.list_exchange_asset(precision=18)
    desk.world.nobody_sells()
    desk.world.venue.set_fees(Fees(Decimal(0)), ACCOUNT)
    desk.world.bid("100", "10000", "SOLUSDT")
    return desk


def everything(desk: Desk, owner: Owner, **more: str) -> SellOrder:
    return desk.cash_out(owner, "all", **{"asset_id": "SOL", **more})


def look(desk: Desk, order: SellOrder) -> SellOrder:
    return desk.offramp.order(order.owner, order.order_id)


# What becomes of everything


@pytest.mark.parametrize(
    ("quantity", "lots", "amount"),
    [
        ("0.25", "0.25", "25.00"),
        ("0.1004", "0.1", "10.04"),
        ("0.100000000000000001", "0.1", "10.00"),
        ("1.234567890123456789", "1.234", "123.45"),
    ],
)
def test_a_holding_is_emptied_by_one_call_and_paid(
    desk: Desk, ann: Owner, quantity: str, lots: str, amount: str
) -> None:
    """At 18 decimals: what is less than a lot the desk's own book buys for what the lots have brought a unit."""
    desk.bring(ann, quantity)
    order = everything(desk, ann)
    assert (order.sells_all, order.quantity, order.estimated_amount) == (True, Quantity(quantity, "SOL"), Money(amount))
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(quantity))
    assert [placed.quantity for placed in at_the_exchange(desk)] == [Decimal(lots)]
    desk.run()
    sold = look(desk, order)
    assert (sold.status, sold.executed, sold.reason) == (Status.FILLED, Quantity(quantity, "SOL"), None)
    assert paid(desk, order.order_id)[0][1] == sold.total_amount == Money(amount)
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))
    assert desks_own(desk, "SOL") == Decimal(quantity) - Decimal(lots)
    (line,) = [line for line in ledger.lines(desk.table, ann, "SOL") if line.order_id == order.order_id]
    assert (line.quantity, line.total_amount) == (Quantity(quantity, "SOL"), Money(amount))
    desk.check_as_the_product_does()


@pytest.mark.parametrize(("quantity", "lots"), [("1000", "1000"), ("1007", "1000"), ("1999", "1990")])
def test_a_coin_without_decimals_is_emptied_too(desk: Desk, ann: Owner, quantity: str, lots: str) -> None:
    """The exchange sells it by tens."""
    ten = Decimal(10)
    desk.world.venue.list_symbol(Symbol("PENUSDT", "PEN", "USDT", Decimal("0.01"), ten, ten, Decimal(5), 3))
    desk.world.venue.deposit(ACCOUNT, "PEN", Decimal(10_000))
    desk.world.bid("0.04", "100000", "PENUSDT")
    desk.list_exchange_asset("PEN", "0.04", precision=0)
    desk.bring(ann, quantity, "PEN")
    order = everything(desk, ann, asset_id="PEN")
    desk.run()
    sold = look(desk, order)
    worth = (Decimal(quantity) * 4).to_integral_value() / 100
    assert (sold.status, sold.executed, sold.total_amount) == (Status.FILLED, Quantity(quantity, "PEN"), Money(worth))
    assert coins(desk, ann, "PEN") == (Decimal(0), Decimal(0))
    assert desks_own(desk, "PEN") == Decimal(quantity) - Decimal(lots)
    desk.check_as_the_product_does()


def test_the_fee_is_taken_off_what_the_desk_pays_too(desk: Desk, ann: Owner) -> None:
    """Its price is what the lots have brought after the exchange's fee: it costs nothing more than selling them did."""
    desk.world.venue.set_fees(Fees(Decimal(100)), ACCOUNT)
    desk.bring(ann, "0.1009")
    order = everything(desk, ann)
    desk.run()
    sold = look(desk, order)
    assert sold.desk_buys is not None
    assert sold.desk_buys.price == Price(99)
    assert (sold.gross, sold.fee, sold.total_amount) == (Money("10.0891"), Money("0.10"), Money("9.98"))


@pytest.mark.parametrize(("bid", "price"), [("104", "100"), ("98.5", "98.5")])
def test_the_rest_is_bought_at_the_fill_or_the_told_price_whichever_is_less(
    desk: Desk, ann: Owner, bid: str, price: str
) -> None:
    desk.world.venue.cancel_all("others", "SOLUSDT")
    desk.world.bid(bid, "1000", "SOLUSDT")
    desk.bring(ann, "0.1009")
    order = everything(desk, ann)
    desk.run()
    sold = look(desk, order)
    assert sold.desk_buys is not None
    assert (sold.desk_buys.price, sold.desk_buys.quantity) == (Price(price), Quantity("0.0009", "SOL"))


def test_of_a_part_only_nothing_is_bought_by_the_desk(desk: Desk, ann: Owner) -> None:
    """Half of the lots is sold: the other half, and what is less than a lot, go back."""
    desk.bring(ann, "1.4449")
    order = everything(desk, ann)
    desk.run()
    sold = look(desk, order)
    assert (sold.executed, sold.desk_buys) == (Quantity("0.722", "SOL"), None)
    assert sold.reason == "0.722 SOL of 1.4449 SOL were sold"
    assert coins(desk, ann, "SOL") == (Decimal("0.7229"), Decimal(0))
    assert desks_own(desk, "SOL") == 0


def test_when_nothing_is_sold_all_of_it_goes_back(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "1.6669")
    order = everything(desk, ann)
    desk.run()
    assert look(desk, order).status is Status.BASE_TXN_FAILED
    assert coins(desk, ann, "SOL") == (Decimal("1.6669"), Decimal(0))
    assert desks_own(desk, "SOL") == 0


def test_when_the_exchange_refuses_all_of_it_goes_back_and_may_be_asked_again(desk: Desk, ann: Owner) -> None:
    """All is what is free then: here more than at first."""
    desk.bring(ann, "0.1004")
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused):
        everything(desk, ann, key="k")
    assert coins(desk, ann, "SOL") == (Decimal("0.1004"), Decimal(0))
    desk.bring(ann, "0.1")
    again = everything(desk, ann, key="k")
    assert again.quantity == Quantity("0.2004", "SOL")
    desk.run()
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))


def test_a_part_at_the_bound_of_a_lie_gives_the_desk_no_coins(desk: Desk, ann: Owner) -> None:
    """An exchange that tells a fill it can not have: nothing of it is believed, and nothing is bought of the rest."""
    desk.bring(ann, "0.1004")
    order = everything(desk, ann)
    lies(desk, gross=Money("100"))
    desk.run(until=lambda: look(desk, order).needs_person, sweep=False)
    assert look(desk, order).needs_person
    assert desks_own(desk, "SOL") == 0
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal("0.1004"))
    desk.world.exchange = desk.world.fake


# What the desk's own book may buy


@pytest.mark.parametrize(("limit", "bought"), [("0.00", False), ("0.03", False), ("0.04", True)])
def test_the_desk_buys_the_rest_within_its_limit_or_it_goes_back(
    desk: Desk, ann: Owner, limit: str, bought: bool
) -> None:
    desk.list_exchange_asset(desk_buys_max=limit)
    desk.bring(ann, "0.1004")
    order = everything(desk, ann)
    desk.run()
    sold = look(desk, order)
    assert (sold.status, sold.executed) == (Status.FILLED, Quantity("0.1004" if bought else "0.1", "SOL"))
    part = "0.1 SOL of 0.1004 SOL were sold: the desk buys no more today of what is less than a lot"
    assert sold.reason == (None if bought else part)
    assert coins(desk, ann, "SOL") == (Decimal(0) if bought else Decimal("0.0004"), Decimal(0))
    assert sold.total_amount == Money("10.04" if bought else "10.00")


def test_sales_and_cash_outs_are_within_one_limit_together(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(desk_buys_max="0.05")
    bob = desk.customer("bob")
    for owner in (ann, bob):
        desk.bring(owner, "0.1004")
    desk.sale(bob)
    desk.run()
    order = everything(desk, ann)
    desk.run()
    assert (coins(desk, bob, "SOL"), look(desk, order).executed) == ((Decimal(0), Decimal(0)), Quantity("0.1", "SOL"))
    assert desks_own(desk, "SOL") == Decimal("0.0004")


def test_two_cash_outs_at_once_are_within_its_limit_together(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(desk_buys_max="0.05")
    bob = desk.customer("bob")
    desk.clients(bob)
    for owner in (ann, bob):
        desk.bring(owner, "0.1004")
    first, second = everything(desk, ann), everything(desk, bob)
    before_next_write(desk, lambda: desk.offramp.poll(second.order_id))
    desk.offramp.poll(first.order_id)
    assert [look(desk, order).executed for order in (first, second)] == [
        Quantity("0.1", "SOL"),
        Quantity("0.1004", "SOL"),
    ]
    assert desks_own(desk, "SOL") == Decimal("0.0004")


# What everything is


def test_everything_is_what_is_free(desk: Desk, ann: Owner) -> None:
    """What an open order holds stays with it."""
    desk.bring(ann, "0.3004")
    desk.cash_out(ann, "0.2", asset_id="SOL")
    order = everything(desk, ann)
    assert order.quantity == Quantity("0.1004", "SOL")
    desk.run()
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))


def test_what_comes_in_as_it_is_asked_for_is_not_sold(desk: Desk, ann: Owner) -> None:
    """As if it came after: nobody is sold more than he was told of."""
    desk.bring(ann, "0.2")
    before_next_write(desk, lambda: desk.bring(ann, "0.1"))
    assert everything(desk, ann).quantity == Quantity("0.2", "SOL")
    assert coins(desk, ann, "SOL") == (Decimal("0.1"), Decimal("0.2"))


def test_what_is_taken_as_it_is_asked_for_is_sold_once(desk: Desk, ann: Owner) -> None:
    """All is read again."""
    desk.bring(ann, "0.3004")
    before_next_write(desk, lambda: desk.cash_out(ann, "0.2", asset_id="SOL"))
    assert everything(desk, ann).quantity == Quantity("0.1004", "SOL")
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal("0.3004"))


def test_what_becomes_less_again_and_again_is_told_busy(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "2")

    def write(real: Callable[..., Any], **request: Any) -> Any:
        desk.client = None
        desk.sale(ann, "0.1")
        return real(**request)

    desk.client = around(desk.dynamo, transact_write_items=write)
    with pytest.raises(Busy):
        everything(desk, ann)
    assert at_the_exchange(desk) == []
    assert coins(desk, ann, "SOL") == (Decimal("1.5"), Decimal("0.5"))


def test_a_purchase_of_the_same_coin_that_ends_meanwhile_is_kept(desk: Desk, ann: Owner) -> None:
    """What it brings is sold by the next call."""
    desk.bring(ann, "0.2004")
    desk.world.ask("100.5", "1000")
    bought = desk.purchase(ann, "20.00")
    order = everything(desk, ann)
    desk.run()
    got = desk.purchases.purchase(ann, bought.order_id).executed
    assert got is not None
    assert look(desk, order).executed == Quantity("0.2004", "SOL")
    assert coins(desk, ann, "SOL") == (got.amount, Decimal(0))


def test_the_hold_of_everything_is_explained_to_the_last_unit(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.1004")
    everything(desk, ann)
    assert Hold("SOL", Decimal("0.1004")) in [thing.hold for thing in explained(desk.table, ann).open]


# Its repeat


def test_everything_of_a_key_is_what_it_was_at_first(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.1004")
    first = everything(desk, ann, key="k")
    desk.bring(ann, "0.3")
    assert everything(desk, ann, key="k").order_id == first.order_id
    assert coins(desk, ann, "SOL") == (Decimal("0.3"), Decimal("0.1004"))
    for other in ({"quantity": "0.1004"}, {"estimate": "10.04"}):
        with refused(desk, IdempotencyKeyReused):
            desk.cash_out(ann, **{"quantity": "all", "asset_id": "SOL", "key": "k", **other})
    assert len(at_the_exchange(desk)) == 1


def test_two_requests_for_everything_at_once_sell_it_once(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.1004")
    before_next_write(desk, lambda: everything(desk, ann, key="one"))
    with pytest.raises(NothingToSell):
        everything(desk, ann, key="two")
    assert len(at_the_exchange(desk)) == 1


# What is refused


def test_who_has_nothing_free_is_told_so(desk: Desk, ann: Owner) -> None:
    with refused(desk, NothingToSell):
        everything(desk, ann)
    desk.bring(ann, "0.2")
    desk.cash_out(ann, "0.2", asset_id="SOL")
    with refused(desk, NothingToSell):
        everything(desk, ann)


@pytest.mark.parametrize("quantity", ["0.000000000000000001", "0.04", "0.0999"])
def test_what_is_worth_less_than_a_cash_out_is_told_the_way(desk: Desk, ann: Owner, quantity: str) -> None:
    """And that way is open: everything is sold for dollars, which are withdrawn."""
    desk.bring(ann, quantity)
    with refused(desk, BelowMinimum) as told:
        everything(desk, ann)
    worth = str(Money((Decimal(quantity) * 100).quantize(Decimal("0.01"), "ROUND_FLOOR")))
    assert told.value.facts == {"notional_usd": worth, "min_notional_usd": "10.00", "route": "POST /sales"}
    assert told.value.detail.endswith("sell it by POST /sales, and withdraw the dollars")
    sale = desk.sale(ann)
    desk.clock.forward(days=1)
    desk.mark("SOL", "100")
    desk.close_pools()
    desk.run()
    assert desk.sales.sale(ann, sale.order_id).total_amount == Money(worth)
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))


def test_everything_below_the_exchanges_smallest_order_is_told_the_way(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(min_notional="1")
    desk.bring(ann, "0.0509")  # $5.09, and $4.90 at the least price, of whole lots
    with refused(desk, NotALot) as told:
        everything(desk, ann)
    assert told.value.facts["route"] == "POST /sales"


def test_a_small_part_of_a_coin_sold_here_is_told_its_own_way(desk: Desk, ann: Owner) -> None:
    desk.list_asset("BTC", "100", min_notional="10")
    with refused(desk, BelowMinimum) as told:
        desk.cash_out(ann, "0.05")
    assert told.value.facts["route"] == "POST /orders"


def test_an_estimate_of_everything_is_held_to_the_band(desk: Desk, ann: Owner) -> None:
    """So what comes in between is not sold to a customer who has told what he expects."""
    desk.bring(ann, "0.2")
    with refused(desk, EstimateOutOfBand):
        everything(desk, ann, estimate="10.00")
    assert everything(desk, ann, estimate="20.40").estimated_amount == Money("20.40")


def test_a_quantity_needs_an_estimate_and_everything_none() -> None:
    with pytest.raises(ContradictoryTerms):
        Terms("SOL", Decimal(1), None, "ann-crypto", "ann-bank")
    assert Terms("SOL", None, None, "ann-crypto", "ann-bank").quantity is None


def test_everything_has_no_largest_size_but_the_days_limit(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.8004")
    desk.list_exchange_asset(max_notional="50")
    desk.rules = replace(desk.rules, withdrawal_limit=Money("80.03"))
    with refused(desk, DailyLimitExceeded):
        everything(desk, ann)
    desk.rules = replace(desk.rules, withdrawal_limit=Money("80.04"))
    order = everything(desk, ann)
    desk.run()
    assert look(desk, order).total_amount == Money("80.04")


def test_the_days_limit_counts_what_is_paid_and_not_what_went_back(desk: Desk, ann: Owner) -> None:
    """The rest that the desk did not buy takes nothing from it: `desk.check` adds the counter up."""
    desk.list_exchange_asset(desk_buys_max="0")
    desk.bring(ann, "0.1009")
    order = everything(desk, ann)
    assert order.estimated_amount == Money("10.09")
    desk.run()
    assert look(desk, order).total_amount == Money("10.00")


def test_the_row_of_one_without_a_rest_has_nothing_of_the_desk(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.2")
    order = everything(desk, ann)
    desk.run()
    row = raw(desk, order.order_id, "SELL_ORDER")
    assert not {"rest_quantity", "desk_buys_max", "desk_quantity", "desk_price"} & row.keys()


def test_an_exchange_without_an_answer_keeps_all_of_it_held(desk: Desk, ann: Owner) -> None:
    """Until it is known that it has not got the order: then all of it is free again."""
    desk.bring(ann, "0.1004")
    OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        everything(desk, ann)
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal("0.1004"))
    desk.run()
    assert coins(desk, ann, "SOL") == (Decimal("0.1004"), Decimal(0))
    assert desks_own(desk, "SOL") == 0
