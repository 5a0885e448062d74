"""The fake of the exchange keeps the port's promises, and fails when and how it is told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from common.gateways.exchange import (
    Exchange,
    ExchangeOrder,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    Rules,
    Side,
    State,
    Ticket,
    client_order_id,
)
from common.money import Money, Price, Quantity
from sandbox.exchange.fake import FakeExchange, Operation
from sandbox.exchange.venue import BUY, SELL, Fees, Kind, Symbol, Venue

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BTC = Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal(10), 1)
OURS = client_order_id("order", "1")
OPERATIONS: list[Operation] = ["rules", "place", "order", "find", "cancel"]


@pytest.fixture
def venue() -> Venue:
    """With a dealer who buys 1 BTC at 60000 and sells 1 at 61000."""
    venue = Venue(lambda: NOON, magic=True)
    venue.list_symbol(BTC)
    for name in ("desk", "dealer"):
        venue.open_account(name, {"BTC": Decimal(10), "USDT": Decimal(1_000_000)})
    for side, price in ((BUY, 60_000), (SELL, 61_000)):
        venue.place("dealer", "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(1), price=Decimal(price))
    return venue


@pytest.fixture
def fake(venue: Venue) -> FakeExchange:
    return FakeExchange(venue, "desk")


def ticket(quantity: str = "0.5", price: str = "60000", side: Side = Side.SELL, name: str = OURS) -> Ticket:
    return Ticket(side, Quantity(quantity, "BTC"), Price(price), name)


def test_it_is_an_exchange_with_a_name(venue: Venue) -> None:
    exchange: Exchange = FakeExchange(venue, "desk", name="binance")
    assert (exchange.name, FakeExchange(venue, "desk").name) == ("binance", "fake")


def test_the_rules_are_those_of_the_market(fake: FakeExchange) -> None:
    assert fake.rules("BTC") == Rules(
        quantity_step=Decimal("0.00001"),
        price_step=Decimal("0.01"),
        min_quantity=Decimal("0.0001"),
        min_notional=Money(10),
    )


def test_an_order_that_is_executed_tells_gross_and_fee(fake: FakeExchange) -> None:
    exchange_order_id = fake.place(ticket("0.5", "59000"))
    order = fake.order("BTC", exchange_order_id)
    assert order == ExchangeOrder(
        exchange_order_id,
        OURS,
        Side.SELL,
        Quantity("0.5", "BTC"),
        State.FULLY_EXECUTED,
        executed=Quantity("0.5", "BTC"),
        gross=Money(30_000),
        fee=Money(30),
    )
    assert order.final
    assert fake.find("BTC", OURS) == order


def test_a_fee_in_another_asset_is_told_apart(venue: Venue, fake: FakeExchange) -> None:
    bought = fake.order("BTC", fake.place(ticket("0.5", "61000", Side.BUY)))
    assert (bought.fee, bought.fees_elsewhere) == (Money(0), {"BTC": Decimal("0.0005")})
    venue.set_fees(Fees(asset="BNB", asset_price=Decimal(600)), "desk")
    venue.deposit("desk", "BNB", Decimal("0.05"))
    venue.place("dealer", "BTCUSDT", BUY, Kind.LIMIT, quantity=Decimal("0.1"), price=Decimal(60001))
    sold = fake.order("BTC", fake.place(ticket("0.6", "60000", name="second")))
    assert (sold.fee, sold.fees_elsewhere) == (Money(30), {"BNB": Decimal("0.01000016")})


def test_an_order_without_fees_has_none_anywhere(venue: Venue, fake: FakeExchange) -> None:
    venue.set_fees(Fees(Decimal(0), Decimal(0)))
    order = fake.order("BTC", fake.place(ticket("0.5", "61000", Side.BUY)))
    assert (order.fee, order.fees_elsewhere) == (Money(0), {})


def test_what_can_not_be_filled_at_once_rests_until_it_is_cancelled(fake: FakeExchange) -> None:
    exchange_order_id = fake.place(ticket("1.5", "60000"))
    resting = fake.order("BTC", exchange_order_id)
    assert (resting.state, resting.executed, resting.final) == (State.WORKING, Quantity(1, "BTC"), False)
    for _ in range(2):  # one that is over stays as it is
        fake.cancel("BTC", exchange_order_id)
        cancelled = fake.order("BTC", exchange_order_id)
        assert cancelled == replace(resting, state=State.CANCELED)
    assert fake.find("BTC", OURS) == cancelled


@pytest.mark.parametrize(
    ("quantity", "state", "executed"),
    [
        ("0.00777", State.FULLY_EXECUTED, "0.00777"),
        ("0.00666", State.CANCELED, "0"),
        ("0.00555", State.WORKING, "0"),
        ("0.00444", State.CANCELED, "0.00222"),
        ("0.00333", State.EXPIRED, "0"),
        ("0.00222", State.REJECTED, "0"),
    ],
)
def test_every_state_can_be_had(fake: FakeExchange, quantity: str, state: State, executed: str) -> None:
    order = fake.order("BTC", fake.place(ticket(quantity)))
    assert (order.state, order.executed) == (state, Quantity(executed, "BTC"))


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("0.000001", "60000", "LOT_SIZE"),
        ("0.1", "60000.001", "PRICE_FILTER"),
        ("0.0001", "60000", "MIN_NOTIONAL"),
        ("11", "60000", "INSUFFICIENT_BALANCE"),
    ],
)
def test_what_the_venue_does_not_accept_is_refused_and_does_not_exist(
    fake: FakeExchange, quantity: str, price: str, reason: str
) -> None:
    with pytest.raises(ExchangeRefused) as refusal:
        fake.place(ticket(quantity, price))
    assert refusal.value.facts == {"reason": reason}
    with pytest.raises(ExchangeOrderUnknown):
        fake.find("BTC", OURS)


def test_a_repeat_of_an_open_order_is_not_refused_since_it_exists(venue: Venue, fake: FakeExchange) -> None:
    first = fake.place(ticket("1", "70000"))
    with pytest.raises(ExchangeUnavailable, match="is open"):
        fake.place(ticket("1", "70000"))
    assert fake.find("BTC", OURS).exchange_order_id == first
    assert len(venue.open_orders("desk")) == 1


def test_a_market_that_is_missing_or_closed_is_unknown(venue: Venue, fake: FakeExchange) -> None:
    elsewhere = FakeExchange(venue, "desk", quote="EUR")
    for exchange, asset_id in ((fake, "XYZ"), (elsewhere, "BTC")):
        with pytest.raises(MarketUnknown):
            exchange.rules(asset_id)
    with pytest.raises(MarketUnknown):
        fake.place(replace(ticket(), quantity=Quantity(1, "XYZ")))
    exchange_order_id = fake.place(ticket("0.5"))
    venue.maintenance = True
    with pytest.raises(MarketUnknown):
        fake.rules("BTC")
    with pytest.raises(MarketUnknown):
        fake.place(ticket(name="second"))
    assert fake.order("BTC", exchange_order_id).state is State.FULLY_EXECUTED


@pytest.mark.parametrize("exchange_order_id", ["1", "", "abc", "-1", "²", "9" * 5000])
def test_an_order_that_does_not_exist_is_unknown(fake: FakeExchange, exchange_order_id: str) -> None:
    for ask in (fake.order, fake.find, fake.cancel):
        for asset_id in ("BTC", "XYZ"):
            with pytest.raises(ExchangeOrderUnknown):
                ask(asset_id, exchange_order_id)


def test_another_accounts_order_is_unknown(venue: Venue, fake: FakeExchange) -> None:
    (theirs, *_) = venue.open_orders("dealer")
    with pytest.raises(ExchangeOrderUnknown):
        fake.cancel("BTC", str(theirs.order_id))


# Faults


def calls(fake: FakeExchange, exchange_order_id: str) -> dict[Operation, Callable[[], Any]]:
    return {
        "rules": lambda: fake.rules("BTC"),
        "place": lambda: fake.place(ticket(name="second")),
        "order": lambda: fake.order("BTC", exchange_order_id),
        "find": lambda: fake.find("BTC", OURS),
        "cancel": lambda: fake.cancel("BTC", exchange_order_id),
    }


def works(call: Callable[[], Any], unless: type[Exception] = ExchangeUnavailable) -> bool:
    try:
        call()
    except unless:
        return False
    return True


def test_a_refusal_that_was_ordered_places_nothing_and_happens_once(venue: Venue, fake: FakeExchange) -> None:
    fake.refuse_next(times=2)
    for _ in range(2):
        with pytest.raises(ExchangeRefused, match="told to refuse"):
            fake.place(ticket())
    assert venue.history("desk") == []
    assert fake.order("BTC", fake.place(ticket())).final
    fake.refuse_next()
    assert not works(lambda: fake.place(ticket()), ExchangeRefused)
    assert works(lambda: fake.place(ticket()), ExchangeRefused)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_call_that_fails_before_has_done_nothing_and_the_others_work(
    venue: Venue, fake: FakeExchange, operation: Operation
) -> None:
    asked = calls(fake, fake.place(ticket("1", "70000")))
    before = venue.state()
    fake.fail_before_next(operation, times=2)
    assert [works(asked[operation]) for _ in range(2)] == [False, False]
    assert venue.state() == before
    assert all(works(call) for call in asked.values())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_call_whose_answer_is_lost_has_been_done(fake: FakeExchange, operation: Operation) -> None:
    exchange_order_id = fake.place(ticket("1", "70000"))
    asked = calls(fake, exchange_order_id)
    fake.drop_answer_next(operation)
    assert not works(asked[operation])
    assert (fake.order("BTC", exchange_order_id).state is State.CANCELED) == (operation == "cancel")
    if operation == "place":
        assert fake.find("BTC", "second").state is State.FULLY_EXECUTED
    else:
        assert works(asked[operation])


def test_a_refusal_whose_answer_is_lost_is_not_heard(venue: Venue, fake: FakeExchange) -> None:
    fake.refuse_next()
    fake.drop_answer_next("place")
    with pytest.raises(ExchangeUnavailable, match="lost"):
        fake.place(ticket())
    fake.drop_answer_next("find")
    with pytest.raises(ExchangeUnavailable, match="lost"):
        fake.find("BTC", OURS)
    assert venue.history("desk") == []


def test_a_failure_before_does_not_use_up_a_lost_answer_or_a_refusal(venue: Venue, fake: FakeExchange) -> None:
    fake.fail_before_next("place")
    fake.drop_answer_next("place")
    assert not works(lambda: fake.place(ticket()))
    assert venue.history("desk") == []
    assert not works(lambda: fake.place(ticket()))
    assert len(venue.history("desk")) == 1


def test_an_exchange_that_is_down_answers_nothing_until_it_is_up(venue: Venue, fake: FakeExchange) -> None:
    asked = calls(fake, fake.place(ticket("1", "70000")))
    before = venue.state()
    fake.down = True
    assert not any(works(call) for call in asked.values())
    assert venue.state() == before
    fake.down = False
    assert all(works(call) for call in asked.values())
    assert fake.calls == {"rules": 2, "place": 3, "order": 2, "find": 2, "cancel": 2}
