"""Sales at the exchange: what a customer asks for, on its own and in a pool, and what he gets for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from common import keys
from common.domain import pools
from common.domain.catalogue.model import AboveMaximum, AssetInactive, PrecisionExceeded, PriceMoved
from common.domain.holds import Hold, Kind, explained
from common.domain.ledger import store as ledger
from common.domain.ledger.model import InsufficientAsset, NothingToSell, TooManyOpenOrders
from common.errors import Refusal
from common.idempotency import IdempotencyKeyReused
from common.money import ZERO, Money, Quantity
from common.owner import Owner
from functions.orders.model import BoughtElsewhere
from functions.purchases.model import BatchStatus, Status
from functions.purchases.sale_model import PartTooSmall, Sale, SaleNotFound, SaleNotPending, SoldHere
from functions.purchases.strategy import Strategy
from sandbox.exchange.orders import Fees
from tests.desk import Desk
from tests.outside import ACCOUNT
from tests.purchases.test_dead_exchange import decide, silent
from tests.purchases.test_not_believed import lies
from tests.seen import around, at_the_exchange, before_next_write, coins, desks_own, dollars, raw, status


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Somebody buys all SOL that is offered, at $100, and the exchange takes no fee."""
    desk.world.nobody_sells()
    desk.world.venue.set_fees(Fees(Decimal(0)), ACCOUNT)
    desk.world.bid("100", "10000", "SOLUSDT")
    return desk


@contextmanager
def refused(desk: Desk, kind: type[Refusal]) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """The block is refused so, and nothing has come of it."""
    before = desk.dynamo.items()
    with pytest.raises(kind) as told:
        yield told
    assert type(told.value) is kind
    assert desk.dynamo.items() == before


def look(desk: Desk, sale: Sale) -> Sale:
    return desk.sales.sale(sale.owner, sale.order_id)


def free(desk: Desk, owner: Owner) -> Decimal:
    return dollars(desk, owner)[0].usd


def close(desk: Desk) -> int:
    desk.clock.forward(seconds=86_400)
    desk.mark("SOL", "100")
    closed = desk.close_pools()
    desk.run()
    return closed


# On its own


def test_everything_is_sold_at_once_from_the_minimum_on(desk: Desk, ann: Owner) -> None:
    """And booked as any other sale: its cost leaves with it."""
    desk.bring(ann, "0.1")
    before = free(desk, ann)
    sale = desk.sale(ann)
    assert (sale.strategy, sale.status, sale.sells_all, sale.quantity) == (
        Strategy.DIRECT,
        Status.PENDING,
        True,
        Quantity("0.1", "SOL"),
    )
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal("0.1"))
    desk.run()
    sale = look(desk, sale)
    assert (sale.status, sale.executed, sale.total_amount, sale.reason) == (
        Status.COMPLETED,
        Quantity("0.1", "SOL"),
        Money("10.00"),
        None,
    )
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))
    assert free(desk, ann) == before + 10
    (line,) = [line for line in ledger.lines(desk.table, ann, "SOL") if line.order_id == sale.order_id]
    assert (line.total_amount, line.cost, line.realised_gain) == (Money("10.00"), Money("10.00"), ZERO)
    desk.check()
    desk.check_as_the_product_does()


def test_a_gain_is_what_it_brought_above_its_cost(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.4")
    desk.mark("SOL", "120")
    desk.world.bid("120", "10", "SOLUSDT")
    sale = desk.sale(ann, "0.1")
    desk.run()
    (line,) = [line for line in ledger.lines(desk.table, ann, "SOL") if line.order_id == sale.order_id]
    assert (line.total_amount, line.cost, line.realised_gain) == (Money("12.00"), Money("10.00"), Money("2.00"))
    desk.check()


def test_the_exchanges_fee_is_the_sellers(desk: Desk, ann: Owner) -> None:
    desk.world.venue.set_fees(Fees(Decimal(10)), ACCOUNT)
    desk.bring(ann, "0.5")
    sale = desk.sale(ann)
    desk.run()
    assert look(desk, sale).total_amount == Money("49.95")
    desk.check()


def test_what_is_less_than_a_lot_is_bought_by_the_desk(desk: Desk, ann: Owner) -> None:
    """At what the lots have brought a unit."""
    desk.bring(ann, "0.123456789")
    sale = desk.sale(ann)
    desk.run()
    sale = look(desk, sale)
    assert (sale.status, sale.executed, sale.total_amount) == (
        Status.COMPLETED,
        Quantity("0.123456789", "SOL"),
        Money("12.34"),
    )
    assert desks_own(desk, "SOL") == Decimal("0.000456789")
    assert desks_own(desk) == Decimal("12.30") - Decimal("12.34")
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))
    desk.check()
    desk.check_as_the_product_does()


def test_what_is_not_executed_goes_back(desk: Desk, ann: Owner) -> None:
    """And so does what is less than a lot of it: there are lots to be sold again."""
    desk.bring(ann, "1.4440005")
    sale = desk.sale(ann)
    desk.run()
    sale = look(desk, sale)
    assert (sale.status, sale.executed) == (Status.COMPLETED, Quantity("0.722", "SOL"))
    assert sale.reason is not None
    assert coins(desk, ann, "SOL") == (Decimal("0.7220005"), Decimal(0))
    assert desks_own(desk, "SOL") == 0
    desk.check()


def test_nothing_executed_gives_all_back(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "1.666")
    before = free(desk, ann)
    sale = desk.sale(ann)
    desk.run()
    sale = look(desk, sale)
    assert (sale.status, sale.executed, sale.total_amount) == (Status.FAILED, Quantity(0, "SOL"), ZERO)
    assert (coins(desk, ann, "SOL"), free(desk, ann)) == ((Decimal("1.666"), Decimal(0)), before)
    desk.check()


def test_a_sale_is_at_the_slippage_and_at_the_min_price_at_least(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner in (ann, bob):
        desk.bring(owner, "0.2")
    desk.sale(ann)
    desk.sale(bob, min_price="99.995")
    desk.run()
    assert sorted(order.price for order in at_the_exchange(desk)) == [Decimal("99.00"), Decimal("100.00")]
    desk.check()


# In a pool


def test_four_dollars_that_were_bought_are_turned_into_dollars_by_one_call(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner, quantity in ((ann, "0.04"), (bob, "0.06")):
        desk.bring(owner, quantity)
    sold = desk.sale(ann)
    assert (sold.strategy, sold.shard, sold.generation) == (Strategy.POOLED, 0, 1)
    desk.run()
    assert at_the_exchange(desk) == []
    other = desk.sale(bob)
    assert sold.batch_id == other.batch_id == pools.batch_id("SOL", 0, 1, sells=True)
    desk.run()
    assert [(look(desk, s).status, look(desk, s).total_amount) for s in (sold, other)] == [
        (Status.COMPLETED, Money("4.00")),
        (Status.COMPLETED, Money("6.00")),
    ]
    assert [order.quantity for order in at_the_exchange(desk)] == [Decimal("0.1")]
    assert [coins(desk, owner, "SOL") for owner in (ann, bob)] == [(Decimal(0), Decimal(0))] * 2
    desk.check()
    desk.check_as_the_product_does()


def test_a_pool_of_purchases_and_one_of_sales_never_meet(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.bring(ann, "0.06")
    sold, bought = desk.sale(ann), desk.purchase(bob, "6.00")
    assert sold.batch_id != bought.batch_id
    assert raw(desk, "POOL#SOL#0", "HEAD")["total"] == 6
    assert raw(desk, "POOL#SOL#0", "SALES")["total"] == Decimal("0.06")
    desk.check()


def test_who_leaves_the_pool_has_his_coins_back(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.06")
    sale = desk.sale(ann)
    after = desk.sales.cancel(ann, sale.order_id)
    assert (after.status, after.reason) == (Status.CANCELLED, "cancelled by the customer")
    assert coins(desk, ann, "SOL") == (Decimal("0.06"), Decimal(0))
    assert desk.sales.cancel(ann, sale.order_id) == look(desk, sale)
    assert not list(desk.dynamo.items(having="open_work"))
    desk.check()


def test_what_is_being_sold_can_not_be_cancelled(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner in (ann, bob):
        desk.bring(owner, "0.2")
    direct, pooled, filling = desk.sale(ann, "0.1"), desk.sale(ann, "0.06"), desk.sale(bob, "0.05")
    for sale in (direct, pooled, filling):
        with refused(desk, SaleNotPending):
            desk.sales.cancel(sale.owner, sale.order_id)
    desk.run()
    for sale in (direct, pooled, filling):
        with refused(desk, SaleNotPending):
            desk.sales.cancel(sale.owner, sale.order_id)


def test_a_pool_that_does_not_fill_is_sold_as_it_is_at_its_deadline(desk: Desk, ann: Owner) -> None:
    """Here the exchange takes $7, of which it asks at least $5."""
    desk.bring(ann, "0.07")
    sale = desk.sale(ann)
    assert sale.expires_at is not None
    assert close(desk) == 1
    assert (look(desk, sale).status, look(desk, sale).total_amount) == (Status.COMPLETED, Money("7.00"))
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))
    desk.check()


@pytest.mark.parametrize("quantity", ["0.000000001", "0.0000999", "0.0123456", "0.049"])
def test_a_holding_is_emptied_by_one_call_however_small_it_is(desk: Desk, ann: Owner, quantity: str) -> None:
    """What the exchange takes no order of, the desk's own book buys at the price then, down to the cent."""
    desk.bring(ann, quantity)
    sale = desk.sale(ann)
    assert close(desk) == 1
    sale = look(desk, sale)
    worth = (Decimal(quantity) * 100).quantize(Decimal("0.01"), "ROUND_FLOOR")
    assert (sale.status, sale.total_amount, sale.reason) == (Status.COMPLETED, Money(worth), None)
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(0))
    assert (desks_own(desk, "SOL"), desks_own(desk)) == (Decimal(quantity), -worth)
    assert at_the_exchange(desk) == []
    desk.check()
    desk.check_as_the_product_does()


def test_the_desks_book_buys_no_more_a_day_than_its_limit(desk: Desk, ann: Owner, bob: Owner) -> None:
    """What it would buy beyond goes back; the next day begins anew."""
    desk.list_exchange_asset(desk_buys_max="4.99", pool_deadline_seconds=60)
    for owner in (ann, bob):
        desk.bring(owner, "0.025")
    sales = []
    for owner in (ann, bob):
        sales.append(desk.sale(owner))
        desk.clock.forward(seconds=61)
        desk.mark("SOL", "100")
        desk.close_pools()
        desk.run()
    assert [look(desk, sale).status for sale in sales] == [Status.COMPLETED, Status.FAILED]
    assert look(desk, sales[1]).reason == (
        "not sold: the desk buys no more today of what is less than the exchange's smallest order"
    )
    assert coins(desk, bob, "SOL") == (Decimal("0.025"), Decimal(0))
    desk.clock.forward(days=1)
    desk.mark("SOL", "100")
    again = desk.sale(bob)
    desk.clock.forward(seconds=61)
    desk.mark("SOL", "100")
    desk.close_pools()
    desk.run()
    assert look(desk, again).status is Status.COMPLETED
    desk.check()


@pytest.mark.parametrize(("limit", "bought"), [("0.00", False), ("0.03", False), ("0.05", True)])
def test_the_rest_below_a_lot_is_within_the_limit_or_goes_back(
    desk: Desk, ann: Owner, limit: str, bought: bool
) -> None:
    desk.list_exchange_asset(desk_buys_max=limit)
    desk.bring(ann, "0.1004")
    sale = desk.sale(ann)
    desk.run()
    sale = look(desk, sale)
    assert sale.executed == Quantity("0.1004" if bought else "0.1", "SOL")
    assert sale.reason == (None if bought else "the desk buys no more today of what is less than a lot")
    assert coins(desk, ann, "SOL") == (Decimal(0) if bought else Decimal("0.0004"), Decimal(0))
    desk.check()


def test_members_are_paid_to_the_cent_by_what_they_sold(desk: Desk, ann: Owner, bob: Owner, cid: Owner) -> None:
    desk.world.nobody_sells()
    desk.world.bid("99.99", "1000", "SOLUSDT")
    for owner, quantity in ((ann, "0.0333"), (bob, "0.0333"), (cid, "0.0334")):
        desk.bring(owner, quantity)
    sales = [desk.sale(owner) for owner in (ann, bob, cid)]
    desk.run()
    got = [look(desk, sale).total_amount for sale in sales]
    assert sorted(amount.usd for amount in got if amount) == [Decimal("3.33"), Decimal("3.33"), Decimal("3.33")]
    assert desks_own(desk) == Decimal("9.999") - Decimal("9.99")
    desk.check()


def test_a_member_whose_min_price_is_above_the_limit_does_not_sell(desk: Desk, ann: Owner, bob: Owner) -> None:
    """The others do not wait for him."""
    for owner in (ann, bob):
        desk.bring(owner, "0.08")
    dear, other = desk.sale(ann, min_price="99.50"), desk.sale(bob)
    desk.run()
    assert [look(desk, sale).status for sale in (dear, other)] == [Status.FAILED, Status.COMPLETED]
    assert look(desk, dear).reason == "not sold: the limit of $99 is below min_price $99.5"
    assert coins(desk, ann, "SOL") == (Decimal("0.08"), Decimal(0))
    desk.check()


# What becomes of the asset meanwhile


def test_a_sale_of_an_asset_that_is_switched_off_meanwhile_goes_back(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner in (ann, bob):
        desk.bring(owner, "0.08")
    sale, second = desk.sale(ann), desk.sale(bob)
    desk.list_exchange_asset(active=False)
    desk.run()
    for sold in (sale, second):
        assert (look(desk, sold).status, look(desk, sold).reason) == (
            Status.FAILED,
            "not sold: SOL is not traded at present",
        )
        assert coins(desk, sold.owner, "SOL") == (Decimal("0.08"), Decimal(0))
    desk.check()


def test_who_waits_for_an_asset_that_is_switched_off_can_leave(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner in (ann, bob):
        desk.bring(owner, "0.04")
    leaves, stays = desk.sale(ann), desk.sale(bob)
    desk.list_exchange_asset(active=False)
    with refused(desk, AssetInactive):
        desk.sale(ann, "0.01")
    assert desk.sales.cancel(ann, leaves.order_id).status is Status.CANCELLED
    assert close(desk) == 1
    assert look(desk, stays).status is Status.FAILED
    assert coins(desk, bob, "SOL") == (Decimal("0.04"), Decimal(0))
    desk.check()


def test_a_sale_of_an_asset_that_the_exchange_has_delisted_goes_back(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(exchange_symbol="GONE")
    desk.bring(ann, "0.2")
    sale = desk.sale(ann)
    desk.run()
    assert look(desk, sale).status is Status.FAILED
    assert coins(desk, ann, "SOL") == (Decimal("0.2"), Decimal(0))
    desk.check()


def test_all_is_what_was_free_as_a_purchase_of_the_same_coin_ends(desk: Desk, ann: Owner) -> None:
    """What it brings is sold by the next call."""
    desk.bring(ann, "0.2")
    desk.world.ask("100.5", "1000")
    bought = desk.purchase(ann, "20.00")
    sale = desk.sale(ann)
    desk.run()
    got = desk.purchases.purchase(ann, bought.order_id).executed
    assert got is not None
    assert look(desk, sale).executed == Quantity("0.2", "SOL")
    assert coins(desk, ann, "SOL") == (got.amount, Decimal(0))
    second = desk.sale(ann)
    desk.run()
    assert look(desk, second).executed == got
    desk.check()


# What is refused


def test_what_is_not_there_is_not_sold(desk: Desk, ann: Owner, bob: Owner) -> None:
    with refused(desk, NothingToSell):
        desk.sale(ann)
    desk.bring(ann, "0.2")
    with refused(desk, InsufficientAsset):
        desk.sale(ann, "0.21")
    with refused(desk, NothingToSell):
        desk.sale(bob)
    desk.sale(ann)
    with refused(desk, NothingToSell):
        desk.sale(ann)


def test_a_small_part_is_not_sold_but_everything_is(desk: Desk, ann: Owner) -> None:
    """A part of nothing in particular would cost more than it is worth."""
    desk.bring(ann, "0.0099")
    with refused(desk, PartTooSmall):
        desk.sale(ann, "0.0098")
    assert desk.sale(ann, "0.0099").status is Status.PENDING


def test_what_is_told_of_the_asset_holds_for_sales(desk: Desk, ann: Owner) -> None:
    desk.list_asset("BTC")
    desk.buy(ann, "1")
    with refused(desk, SoldHere) as here:
        desk.sale(ann, asset_id="BTC")
    assert here.value.facts == {"route": "POST /orders"}
    desk.bring(ann, "1")
    with refused(desk, PrecisionExceeded):
        desk.sale(ann, "0.0123456789")
    with refused(desk, PriceMoved):
        desk.sale(ann, min_price="100.01")
    desk.list_exchange_asset(max_notional="50")
    with refused(desk, AboveMaximum):
        desk.sale(ann, "0.6")
    assert desk.sale(ann).quantity == Quantity(1, "SOL"), "all of it is sold however much it is"


def test_an_order_to_sell_such_an_asset_is_told_where_to_go(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "1")
    with refused(desk, BoughtElsewhere) as elsewhere:
        desk.sell(ann, "0.5", "SOL")
    assert elsewhere.value.facts == {"route": "POST /sales"}
    assert "POST /sales" in elsewhere.value.detail


def test_a_repeat_is_the_first_sale_for_ever(desk: Desk, ann: Owner) -> None:
    """Also when there is nothing left to sell, or the asset is switched off."""
    desk.bring(ann, "0.2")
    first = desk.sale(ann, key="k")
    assert desk.sale(ann, key="k") == first
    desk.run()
    desk.list_exchange_asset(active=False)
    assert desk.sale(ann, key="k") == look(desk, first)
    with refused(desk, IdempotencyKeyReused):
        desk.sale(ann, "0.2", key="k")


def test_another_persons_sale_is_not_there(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.bring(ann, "0.05")
    sale = desk.sale(ann)
    for ask in (desk.sales.sale, desk.sales.cancel):
        with refused(desk, SaleNotFound):
            ask(bob, sale.order_id)


def test_sales_that_are_open_are_counted(desk: Desk, ann: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "OPEN_ORDERS_MAX", 2)
    desk.bring(ann, "1")
    desk.sale(ann, "0.02")
    second = desk.sale(ann, "0.03")
    with refused(desk, TooManyOpenOrders):
        desk.sale(ann, "0.01")
    desk.sales.cancel(ann, second.order_id)
    desk.sale(ann, "0.01")
    desk.check()


def test_a_pool_and_a_batch_of_sales_are_seen_by_operators(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.06")
    sale = desk.sale(ann)
    pool = desk.operations.story("SOL:0:SALES")
    assert (pool.kind, pool.batch, pool.members) == ("sale_pool", sale.batch_id, [sale.order_id])
    assert pool.waits_for == "sales worth $10.00 together, or its deadline"
    told = desk.operations.story(sale.order_id)
    assert (told.kind, told.pool, told.batch) == ("sale", "SOL:0:SALES", sale.batch_id)
    assert desk.operations.story(sale.batch_id).pool == "SOL:0:SALES"
    close(desk)
    batch = desk.operations.story(sale.batch_id)
    assert (batch.kind, batch.pool, batch.members) == ("batch", "SOL:0:SALES", [sale.order_id])
    assert keys.row_of_id(sale.order_id) is keys.SALE


def test_the_open_sales_of_a_customer_are_listed_with_what_they_hold(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner in (ann, bob):
        desk.bring(owner, "0.5")
    pooled, direct, gone = desk.sale(ann, "0.04"), desk.sale(ann, "0.2"), desk.sale(ann, "0.03")
    desk.sale(bob, "0.02")
    desk.sales.cancel(ann, gone.order_id)
    (coins,) = [balance for balance in explained(desk.table, ann).held if balance.asset_id == "SOL"]
    assert (coins.held, coins.unexplained) == (Decimal("0.24"), Decimal(0))
    told = [(each.thing_id, each.kind, each.hold, each.expires_at) for each in coins.holds]
    sales = [(s.order_id, Kind.SALE, Hold("SOL", s.quantity.amount), s.expires_at) for s in (pooled, direct)]
    assert told == sales
    desk.run()
    assert [each.thing_id for each in explained(desk.table, ann).open] == [pooled.order_id]


@pytest.mark.parametrize("quantity", ["0.04", "0.1"], ids=["pooled", "direct"])
def test_the_key_of_anothers_namesake_tells_nothing_of_his_sale(desk: Desk, ann: Owner, quantity: str) -> None:
    desk.bring(ann, "0.2")
    desk.sale(ann, quantity, key="k")
    with refused(desk, InsufficientAsset):
        desk.sale(Owner(ann.username, "another-sub"), quantity, key="k")


@pytest.mark.parametrize("quantity", ["0.04", "0.1", "all"], ids=["pooled", "direct", "everything"])
def test_one_key_that_is_sent_twice_at_once_is_one_sale(desk: Desk, ann: Owner, quantity: str) -> None:
    desk.bring(ann, "0.2")
    answers: list[Sale] = []
    before_next_write(desk, lambda: answers.append(desk.sale(ann, quantity, key="k")))
    answers.append(desk.sale(ann, quantity, key="k"))
    assert answers[0] == answers[1]
    assert coins(desk, ann, "SOL")[1] == answers[0].quantity.amount


def test_everything_is_what_is_left_when_another_sale_comes_in_between(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.5")
    before_next_write(desk, lambda: desk.sale(ann, "0.2"))
    assert desk.sale(ann).quantity == Quantity("0.3", "SOL")
    desk.check()


def test_cancelling_twice_at_once_gives_the_coins_back_once(desk: Desk, ann: Owner, bob: Owner) -> None:
    for owner in (ann, bob):
        desk.bring(owner, "0.04")
    asked, _ = desk.sale(ann), desk.sale(bob)
    before_next_write(desk, lambda: desk.sales.cancel(ann, asked.order_id))
    assert desk.sales.cancel(ann, asked.order_id).status is Status.CANCELLED
    assert coins(desk, ann, "SOL") == (Decimal("0.04"), Decimal(0))
    assert raw(desk, "POOL#SOL#0", "SALES")["members"] == 1
    desk.check()


# What goes wrong at the exchange


def test_a_batch_of_sales_that_was_not_sent_is_voided_by_an_operator(desk: Desk, ann: Owner) -> None:
    desk.bring(ann, "0.2")
    sale = desk.sale(ann)
    told = desk.batches.void(sale.batch_id, "ticket 47", "olga", public_reason="no market today", dry_run=False)
    assert told.done
    desk.run()
    assert (look(desk, sale).status, look(desk, sale).reason) == (Status.FAILED, "not sold: no market today")
    assert coins(desk, ann, "SOL") == (Decimal("0.2"), Decimal(0))
    desk.check()


@pytest.mark.parametrize("where", [BatchStatus.PLACED, BatchStatus.WORKING])
@pytest.mark.parametrize("executed", ["0", "1"])
def test_two_operators_end_what_a_dead_exchange_holds(
    desk: Desk, ann: Owner, where: BatchStatus, executed: str
) -> None:
    """By what they know of it: nothing was sold, or all."""
    desk.bring(ann, "1")
    fake = desk.world.fake
    if where is BatchStatus.PLACED:
        fake.drop_answer_next("place")
    desk.world.exchange = around(fake, order=silent, find=silent, cancel=silent)
    sale = desk.sale(ann)
    desk.run(days=0.2)
    assert status(desk, sale.batch_id) == where
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(1))
    decide(desk, sale.batch_id, executed, "100" if executed == "1" else "0")
    after = look(desk, sale)
    assert after.status is (Status.COMPLETED if executed == "1" else Status.FAILED)
    assert after.total_amount == Money(100 if executed == "1" else 0)
    assert coins(desk, ann, "SOL") == (Decimal(0 if executed == "1" else 1), Decimal(0))


@pytest.mark.parametrize(
    ("quantity", "gross"), [("1.1", "110"), ("1", "98.9"), ("1", "111")], ids=["too much", "below", "above"]
)
def test_a_fill_that_can_not_be_is_a_persons(desk: Desk, ann: Owner, quantity: str, gross: str) -> None:
    """More than was offered, below the limit, beyond the band: nothing is booked of it, and the coins stay held."""
    desk.bring(ann, "1")
    lies(desk, executed=Quantity(quantity, "SOL"), gross=Money(gross))
    sale = desk.sale(ann)
    desk.run(days=0.2)
    assert look(desk, sale).status is Status.PENDING
    assert coins(desk, ann, "SOL") == (Decimal(0), Decimal(1))
    assert "an operator" in str(desk.operations.story(sale.batch_id).waits_for)
    desk.world.exchange = desk.world.fake
    desk.interventions.redrive(sale.batch_id, "ask again", "olga", dry_run=False)
    desk.run()
    assert (look(desk, sale).status, look(desk, sale).total_amount) == (Status.COMPLETED, Money(100))
    desk.check()
