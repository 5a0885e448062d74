"""While an account is halted, nobody's money leaves it, and nobody's goes there."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from common.domain import halts
from functions.market_making import store
from functions.market_making.model import LegStatus, Order, Status
from tests.market_making.audit import at_exchange, live, live_until, meanwhile
from tests.market_making.market import ACCOUNT, ORDER
from tests.market_making.test_withdrawing import OTHER, Two

HALT = halts.halt_id_of(ACCOUNT)
HALTED = f"an operator: {ACCOUNT} is halted: see {HALT}"


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
    two.market.quoting.withdraw(first(two).order_id)
    live(two.market, 40)
    assert (first(two).status, first(two).waits_for, withdrawn(two)) == (Status.STOPPED, HALTED, 0)
    assert at_exchange(two.market)["BTC"] == Decimal("0.15")
    put_back(two, "0.05")
    live_until(two.market, Status.RETURNED, minutes=30)
    assert at_exchange(two.market)["BTC"] == Decimal("0.1")


def test_what_is_decided_to_come_home_stays_while_its_account_is_halted(two: Two) -> None:
    """The exchange was down when it was to be asked; then it is found short."""
    two.market.quoting.withdraw(first(two).order_id)
    two.market.funds.fail_before_next("withdraw", 99)
    live_until(two.market, Status.RETURNING)
    two.market.funds._failures.clear()
    lose(two, "0.05")
    live(two.market, 40)
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
    two.market.quoting.withdraw(first(two).order_id)
    asked = lambda: withdrawn(two) == 2  # noqa: E731
    live(two.market, 6, asked)
    legs = store.homeward(two.market.table, first(two).order_id)
    assert {leg.status for leg in legs} == {LegStatus.CONFIRMED}
    two.market.halting.halt(ACCOUNT, "a drill", "olga", dry_run=False)
    live_until(two.market, Status.RETURNED, minutes=30)
    assert two.market.order(OTHER).status is Status.RUNNING
