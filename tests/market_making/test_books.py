"""The invariants of market making find what is wrong, and nothing in a life in which nothing is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from common.gateways.custody import Sending, User
from common.money import Quantity
from functions.market_making.model import Status
from functions.market_making.service import refunding
from tests.harness.faults import Faults
from tests.market_making import outside
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ANN, BOB, BTC, ETH, USDT

Item = dict[str, dict[str, Any]]
Change = Callable[[list[Item]], list[Item]]


def begun() -> FaultyMarket:
    """An order with more ETH than its fee needs, and a payment for nothing; the books are looked at all the while."""
    market = FaultyMarket(Faults())
    market.list_pair()
    market.poll()
    market.watch = market.check
    market.fund_all()
    market.fund(ANN, ETH, "0.01")
    market.pay(BOB, BTC, "1", b"hello")
    return market


@cache
def returned() -> FaultyMarket:
    """Nothing is wrong in its whole life."""
    market = begun()
    market.go_on(hours=1, until=lambda: market.status() is Status.CREATED)
    market.quoting.bring_home(market.order().order_id)
    market.go_on(hours=1)
    assert market.status() is Status.RETURNED
    return market


def put(kind: str, where: Callable[[Item], bool] = lambda _: True, **changed: str) -> Change:
    """Of the first of a kind, some attributes are others."""

    def change(items: list[Item]) -> list[Item]:
        (first, *_) = [item for item in items if item["entity_type"]["S"] == kind and where(item)]
        kinds = {name: "N" if name in ("amount", "orders", "transfers") else "S" for name in changed}
        other = {**first, **{name: {kinds[name]: value} for name, value in changed.items()}}
        return [other if item is first else item for item in items]

    return change


def without(kind: str, where: Callable[[Item], bool] = lambda _: True) -> Change:
    """The first of a kind is not there."""

    def take(items: list[Item]) -> list[Item]:
        (first, *_) = [item for item in items if item["entity_type"]["S"] == kind and where(item)]
        return [item for item in items if item is not first]

    return take


def of(name: str, value: str) -> Callable[[Item], bool]:
    return lambda item: item.get(name, {}).get("S") == value


WRONG: dict[str, tuple[Change, str]] = {
    "the desk's fee is not written": (without("desk_transaction"), "not accounted for"),
    "a transfer is not written": (without("market_making_transfer"), "counts 5 transfers, there are 4"),
    "a snapshot is not taken": (without("snapshot", of("status", "REFUNDED")), "was never taken"),
    "what was sent was decided by nobody": (without("outgoing"), "was decided by nobody"),
    "more was sent than was": (put("outgoing", of("kind", "REFUND"), amount="2"), "is owed, and sent is"),
    "it went to somebody else": (put("outgoing", of("kind", "HOME"), user_id=BOB), f"goes to {ANN}"),
    "it has not arrived": (put("outgoing", of("kind", "HOME"), status="SENT"), "what came home is"),
    "what is over holds something": (put("snapshot", of("status", "WITHDRAWN"), status="HELD"), "is HELD for returned"),
    "it was somebody else's payment": (put("snapshot", of("opponent_id", ANN), opponent_id=BOB), "pays for"),
    "what is unfinished does not wait": (put("market_making_order", status="stopping"), "does not wait"),
    "the account carries what is over": (put("trading_account", orders="1"), "counts 1 orders, and carries 0"),
    "a leg is another sum": (put("market_making_leg", of("status", "ARRIVED"), amount="1"), "was to"),
    "a deposit is nobody's": (put("exchange_deposit", asset_id=ETH), "a deposit is no leg's"),
    "a deposit is counted as another sum": (put("exchange_deposit", amount="1"), "a deposit is no leg's"),
    "an output is spent for something else": (put("output", outgoing_id="X"), "reserved are"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_the_books_is_found(name: str) -> None:
    change, said = WRONG[name]
    market = returned()
    found = outside.violations(market, change(market.dynamo.items()))
    assert any(said in violation for violation in found), found


def test_what_left_the_custody_unseen_is_found() -> None:
    market = begun()
    market.go_on(seconds=1)
    (there, *_) = market.custody.outputs(BTC)
    sending = Sending("0d1ce0f0-0000-4000-8000-000000000bad", Quantity("0.01", BTC), User(BOB), (there,))
    market.sender.send(market.sender.draft(sending))
    with pytest.raises(AssertionError, match="was decided by nobody"):
        market.check()


def test_money_that_goes_back_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if what is sent back as surplus were still there when the order fails."""
    monkeypatch.setattr(refunding, "surplus_of", lambda *_: [])
    market = begun()

    def refuse() -> None:
        market.check()
        if market.status() is Status.WITHDRAWING:  # both legs are decided: now they cost more than was paid for them
            market.safe.set_fees(BTC, {BTC: 200_000})
            market.safe.set_fees(USDT, {ETH: 10_000_000})

    market.watch = refuse
    with pytest.raises(AssertionError, match="not accounted for"):
        market.go_on(hours=1)
