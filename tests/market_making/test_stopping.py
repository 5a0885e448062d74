"""An owner stops his order, and takes it home: once, whatever he asks twice, too early or at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from common import keys
from common.domain import work
from functions.market_making import store
from functions.market_making.model import MarketMakingOrderMoved, NothingToWithdraw, NotStoppable, Status
from functions.market_making.quotes import MISSED_AGAIN, NEVER_PLACED
from tests.faulty import ENDPOINT, Faulty
from tests.harness.faults import AnswerLost, Crash, CrashAfter, FailBefore, Fault, Faults, planned
from tests.market_making.audit import in_custody, items, live, live_until, meanwhile, people_told, room_taken
from tests.market_making.market import ANN, BTC, USDT, Market

Act = Callable[[Market], None]


@pytest.fixture
def market() -> Market:
    """An order that could quote, and whose machine waits for its end."""
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    live_until(market, Status.CREATED)
    assert market.machine.executions[-1].waits_for_token
    return market


def stop(market: Market) -> None:
    market.quoting.stop(market.order().order_id)


def withdraw(market: Market) -> None:
    market.quoting.bring_home(market.order().order_id)


def is_home(market: Market) -> None:
    live_until(market, Status.RETURNED, minutes=10)
    live(market, 1)
    assert market.has(ANN).keys() == {BTC, USDT}
    assert in_custody(market).keys() == {USDT}
    assert (room_taken(market), people_told(market), len(market.exchange.wallet.withdrawals.all())) == (0, [], 2)


def test_a_stopped_order_stays_at_the_exchange(market: Market) -> None:
    stop(market)
    live(market, 5)
    assert (market.order().status, room_taken(market), market.has(ANN)) == (Status.STOPPED, 1, {})
    before = items(market)
    stop(market)
    assert items(market) == before
    withdraw(market)
    is_home(market)


def test_a_stopped_order_is_withdrawn_once(market: Market) -> None:
    stop(market)
    live(market, 2)
    for _ in range(3):
        withdraw(market)
    is_home(market)
    for again in (stop, withdraw):
        again(market)
        assert market.order().status is Status.RETURNED


def test_withdrawing_stops_first(market: Market) -> None:
    withdraw(market)
    withdraw(market)
    stop(market)
    is_home(market)


@pytest.mark.parametrize("first", [stop, withdraw])
@pytest.mark.parametrize("second", [stop, withdraw])
def test_of_two_at_once_one_is_told_to_ask_again(market: Market, first: Act, second: Act) -> None:
    meanwhile(market, lambda: first(market))
    with pytest.raises(MarketMakingOrderMoved):
        second(market)
    withdraw(market)
    is_home(market)


def test_two_withdrawals_at_once_of_a_stopped_order_are_one(market: Market) -> None:
    stop(market)
    live(market, 2)
    meanwhile(market, lambda: withdraw(market))
    with pytest.raises(MarketMakingOrderMoved):
        withdraw(market)
    is_home(market)


def test_a_wish_to_go_home_is_heard_while_it_is_being_stopped(market: Market) -> None:
    """It is asked for just when nothing is found open: the order goes on waiting, whatever becomes of its machine."""
    order_id = market.order().order_id
    market.machine.kill(market.machine.executions[-1].arn)
    stop(market)
    meanwhile(market, lambda: withdraw(market))
    market.quoting.cancel(order_id)
    assert (market.order().status, market.order().goes_home) == (Status.STOPPING, True)
    market.quoting.cancel(order_id)
    assert (market.order().status, market.order().waits_for) == (Status.STOPPED, "to be withdrawn from the exchange")
    live(market, 3)
    is_home(market)


def test_a_machine_that_begins_to_wait_while_it_is_stopped_hears_it(market: Market) -> None:
    """Its token is stored after the order was read, and before the stop is decided."""
    order_id = market.order().order_id
    execution = market.machine.executions[-1]
    token = market.order().token
    assert token is not None
    market.table.write(store.store_token(market.order(), "of a machine that is over", market.clock(), market.clock()))
    meanwhile(market, lambda: market.quoting.wait(order_id, token))
    stop(market)
    market.machine.run()
    assert not execution.waits_for_token
    assert market.order().status is Status.STOPPED


@pytest.mark.parametrize(("first", "again"), [(stop, stop), (stop, withdraw), (withdraw, stop), (withdraw, withdraw)])
def test_a_machine_that_was_not_told_is_told_by_the_next(market: Market, first: Act, again: Act) -> None:
    """The process dies between the decision and the word to the machine, which would wait for a day."""
    execution = market.machine.executions[-1]
    faults = Faults(planned({2 if first is stop else 3: CrashAfter()}))
    market.client = faults.client(market.dynamo)
    with pytest.raises(Crash):
        first(market)
    market.client = None
    market.machine.run()
    assert (market.order().status, execution.waits_for_token) == (Status.STOPPING, True)
    again(market)
    market.machine.run()
    assert not execution.waits_for_token
    withdraw(market)
    is_home(market)


def test_what_does_not_quote_yet_is_neither_stopped_nor_withdrawn() -> None:
    market = Market()
    market.list_pair()
    market.poll()
    market.fund(ANN, BTC, "0.1")
    market.poll()
    for status in (Status.PAYMENT_PENDING, Status.PAYMENT_INCOMPLETE):
        live_until(market, status)
        before = items(market)
        with pytest.raises(NotStoppable):
            stop(market)
        with pytest.raises(NothingToWithdraw):
            withdraw(market)
        assert items(market) == before
    live_until(market, Status.REFUNDED, minutes=14)
    with pytest.raises(NothingToWithdraw):
        withdraw(market)


def test_what_quotes_for_days_goes_on_waiting(market: Market) -> None:
    (execution,) = market.machine.executions
    for _ in range(3):
        before = execution.transitions
        market.pass_time(days=1)
        live(market, 1)
        assert (market.order().status, execution.waits_for_token) == (Status.CREATED, True)
        assert execution.transitions - before == 3
        assert not list(work.due(market.table, keys.MARKET_MAKING_ORDER.backlog, market.clock() + timedelta(days=1)))
    withdraw(market)
    is_home(market)


def test_a_machine_that_dies_while_it_waits_is_missed_within_two_days(market: Market) -> None:
    (execution,) = market.machine.executions
    market.machine.kill(execution.arn)
    for _ in range(2):
        market.pass_time(days=1)
        live(market, 2)
    assert market.machine.executions[-1].waits_for_token
    stop(market)
    live(market, 1)
    assert market.order().status is Status.STOPPED


def test_a_machine_that_nobody_tells_is_followed_by_another(market: Market) -> None:
    """What was to tell it dies. The sweeper starts the next execution; the one that waits looks once a day, and finds
    nothing to do."""
    faults = Faults(planned({2: CrashAfter()}))
    market.client = faults.client(market.dynamo)
    with pytest.raises(Crash):
        stop(market)
    market.client = None
    live(market, 3)
    assert market.order().status is Status.STOPPED
    first, second = market.machine.executions
    assert (first.running, second.status) == (True, "SUCCEEDED")
    market.pass_time(hours=24)
    live(market, 1)
    assert (first.status, market.order().status) == ("SUCCEEDED", Status.STOPPED)


@pytest.mark.parametrize("lost", [FailBefore(), AnswerLost()], ids=lambda fault: type(fault).__name__)
def test_an_order_comes_home_though_its_machine_was_not_told(market: Market, lost: Fault) -> None:
    faults = Faults(lambda call: lost if call.operation == "states.send_task_failure" else None)
    silent = lambda: EndpointConnectionError(endpoint_url=ENDPOINT)  # noqa: E731
    market.states = Faulty(faults, "states", market.machine, ("send_task_failure",), silent, silent)
    withdraw(market)
    market.states = None
    is_home(market)


def test_an_order_that_hears_of_its_stop_needs_no_other_machine(market: Market) -> None:
    withdraw(market)
    is_home(market)
    assert len(market.machine.executions) == 1


def test_who_closes_an_order_has_until_all_of_it_is_over(market: Market) -> None:
    stop(market)
    key = keys.item_named(market.order().order_id)
    assert key is not None
    waits = work.find(market.table, key)
    assert waits is not None
    assert waits.due_at is not None
    assert waits.due_at > market.clock() + NEVER_PLACED + 2 * MISSED_AGAIN
