"""While an account is halted, nobody's money leaves it, and nobody's goes there."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from common.domain import halts
from common.domain.custody import store as custody_store
from common.domain.custody.model import Status as Sent
from common.domain.pairs import store as pair_store
from common.owner import Owner
from functions.market_making import account_store, leg_store, store
from functions.market_making.model import LegStatus, NoCapacity, Order, Status, Terms, TradingAccount
from tests.market_making.audit import at_exchange, has_all_back, live, live_until, meanwhile, room_taken
from tests.market_making.market import ACCOUNT, ORDER, PAIR, Market
from tests.market_making.test_withdrawing import OTHER, Two

HALT = halts.halt_id_of(ACCOUNT)
HALTED = f"an operator: {ACCOUNT} is halted, see {HALT}"


@pytest.fixture
def two() -> Two:
    two = Two()
    two.ticks(2)
    return two


def lose(two: Two, amount: str) -> None:
    """Somebody takes BTC out of the account, out of what is in no order; the clock finds it."""
    two.exchange.venue.withdraw(ACCOUNT, "BTC", Decimal(amount))
    two.market.balancing.round(lambda: True)
    two.tick()
    two.market.clock.at += timedelta(seconds=10)


def put_back(two: Two, amount: str) -> None:
    two.exchange.venue.deposit(ACCOUNT, "BTC", Decimal(amount))
    two.market.halting.lift(HALT, "put back", "olga", dry_run=False)


def first(two: Two) -> Order:
    return two.market.order(ORDER)


def withdrawn(two: Two) -> int:
    return len(two.exchange.wallet.withdrawals.of(ACCOUNT))


# Out of it


def test_who_withdraws_first_is_not_paid_with_anothers_money(two: Two) -> None:
    """0.2 BTC are owed to two owners, 0.05 are gone. The account is quoted on once they are back, and who has asked has
    his money without asking again."""
    lose(two, "0.05")
    two.market.quoting.bring_home(first(two).order_id)
    live(two.market, 5)
    assert (first(two).status, first(two).waits_for, withdrawn(two)) == (Status.STOPPED, HALTED, 0)
    assert at_exchange(two.market)["BTC"] == Decimal("0.15")
    put_back(two, "0.05")
    live_until(two.market, Status.RETURNED, minutes=30)
    assert at_exchange(two.market)["BTC"] == Decimal("0.1")


def test_what_is_decided_to_come_home_stays_while_its_account_is_halted(two: Two) -> None:
    """The exchange was down when it was to be asked; then it is found short."""
    two.market.quoting.bring_home(first(two).order_id)
    two.market.funds.fail_before_next("withdraw", 99)
    live_until(two.market, Status.RETURNING)
    two.market.funds._failures.clear()
    lose(two, "0.05")
    live(two.market, 5)
    assert (first(two).status, first(two).waits_for, withdrawn(two)) == (Status.RETURNING, HALTED, 0)
    put_back(two, "0.05")
    live_until(two.market, Status.RETURNED, minutes=30)


def test_a_halt_just_before_it_is_asked_for_keeps_it_there(two: Two) -> None:
    """Its machine has looked already."""
    two.market.quoting.stop(first(two).order_id)
    live_until(two.market, Status.STOPPED)
    two.market.table.write(store.want_home(first(two), two.market.clock()))
    halt = two.market.halting.halt
    meanwhile(two.market, lambda: halt(ACCOUNT, "a drill", "olga", dry_run=False))
    two.market.returning.withdraw(first(two).order_id)
    assert (first(two).status, first(two).waits_for, withdrawn(two)) == (Status.STOPPED, HALTED, 0)


def test_what_was_asked_for_before_goes_on_to_who_paid(two: Two) -> None:
    """It has left, and is nobody else's any more."""
    two.market.quoting.bring_home(first(two).order_id)
    asked = lambda: withdrawn(two) == 2  # noqa: E731
    live(two.market, 6, asked)
    legs = leg_store.homeward(two.market.table, first(two).order_id)
    assert {leg.status for leg in legs} == {LegStatus.CONFIRMED}
    two.market.halting.halt(ACCOUNT, "a drill", "olga", dry_run=False)
    live_until(two.market, Status.RETURNED, minutes=30)
    assert two.market.order(OTHER).status is Status.RUNNING


# Into it


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    return market


def drill(market: Market) -> None:
    market.halting.halt(ACCOUNT, "its keys are known to others", "olga", dry_run=False)


def over(market: Market) -> None:
    market.halting.lift(HALT, "they are others now", "oleg", dry_run=False)


def test_no_order_is_opened_on_an_account_that_is_halted(market: Market) -> None:
    """What was paid for one goes back."""
    drill(market)
    market.fund_all()
    live(market, 5)
    assert (market.has_order(), has_all_back(market), room_taken(market)) == (False, True, 0)
    with pytest.raises(NoCapacity):
        market.opening.open(Owner("ann", "sub"), "key", Terms(PAIR, Decimal("0.1"), Decimal(5000)))


def test_no_order_is_opened_on_an_account_that_is_halted_meanwhile(market: Market) -> None:
    meanwhile(market, lambda: drill(market))
    with pytest.raises(NoCapacity):
        market.opening.open(Owner("ann", "sub"), "key", Terms(PAIR, Decimal("0.1"), Decimal(5000)))
    assert room_taken(market) == 0


def test_an_order_goes_to_the_account_that_is_not_halted(market: Market) -> None:
    other = TradingAccount("mm2", "binance", 3, 2, enabled=True)
    market.table.write(account_store.save_account(other, None, market.clock()))
    pair = pair_store.pair(market.table, PAIR)
    assert [account.account_id for account in market.paying.rooms(pair)] == [ACCOUNT, "mm2"]
    drill(market)
    assert [account.account_id for account in market.paying.rooms(pair)] == ["mm2"]


def test_what_is_paid_before_the_halt_goes_back(market: Market) -> None:
    market.fund_all()
    market.poll()
    assert market.has_order()
    drill(market)
    live_until(market, Status.REFUNDED)
    assert (market.order().reason, has_all_back(market)) == ("its trading account is halted", True)
    assert (at_exchange(market), room_taken(market)) == ({}, 0)


def test_what_is_decided_and_not_sent_leaves_once_it_is_lifted(market: Market) -> None:
    market.fund_all()
    market.poll()
    market.machine.run()
    market.clock.forward(seconds=10)
    market.machine.run()
    assert (market.order().status, len(market.due())) == (Status.WITHDRAWING, 2)
    drill(market)
    market.run(5)
    assert ({sent_of(market, one) for one in market.ids_of_due()}, at_exchange(market)) == ({Sent.INTENDED}, {})
    over(market)
    live_until(market, Status.CREATED)


def sent_of(market: Market, outgoing_id: str) -> Sent:
    return custody_store.outgoing(market.table, outgoing_id).status
