"""What an exchange tells once and takes back, tells twice, or tells too late; and what it takes of an account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.domain import timeline, trade_cursors
from common.gateways.exchange import ExchangeOrderUnknown, MarketUnknown, Side
from common.gateways.exchange.binance_weight import UsedWeight
from common.gateways.exchange.maker import MakerOrder, Market, OwnTrade
from functions.market_making.model import Status
from functions.market_making.service.cycling import look
from sandbox.exchange.venue import BUY, SELL, Limits
from tests.market_making.audit import go_on, live, live_until
from tests.market_making.market import ACCOUNT, ORDER
from tests.market_making.outside import check
from tests.market_making.test_quoting_faults import BTC, Faulty
from tests.market_making.test_withdrawing import OTHER, Two

TEN = timedelta(seconds=10)


@pytest.fixture
def faulty() -> Faulty:
    faulty = Faulty()
    faulty.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]  # nobody comes by but whom a test sends
    return faulty


@pytest.fixture
def two() -> Two:
    return Two()


def test_more_trades_than_were_executed_are_a_doubt(faulty: Faulty) -> None:
    """A fill is told as two trades, with two ids."""
    faulty.ticks(2)
    faulty.take(BUY, "0.001")
    real = faulty.fake.trades_after

    def twice(market: Market, after: int) -> list[OwnTrade]:
        told = [two for one in real(market, 0) for two in (one, replace(one, trade_id=one.trade_id + 1000))]
        return [trade for trade in sorted(told, key=lambda t: t.trade_id) if trade.trade_id > after]

    faulty.fake.trades_after = twice  # type: ignore[method-assign, assignment]
    failed = 0
    for _ in range(4):
        faulty.move(60_300)
        failed += faulty.tick().failed
        faulty.market.clock.at += TEN
    assert failed
    assert not faulty.open


def test_the_number_of_a_trade_that_is_told_once_blinds_nobody(faulty: Faulty) -> None:
    faulty.ticks(2)
    real, at, lies = faulty.fake.trades_after, faulty.market.clock.at, [1]
    far = OwnTrade(9 * 10**18, "42", Side.SELL, Decimal(6), Decimal(1), Decimal(6), Decimal(0), "USDT", True, at)

    def lying(market: Market, after: int) -> list[OwnTrade]:
        return [*real(market, after), *([far] if lies and lies.pop() else [])]

    faulty.fake.trades_after = lying  # type: ignore[method-assign, assignment]
    faulty.ticks(1)
    for _ in range(4):
        faulty.take(BUY, "0.001")
        faulty.move(60_000)
        faulty.ticks(1)
    there = faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    assert len(faulty.lines) == len(there)
    assert trade_cursors.find(faulty.market.table, ACCOUNT, str(BTC)).trade_id < 10**18


def test_a_first_trade_may_have_any_number_that_is_told_twice(faulty: Faulty) -> None:
    """A market has had billions of trades when an account trades there first."""
    faulty.ticks(2)
    faulty.take(BUY, "0.001")
    real = faulty.fake.trades_after

    def later(market: Market, after: int) -> list[OwnTrade]:
        told = [replace(one, trade_id=one.trade_id + 4 * 10**9) for one in real(market, 0)]
        return [trade for trade in told if trade.trade_id > after]

    faulty.fake.trades_after = later  # type: ignore[method-assign, assignment]
    (trade,) = look(faulty.fake, BTC, 0, faulty.market.clock).trades
    assert trade.trade_id > 4 * 10**9


def stopped_with_one_hidden(faulty: Faulty) -> tuple[Any, Decimal]:
    """An offer to sell, which the exchange did not know while its order was stopped, and is open; and the base that its
    order has."""
    quotes = faulty.quotes
    (hidden,) = [o for o in faulty.open if quotes.owns(o.client_order_id) and o.side == SELL]
    fake = faulty.fake
    listing, finding, cancelling = fake.open_orders, fake.find, fake.cancel

    def listed(market: Market) -> list[MakerOrder]:
        return [one for one in listing(market) if one.client_order_id != hidden.client_order_id]

    def unless_hidden(real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(market: Market, name: str) -> Any:
            if name == hidden.client_order_id:
                raise ExchangeOrderUnknown("there is no such order")
            return real(market, name)

        return asked

    fake.open_orders = listed  # type: ignore[method-assign]
    fake.find, fake.cancel = unless_hidden(finding), unless_hidden(cancelling)  # type: ignore[method-assign]
    faulty.market.quoting.stop(faulty.market.order().order_id)
    live_until(faulty.market, Status.STOPPED, ORDER, minutes=10)
    fake.open_orders, fake.find, fake.cancel = listing, finding, cancelling  # type: ignore[method-assign]
    return hidden, faulty.quotes.base


def test_a_quote_that_turns_up_late_ends_and_what_it_traded_is_booked(two: Two) -> None:
    """The exchange does not know it for minutes, in which its order is stopped; then it is open, and is traded with."""
    two.ticks(2)
    hidden, had = stopped_with_one_hidden(two)
    first = sum(one.quantity for one in two.open if one.side == SELL and one.price <= hidden.price) - hidden.quantity
    two.take(BUY, str(first + Decimal("0.001")), str(hidden.price))
    two.tick()
    assert hidden.client_order_id not in {order.client_order_id for order in two.open}
    assert two.market.order(ORDER).status is Status.STOPPING
    live(two.market, 15)
    assert (two.market.order(ORDER).status, two.quotes_of(ORDER).base) == (Status.STOPPED, had - Decimal("0.001"))


def test_what_is_still_open_is_booked_before_the_order_goes_home(faulty: Faulty) -> None:
    """No ticker looks at the account any more: who brings the order home looks himself, and takes nothing out until
    what turned up is cancelled and booked."""
    faulty.ticks(2)
    hidden, had = stopped_with_one_hidden(faulty)
    faulty.take(BUY, "0.001", str(hidden.price))
    assert faulty.open
    faulty.market.quoting.bring_home(faulty.market.order().order_id)
    live_until(faulty.market, Status.RETURNED, minutes=30)
    assert not faulty.open
    assert faulty.quotes.base == had - Decimal("0.001")
    passed = [event.after for event in timeline.of(faulty.market.table, faulty.market.order().order_id)]
    assert passed[-4:] == ["stopping", "stopped", "returning", "returned"]
    check(faulty.market)


def test_what_turns_up_when_all_is_decided_is_shown_to_a_person(faulty: Faulty) -> None:
    """The way home is decided, and nothing has left: nothing leaves before somebody has ended the quote."""
    market = faulty.market
    faulty.ticks(2)
    hidden, _ = stopped_with_one_hidden(faulty)
    listing = faulty.fake.open_orders
    faulty.fake.open_orders = lambda _: []  # type: ignore[method-assign, assignment]
    market.funds.fail_before_next("withdraw", 1)
    market.quoting.bring_home(market.order().order_id)
    live_until(market, Status.RETURNING, minutes=2)
    faulty.fake.open_orders = listing  # type: ignore[method-assign]
    live(market, 3)
    assert market.order().needs_person
    assert hidden.client_order_id in (market.order().waits_for or "")
    assert not market.exchange.wallet.withdrawals.all()
    market.maker.cancel(BTC, hidden.client_order_id)
    go_on(market)
    live_until(market, Status.RETURNED, minutes=15)


def test_an_order_goes_home_though_its_market_is_gone(faulty: Faulty) -> None:
    faulty.ticks(2)
    market = faulty.market
    market.quoting.stop(market.order().order_id)
    live_until(market, Status.STOPPED, minutes=10)

    def gone(_: Market) -> list[MakerOrder]:
        raise MarketUnknown("it is closed")

    faulty.fake.open_orders = gone  # type: ignore[method-assign, assignment]
    market.quoting.bring_home(market.order().order_id)
    live_until(market, Status.RETURNED, minutes=15)


class _Weighed:
    """The exchange's requests but cancels, of which there is no room left."""

    def __init__(self, faulty: Faulty, names: Sequence[str]) -> None:
        clock = faulty.market.clock
        self.weight = UsedWeight(lambda: clock.at)
        for name in names:
            setattr(faulty.fake, name, self._of(getattr(faulty.fake, name)))
        self.weight._used, self.weight._heard_at = 4_800, clock.at

    def _of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any) -> Any:
            self.weight.leave_room()
            return real(*args)

        return asked


def test_where_only_cancels_have_room_all_quotes_end_at_once(faulty: Faulty) -> None:
    faulty.ticks(2)
    _Weighed(faulty, ("limits", "book", "open_orders", "trades_after", "place", "replace"))
    faulty.move(60_900)
    faulty.tick()
    assert not faulty.open


def test_a_replacement_that_is_not_sent_ends_the_old_quote(faulty: Faulty) -> None:
    faulty.ticks(2)
    _Weighed(faulty, ("place", "replace"))
    before = {order.price for order in faulty.open}
    faulty.move(60_300)
    faulty.tick()
    assert not before & {order.price for order in faulty.open}


def test_each_order_has_its_share_of_what_may_be_open_and_none_is_paused(two: Two) -> None:
    two.exchange.venue.set_limits(Limits(open_orders_per_symbol=2), ACCOUNT)
    two.ticks(7)
    assert {two.market.order(uuid).status for uuid in (ORDER, OTHER)} == {Status.RUNNING}
