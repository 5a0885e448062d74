"""Two operators have the trades of an account looked at again: what was missed is booked, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from common.domain import trade_cursors
from common.domain.trade_cursors import CursorElsewhere, TradesCursor
from common.gateways.exchange import Side
from common.gateways.exchange.maker import Market, OwnTrade
from functions.market_making.model import Status
from functions.operations.model import EvidenceNotBelieved, NotProposable
from sandbox.exchange.venue import BUY, SELL
from tests.desk import Desk
from tests.market_making.audit import live_until
from tests.market_making.market import ACCOUNT
from tests.market_making.outside import check
from tests.market_making.test_quoting_faults import BTC, Faulty

FAR = 9 * 10**18


@pytest.fixture
def faulty() -> Faulty:
    faulty = Faulty()
    faulty.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]  # nobody comes by but whom a test sends
    return faulty


def cursor(faulty: Faulty) -> TradesCursor:
    return trade_cursors.find(faulty.market.table, ACCOUNT, str(BTC))


def look_back(faulty: Faulty, after: int, *, reference: str = "4711") -> None:
    """One operator proposes it, another confirms."""
    desk = Desk(faulty.market.dynamo, faulty.market.clock)
    thing, terms = faulty.market.order().order_id, {"after": str(after)}
    proposed = desk.proposals.propose("mm look-back", thing, terms, reference, "one is missing", "olga", dry_run=False)
    dry = desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=True)
    assert "looked at again" in (dry.says or "")
    desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False)


def traded(faulty: Faulty, times: int = 4) -> list[int]:
    for number in range(times):
        faulty.take(SELL if number % 2 else BUY, "0.001")
        faulty.move(60_000)
        faulty.ticks(1)
    return [trade.trade_id for trade in faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")]


def test_what_is_looked_at_again_is_not_booked_again(faulty: Faulty) -> None:
    """Orders that are open and filled in part are among them."""
    faulty.ticks(2)
    told = traded(faulty)
    before = faulty.quotes
    assert faulty.open
    look_back(faulty, told[0] - 1)
    assert cursor(faulty).trade_id == told[0] - 1
    faulty.ticks(2)
    after = faulty.quotes
    assert (faulty.lines, after.base, after.quote) == (told, before.base, before.quote)
    assert (after.cursor, after.set_backs, cursor(faulty).trade_id) == (told[-1], 1, told[-1])
    more = traded(faulty)
    assert faulty.lines == more
    assert faulty.quotes.again_until == 0


def test_a_trade_that_a_list_lacked_is_booked(faulty: Faulty) -> None:
    """Its order is still open, and the cursor has passed it with the trade of another."""
    faulty.ticks(2)
    (first, *_) = traded(faulty, 1)
    real, lacks = faulty.fake.trades_after, list[int]()

    def lacking(market: Market, after: int) -> list[OwnTrade]:
        return [trade for trade in real(market, after) if trade.trade_id not in lacks]

    faulty.fake.trades_after = lacking  # type: ignore[method-assign, assignment]
    faulty.take(BUY, "0.001")
    lacks.append(faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")[-1].trade_id)
    faulty.take(SELL, "0.001")
    faulty.ticks(1)
    (_, last) = faulty.lines
    lacks.clear()
    faulty.ticks(1)
    assert faulty.lines == [first, last], "the cursor has passed it"
    look_back(faulty, first)
    faulty.ticks(1)
    assert faulty.lines == [trade.trade_id for trade in faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")]
    assert len(faulty.lines) == 3


def test_an_account_that_a_number_has_blinded_sees_again(faulty: Faulty) -> None:
    """The exchange tells a trade twice by a number that is far beyond all others."""
    faulty.ticks(2)
    told = traded(faulty)
    real, at = faulty.fake.trades_after, faulty.market.clock.at
    far = OwnTrade(FAR, "42", Side.SELL, Decimal(6), Decimal(1), Decimal(6), Decimal(0), "USDT", True, at)
    faulty.fake.trades_after = lambda market, after: [*real(market, after), far]  # type: ignore[method-assign, assignment]
    faulty.ticks(1)
    faulty.fake.trades_after = real  # type: ignore[method-assign]
    assert cursor(faulty).trade_id == FAR
    faulty.take(BUY, "0.001")
    faulty.tick()
    assert faulty.lines == told, "it is not seen"
    look_back(faulty, told[-1])
    faulty.market.clock.at += timedelta(seconds=10)
    faulty.ticks(3)
    assert faulty.lines == [trade.trade_id for trade in faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")]
    assert len(faulty.lines) == len(told) + 1
    assert cursor(faulty).trade_id == faulty.lines[-1]
    check(faulty.market)


def test_an_order_that_is_stopping_follows_too(faulty: Faulty) -> None:
    faulty.ticks(2)
    told = traded(faulty)
    faulty.market.quoting.stop(faulty.market.order().order_id)
    look_back(faulty, told[0] - 1)
    live_until(faulty.market, Status.STOPPED, minutes=10)
    assert (faulty.quotes.set_backs, faulty.lines) == (1, told)
    with pytest.raises(NotProposable):
        look_back(faulty, told[0] - 1, reference="again")


def test_a_cursor_is_set_neither_forward_nor_before_the_first_trade(faulty: Faulty) -> None:
    faulty.ticks(2)
    with pytest.raises(NotProposable):
        look_back(faulty, 0)
    told = traded(faulty)
    there = cursor(faulty)
    assert there.first == told[0]
    for after in (told[-1], told[-1] + 5, told[0] - 2):
        with pytest.raises(EvidenceNotBelieved):
            look_back(faulty, after)
        with pytest.raises(CursorElsewhere):
            faulty.market.table.write(trade_cursors.set_back(ACCOUNT, str(BTC), after, faulty.market.clock()))
    assert cursor(faulty) == there


def test_a_ticker_that_does_not_know_of_it_moves_no_cursor(faulty: Faulty) -> None:
    """It has looked before the cursor was set back, and would write that it has come far."""
    faulty.ticks(2)
    told = traded(faulty)
    read = cursor(faulty)
    look_back(faulty, told[0] - 1)
    late = trade_cursors.move(ACCOUNT, str(BTC), read, told[0], told[-1] + 9, faulty.market.clock())
    with pytest.raises(trade_cursors.TradesCursorMoved):
        faulty.market.table.write(late)
    faulty.market.table.write(
        trade_cursors.move(ACCOUNT, str(BTC), replace(read, set_backs=1), told[0], told[-1], faulty.market.clock())
    )
