"""The fake's own controls. The port's promises are asked of it in tests/gateways/test_exchange_contract.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable, MarketUnknown, Side, Ticket
from common.money import Price, Quantity
from sandbox.exchange.fake import FakeExchange, Operation
from sandbox.exchange.venue import BUY, Kind, Symbol, Venue

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BTC = Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal(10), 1)
OPERATIONS: list[Operation] = ["ticker", "rules", "place", "order", "find", "cancel"]


@pytest.fixture
def venue() -> Venue:
    """With a dealer who buys 1 BTC at 60000."""
    venue = Venue(lambda: NOON)
    venue.list_symbol(BTC)
    for name in ("desk", "dealer"):
        venue.open_account(name, {"BTC": Decimal(10), "USDT": Decimal(1_000_000)})
    venue.place("dealer", "BTCUSDT", BUY, Kind.LIMIT, quantity=Decimal(1), price=Decimal(60_000))
    return venue


@pytest.fixture
def fake(venue: Venue) -> FakeExchange:
    return FakeExchange(venue, "desk")


def ticket(quantity: str = "0.5", price: str = "60000", name: str = "first") -> Ticket:
    return Ticket(Side.SELL, Quantity(quantity, "BTC"), Price(price), name)


def asks(fake: FakeExchange) -> dict[Operation, Callable[[], Any]]:
    """Each operation, about an order that rests."""
    resting = fake.place(ticket("1", "70000"))
    return {
        "ticker": lambda: fake.ticker("BTC"),
        "rules": lambda: fake.rules("BTC"),
        "place": lambda: fake.place(ticket(name="second")),
        "order": lambda: fake.order("BTC", resting),
        "find": lambda: fake.find("BTC", "first"),
        "cancel": lambda: fake.cancel("BTC", resting),
    }


def works(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except ExchangeUnavailable:
        return False
    return True


def test_a_fake_has_the_name_and_the_quote_that_it_was_given(venue: Venue) -> None:
    elsewhere = FakeExchange(venue, "desk", quote="EUR", name="binance")
    assert (elsewhere.name, FakeExchange(venue, "desk").name) == ("binance", "fake")
    with pytest.raises(MarketUnknown):
        elsewhere.rules("BTC")


@pytest.mark.parametrize(("quantity", "reason"), [("0.000001", "LOT_SIZE"), ("11", "INSUFFICIENT_BALANCE")])
def test_a_refusal_has_the_venues_reason(fake: FakeExchange, quantity: str, reason: str) -> None:
    with pytest.raises(ExchangeRefused) as refusal:
        fake.place(ticket(quantity))
    assert refusal.value.facts == {"reason": reason}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_call_that_fails_has_done_nothing_and_the_others_work(
    venue: Venue, fake: FakeExchange, operation: Operation
) -> None:
    asked = asks(fake)
    before = venue.state()
    fake.fail_before_next(operation, times=2)
    assert [works(asked[operation]) for _ in range(2)] == [False, False]
    assert venue.state() == before
    assert all(works(ask) for ask in asked.values())


def test_a_failure_before_does_not_use_up_a_lost_answer(venue: Venue, fake: FakeExchange) -> None:
    fake.fail_before_next("place")
    fake.drop_answer_next("place")
    for orders in (0, 1):
        assert not works(lambda: fake.place(ticket()))
        assert len(venue.history("desk")) == orders


def test_an_exchange_that_is_down_answers_nothing_until_it_is_up(venue: Venue, fake: FakeExchange) -> None:
    asked = asks(fake)
    before = venue.state()
    fake.down = True
    assert not any(works(ask) for ask in asked.values())
    assert venue.state() == before
    fake.down = False
    assert all(works(ask) for ask in asked.values())
    assert fake.calls == {"ticker": 2, "rules": 2, "place": 3, "order": 2, "find": 2, "cancel": 2}
