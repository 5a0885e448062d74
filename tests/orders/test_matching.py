"""Who is filled, in which order, and at which price: a busy account, equal prices, a price that is about to change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import clock
from common.domain.catalogue.store import NOTICE
from common.money import Money, Price
from common.owner import Owner
from common.table.transaction import Patience
from functions.orders import schedule
from functions.orders.model import Order, Side, Status
from functions.orders.service import marks
from tests.desk import Desk
from tests.harness.faults import Call, Conflict, Faults
from tests.harness.invocation import Invocation

REQUEST = timedelta(milliseconds=20)


def busy(desk: Desk, *usernames: str, times: float = float("inf")) -> None:
    """From now on somebody else writes these accounts whenever a transaction of ours comes: the first so many times.
    A request takes 20 ms, and a round waits for a busy table as that of the clock does."""
    left = times

    def choose(call: Call) -> Conflict | None:
        nonlocal left
        desk.clock.at += REQUEST
        hit = {n for n, item in enumerate(call.arguments.get("TransactItems", ())) if _key(item) in usernames}
        if not hit or left <= 0:
            return None
        left -= 1
        return Conflict(frozenset(hit))

    desk.client = Faults(choose, calls_max=None).client(desk.dynamo)
    desk.patience = Patience(
        budget_seconds=0.5, monotonic=desk.clock.monotonic, sleep=desk.clock.sleep, jitter=lambda: 0.5
    )


def _key(item: Mapping[str, Any]) -> str:
    """The partition that a statement of a transaction writes to."""
    (statement,) = item.values()
    return str(statement.get("Key", statement.get("Item"))["PK"]["S"])


def seconds(desk: Desk, number: float) -> Callable[[], bool]:
    """Is there still time, of so many seconds from now on?"""
    end = desk.clock.at + timedelta(seconds=number)
    return lambda: desk.clock.at < end


def resting(desk: Desk, owner: Owner, side: str, price: str, quantity: str = "1") -> Order:
    desk.clock.forward(seconds=1)
    return desk.place(owner, side, quantity, order_price=price).made


def status(desk: Desk, order: Order) -> Status:
    return desk.orders.order(order.owner, order.order_id).status


def filled(desk: Desk, *orders: Order) -> list[Order]:
    """Those that are, in the order of their fills."""
    seen = [(desk.orders.order(o.owner, o.order_id), o) for o in orders]
    return [o for now, o in sorted(seen, key=lambda pair: pair[0].updated_at) if now.status is Status.COMPLETED]


# Nobody is kept waiting by another


@pytest.mark.parametrize("side", Side)
def test_an_account_that_is_always_busy_stops_nobody_behind_it(desk: Desk, side: Side) -> None:
    """A hundred of its orders stand before all others, and none can be filled."""
    mallory, ann = desk.customer("mallory", usd="20000.00"), desk.customer("ann")
    for owner, quantity in ((mallory, "101"), (ann, "2")):
        desk.buy(owner, quantity)
    best, next_best, market = ("99", "98", "90") if side is Side.BUY else ("101", "102", "110")
    theirs = [resting(desk, mallory, side, best, "0.5") for _ in range(100)]
    mine = resting(desk, ann, side, next_best)
    desk.mark("BTC", market)
    busy(desk, "mallory")
    began = desk.clock.at
    assert desk.book.match(desk.catalogue, "BTC", seconds(desk, 40)) == 1
    assert status(desk, mine) is Status.COMPLETED
    assert {status(desk, order) for order in theirs} == {Status.PENDING}
    assert desk.clock.at - began < timedelta(seconds=3), "one account is waited for once"


def test_a_hundred_busy_accounts_stop_nobody_behind_them(desk: Desk) -> None:
    crowd = [desk.customer(f"mallory{n}") for n in range(100)]
    for owner in crowd:
        resting(desk, owner, "BUY", "99")
    mine = resting(desk, desk.customer("ann"), "BUY", "98")
    desk.mark("BTC", "90")
    busy(desk, *(owner.username for owner in crowd))
    assert desk.book.match(desk.catalogue, "BTC", seconds(desk, 4)) == 1
    assert status(desk, mine) is Status.COMPLETED


def test_an_account_that_is_busy_for_a_moment_is_filled_in_the_same_round(desk: Desk) -> None:
    mallory, ann = desk.customer("mallory"), desk.customer("ann")
    orders = [resting(desk, owner, "BUY", "99") for owner in (mallory, mallory, ann)]
    desk.mark("BTC", "90")
    busy(desk, "mallory", times=3)
    assert desk.book.match(desk.catalogue, "BTC", seconds(desk, 10)) == 3
    assert filled(desk, *orders) == [orders[2], orders[0], orders[1]]


def test_a_busy_account_does_not_keep_the_orders_of_others_from_expiring(desk: Desk) -> None:
    mallory, ann = desk.customer("mallory"), desk.customer("ann")
    for _ in range(100):
        resting(desk, mallory, "BUY", "9")
    mine = resting(desk, ann, "BUY", "9")
    desk.clock.forward(days=31)
    busy(desk, "mallory")
    assert desk.book.expire(seconds(desk, 40)) == 1
    assert status(desk, mine) is Status.CANCELLED


def test_a_hundred_busy_accounts_do_not_keep_others_from_expiring(desk: Desk) -> None:
    crowd = [desk.customer(f"mallory{n}") for n in range(100)]
    for owner in crowd:
        resting(desk, owner, "BUY", "9")
    mine = resting(desk, desk.customer("ann"), "BUY", "9")
    desk.clock.forward(days=31)
    busy(desk, *(owner.username for owner in crowd))
    assert desk.book.expire(seconds(desk, 7)) == 1
    assert status(desk, mine) is Status.CANCELLED


def test_a_busy_account_with_very_many_orders_does_not_keep_others_for_ever(desk: Desk) -> None:
    """A round has time for a tenth of its orders."""
    mallory, ann = desk.customer("mallory"), desk.customer("ann")
    for _ in range(100):
        resting(desk, mallory, "BUY", "9", "0.2")
    mine = resting(desk, ann, "BUY", "9")
    desk.clock.forward(days=31)
    busy(desk, "mallory")
    for minute in range(60):
        desk.clock.at = desk.clock.at.replace(minute=minute, second=0)
        desk.book.expire(seconds(desk, 10 * REQUEST.total_seconds()))
    assert status(desk, mine) is Status.CANCELLED


def test_a_busy_account_is_done_with_as_soon_as_it_is_quiet(desk: Desk) -> None:
    mallory = desk.customer("mallory")
    orders = [resting(desk, mallory, "BUY", "99") for _ in range(3)]
    desk.mark("BTC", "90")
    busy(desk, "mallory")
    assert desk.book.match(desk.catalogue, "BTC", seconds(desk, 40)) == 0
    desk.client = None
    assert desk.match() == 3
    assert filled(desk, *orders) == orders


def test_buyers_and_sellers_take_turns(desk: Desk) -> None:
    ann, bob = desk.customer("ann"), desk.customer("bob")
    desk.buy(bob, "2")
    buys = [resting(desk, ann, "BUY", "100") for _ in range(5)]
    sale = resting(desk, bob, "SELL", "100")
    desk.mark("BTC", "100")
    time_left = iter([True, True, False])
    assert desk.book.match(desk.catalogue, "BTC", lambda: next(time_left)) == 2
    assert filled(desk, *buys, sale) == [buys[0], sale]


def test_one_asset_can_not_use_up_the_time_of_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of its orders are to be filled, whichever asset is first."""
    desk.list_asset("AI", "100")
    ann, bob = desk.customer("ann", usd="100000.00"), desk.customer("bob", usd="100000.00")
    for _ in range(150):
        desk.buy(ann, "0.1", "AI", order_price="99")
        desk.buy(bob, "0.1", "AI", order_price="99")
    mine = resting(desk, ann, "BUY", "99")
    monkeypatch.setattr(schedule, "catalogue", lambda: desk.catalogue)
    monkeypatch.setattr(schedule, "book", lambda: desk.book)
    monkeypatch.setattr(marks, "refresh", lambda *_: marks.Refreshed(0, {}))
    monkeypatch.setattr(clock, "now", desk.clock)
    for minute in range(2):
        for asset_id in ("AI", "BTC"):
            desk.mark(asset_id, "90")
        busy(desk)  # each request takes its time
        context, end = Invocation(55), desk.clock.at.replace(minute=minute) + timedelta(milliseconds=19_000)
        desk.clock.at = desk.clock.at.replace(minute=minute)
        context.get_remaining_time_in_millis = lambda: int((end - desk.clock.at).total_seconds() * 1000)  # type: ignore[method-assign]  # noqa: B023
        schedule.tend_market({}, context)
        assert filled(desk, mine), "in the very first round"


# Price, then time


@pytest.mark.parametrize("side", Side)
def test_the_best_price_is_filled_first_and_the_oldest_at_one_price(desk: Desk, side: Side) -> None:
    ann = desk.customer(usd="100000.00")
    desk.buy(ann, "100")
    desk.mark("BTC", "100")
    at_market, best = ("100", "101") if side is Side.BUY else ("100", "99")
    older = [resting(desk, ann, side, at_market) for _ in range(12)]
    better = [resting(desk, ann, side, best) for _ in range(3)]
    younger = [resting(desk, ann, side, at_market) for _ in range(12)]
    desk.mark("BTC", "100")
    assert desk.match() == 27
    assert filled(desk, *older, *better, *younger) == [*better, *older, *younger]


# Two prices are known


def known(desk: Desk, price: str) -> None:
    """It is written, and counts in six seconds."""
    desk.mark("BTC", price, NOTICE)


@pytest.mark.parametrize(("side", "limit", "now", "soon"), [("SELL", "105", "108", "90"), ("BUY", "95", "90", "108")])
def test_no_limit_order_fills_at_a_price_that_is_known_to_be_over(
    desk: Desk, side: str, limit: str, now: str, soon: str
) -> None:
    ann = desk.customer()
    desk.buy(ann, "2")
    order = resting(desk, ann, side, limit)
    desk.mark("BTC", now)
    known(desk, soon)
    assert desk.match() == 0
    desk.clock.forward(seconds=6)
    assert desk.match() == 0
    assert status(desk, order) is Status.PENDING


@pytest.mark.parametrize(("side", "limit", "price"), [("SELL", "90", "95"), ("BUY", "110", "105")])
@pytest.mark.parametrize(("now", "soon"), [("95", "105"), ("105", "95")])
def test_an_order_that_both_prices_cross_fills_at_the_worse_one(
    desk: Desk, side: str, limit: str, price: str, now: str, soon: str
) -> None:
    ann = desk.customer()
    desk.buy(ann, "2")
    order = resting(desk, ann, side, limit)
    desk.mark("BTC", now)
    known(desk, soon)
    assert desk.match() == 1
    assert desk.orders.order(ann, order.order_id).price_per_unit == Price(price)


@pytest.mark.parametrize(("now", "soon"), [("95", "105"), ("105", "95")])
def test_a_market_order_is_at_the_worse_of_the_two_prices(desk: Desk, now: str, soon: str) -> None:
    """And at the new one alone when it counts."""
    ann = desk.customer()
    desk.buy(ann, "2")
    desk.mark("BTC", now)
    known(desk, soon)
    assert (desk.buy(ann, "1").price_per_unit, desk.sell(ann, "1").price_per_unit) == (Price(105), Price(95))
    desk.clock.forward(seconds=6)
    assert desk.buy(ann, "1").price_per_unit == desk.sell(ann, "1").price_per_unit == Price(soon)


def test_a_cash_out_is_held_against_the_lower_price_a_purchase_the_higher(desk: Desk) -> None:
    desk.list_exchange_asset()
    ann = desk.customer()
    desk.clients(ann)
    desk.buy(ann, "2")
    known(desk, "101")
    assert desk.cash_out(ann, "1").quote.price == Price(100)
    desk.clock.forward(seconds=10)
    known(desk, "100")
    assert desk.cash_out(ann, "1", "100.00").quote.price == Price(100)
    desk.mark("SOL", "101", NOTICE)
    assert desk.purchase(ann, quantity="1").held == Money(101)


def test_a_price_that_takes_effect_during_a_round_is_filled_at_from_then_on(desk: Desk) -> None:
    ann = desk.customer()
    orders = [resting(desk, ann, "BUY", "100") for _ in range(2)]
    desk.mark("BTC", "100")
    known(desk, "95")
    rounds = iter([0, 6, 0])

    def more_time() -> bool:
        desk.clock.forward(seconds=next(rounds))
        return True

    assert desk.book.match(desk.catalogue, "BTC", more_time) == 2
    prices = [desk.orders.order(ann, order.order_id).price_per_unit for order in orders]
    assert prices == [Price(100), Price(95)]


def test_a_price_written_by_another_during_a_round_is_seen_in_it(desk: Desk, counted: Counter[str]) -> None:
    """By an operator, or by a round that overlaps: this one's view of the market is never older than others'."""
    ann = desk.customer()
    desk.buy(ann, "2")
    desk.catalogue_is_cached()
    orders = [resting(desk, ann, "SELL", "100") for _ in range(2)]
    desk.mark("BTC", "108")
    desk.catalogue.fresh()

    def more_time() -> bool:
        if filled(desk, *orders):
            known(desk, "90")
            desk.clock.forward(seconds=5)
        return True

    assert desk.book.match(desk.catalogue, "BTC", more_time) == 1
    assert filled(desk, *orders) == [orders[0]]
    assert not counted, "the other one does not cross any more, which is no bug"
    assert desk.accounts.balance(ann).current == Money(Decimal(1000) - 200 + 108)
