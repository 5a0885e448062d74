"""Whatever is asked again, at any stage, twice or in between, changes nothing that is decided."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest

from common.domain.custody.model import Kind, outgoing_id
from common.errors import Refusal
from functions.market_making.model import Status
from tests.market_making.audit import (
    at_exchange,
    desk_fees,
    has_all_back,
    in_custody,
    items,
    live,
    people_told,
    room_taken,
)
from tests.market_making.market import ANN, BTC, ETH, USDT, Market

FEE = {USDT: Decimal(5)}
WAITING = ("due_at", "waits_for", "waits_since", "open_work")  # what a look may move


def everything(market: Market) -> list[Callable[[], object]]:
    """All that functions and machines of market making ask, but to wait for a token."""
    order_id = market.order().order_id
    tasks = (
        market.returning.read,
        market.paying.check,
        market.moving.withdraw,
        market.moving.confirm,
        market.quoting.join,
        market.quoting.start,
        market.quoting.cancel,
        market.returning.withdraw,
        market.returning.confirm,
        market.refunding.refund,
    )
    return [market.poll, market.send, *(lambda task=task: task(order_id) for task in tasks)]


def ask_everything(market: Market, *, backwards: bool = False) -> None:
    asked = everything(market)
    for ask in reversed(asked) if backwards else asked:
        with suppress(Refusal):
            ask()


def paid() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    market.poll()
    return market


def lives(market: Market, minutes: float, *, goes_home: bool) -> set[Status]:
    """A life in which all is asked three times every five seconds, beside the machine; the statuses that were seen."""
    seen = set()

    def each_time() -> bool:
        for backwards in (False, True, False):
            ask_everything(market, backwards=backwards)
        seen.add(market.order().status)
        if goes_home and market.order().status is Status.CREATED:
            market.quoting.bring_home(market.order().order_id)
        return market.order().status in (Status.RETURNED, Status.REFUNDED)

    live(market, minutes, each_time)
    return seen


@pytest.mark.parametrize("machine", [True, False], ids=["beside the machine", "without one"])
def test_a_life_in_which_all_is_asked_again_is_the_same(machine: bool) -> None:
    market = paid()
    market.safe.set_delays(kernel_seconds=7, chain_seconds=40)
    if not machine:
        market.machine.kill(market.machine.executions[-1].arn)
    seen = lives(market, 15, goes_home=True)
    assert market.order().status is Status.RETURNED
    assert Status.DEPOSIT_CONFIRMED not in seen, "it passes at once"
    live(market, 2)
    assert market.has(ANN) == {BTC: Decimal("0.099985"), USDT: Decimal(4994)}
    assert (in_custody(market), desk_fees(market), at_exchange(market)) == (FEE, FEE, {})
    assert (room_taken(market), people_told(market), market.due()) == (0, [], [])
    assert len(market.exchange.wallet.withdrawals.all()) == 2
    assert market.custody.calls["send"] == 4


def test_a_failure_in_which_all_is_asked_again_is_the_same() -> None:
    market = paid()
    market.fund(ANN, ETH, "0.5")
    market.poll()
    order_id = market.order().order_id
    market.paying.check(order_id)
    market.moving.withdraw(order_id)
    market.custody.refuse_next(2)
    for asset_id in (BTC, USDT):
        market.transfers.send(outgoing_id(Kind.FUNDING, order_id, asset_id))
    lives(market, 15, goes_home=False)
    assert market.order().status is Status.REFUNDED
    live(market, 2)
    assert has_all_back(market)
    assert (desk_fees(market), at_exchange(market), room_taken(market), people_told(market)) == ({}, {}, 0, [])


@pytest.mark.parametrize("seconds", range(0, 150, 10))
def test_at_any_moment_what_is_asked_again_changes_nothing(seconds: int) -> None:
    """Once all has been asked as often as it goes on, the next time leaves the table as it is."""
    market = paid()
    market.safe.set_delays(kernel_seconds=20, chain_seconds=60)
    live(market, seconds / 60)
    for _ in range(4):
        ask_everything(market)
    before = decided(market)
    ask_everything(market)
    ask_everything(market, backwards=True)
    assert decided(market) == before


def decided(market: Market) -> list[dict[str, object]]:
    return [{name: value for name, value in item.items() if name not in WAITING} for item in items(market)]
