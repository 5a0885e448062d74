"""A price that is promised for fifteen seconds, to one customer, for one order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from random import Random

import pytest

from common.domain.catalogue.model import (
    AssetInactive,
    BelowMinimum,
    ContradictoryTerms,
    PriceUnavailable,
)
from common.domain.ledger.model import InsufficientFunds
from common.errors import Refusal
from common.idempotency import IdempotencyKeyReused
from common.money import Money, Price
from common.owner import Owner
from functions.orders import quote_store, quotes
from functions.orders.model import BoughtElsewhere, Order, Side, Terms
from functions.orders.quotes import (
    GOOD_FOR,
    FirmQuote,
    QuoteExpired,
    QuoteNotFound,
    QuoteOfOtherTerms,
    QuoteUsed,
    TooManyQuotes,
    order_at,
)
from tests.depth import SIMULATED, deep
from tests.desk import Desk
from tests.harness.interleave import at_random
from tests.orders.test_contention import shared
from tests.seen import dollars

TWO = Terms("BTC", Side.BUY, quantity=Decimal(2))


def quoted(desk: Desk, owner: Owner, asked: Terms = TWO, key: str = "q") -> FirmQuote:
    return desk.orders.quote(owner, key, asked).made


def at(quote: FirmQuote, asked: Terms = TWO) -> Terms:
    return Terms(asked.asset_id, asked.order_type, asked.quantity, asked.quote_amount, quote_id=quote.quote_id)


def placed(desk: Desk, owner: Owner, quote: FirmQuote, asked: Terms = TWO, key: str = "k") -> Order:
    return desk.orders.place(owner, key, at(quote, asked)).made


def test_an_order_at_a_quote_costs_what_was_promised(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    quote = quoted(desk, ann)
    desk.mark("BTC", "150")
    order = placed(desk, ann, quote)
    assert (order.price_per_unit, order.total_amount, order.price_as_of) == (
        Price(100),
        Money(200),
        quote.price_as_of,
    )
    assert dollars(desk, ann) == (Money(800), Money(0))
    assert desk.orders.quoted(ann, quote.quote_id).order_id == order.order_id
    assert desk.orders.order(ann, order.order_id).quote_id == quote.quote_id
    desk.check()


def test_a_sale_at_a_quote_gets_what_was_promised(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    asked = Terms("BTC", Side.SELL, quote_amount=Money(150))
    quote = quoted(desk, ann, asked)
    desk.mark("BTC", "50")
    order = placed(desk, ann, quote, asked)
    assert (order.quantity.amount, order.total_amount) == (Decimal("1.5"), Money(150))
    desk.check()


def test_the_spread_is_in_a_quote(desk: Desk) -> None:
    desk.list_asset("BTC", "100", spread_bps=100)
    assert quoted(desk, desk.customer()).price_per_unit == Price("100.5")


def test_a_quote_is_good_for_one_order(desk: Desk) -> None:
    ann = desk.customer()
    quote = quoted(desk, ann)
    first = placed(desk, ann, quote)
    with pytest.raises(QuoteUsed) as refused:
        placed(desk, ann, quote, key="another")
    assert refused.value.facts["order_id"] == first.order_id
    assert placed(desk, ann, quote).order_id == first.order_id
    assert dollars(desk, ann) == (Money(800), Money(0))


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_a_quote_is_not_good_a_millisecond_late(desk: Desk, late: int) -> None:
    """Neither when it is read, nor in the write."""
    ann = desk.customer()
    quote = quoted(desk, ann)
    now = quote.expires_at + timedelta(milliseconds=late)
    order = replace(order_at(quote, "O1", at(quote), quote.created_at), created_at=now)
    if late < 0:
        assert order_at(quote, "O1", at(quote), now).total_amount == Money(200)
        return
    with pytest.raises(QuoteExpired):
        order_at(quote, "O1", at(quote), now)
    with pytest.raises(QuoteExpired):
        desk.table.write(quote_store.use(order))


def test_an_order_that_comes_too_late_moves_nothing(desk: Desk) -> None:
    ann = desk.customer()
    quote = quoted(desk, ann)
    desk.clock.forward(seconds=15)
    with pytest.raises(QuoteExpired) as refused:
        placed(desk, ann, quote)
    assert refused.value.facts["expires_at"] == quote.expires_at.isoformat(timespec="milliseconds")
    assert dollars(desk, ann) == (Money(1000), Money(0))


def test_an_order_that_was_placed_in_time_is_repeated_at_any_time(desk: Desk) -> None:
    ann = desk.customer()
    quote = quoted(desk, ann)
    first = placed(desk, ann, quote)
    desk.clock.forward(minutes=5)
    assert desk.orders.place(ann, "k", at(quote)).made == first


def test_nobody_else_buys_at_a_quote(desk: Desk) -> None:
    ann, bob = desk.customer(), desk.customer("bob")
    quote = quoted(desk, ann)
    with pytest.raises(QuoteNotFound):
        placed(desk, bob, quote)
    with pytest.raises(QuoteNotFound):
        placed(desk, Owner("ann", "sub-of-another-ann"), quote)
    with pytest.raises(QuoteNotFound):
        desk.orders.quoted(bob, quote.quote_id)


@pytest.mark.parametrize(
    "asked",
    [
        Terms("BTC", Side.BUY, quantity=Decimal(3)),
        Terms("BTC", Side.SELL, quantity=Decimal(2)),
        Terms("ETH", Side.BUY, quantity=Decimal(2)),
        Terms("BTC", Side.BUY, quote_amount=Money(200)),
    ],
)
def test_a_quote_is_for_its_own_terms(desk: Desk, asked: Terms) -> None:
    desk.list_asset("ETH", "10")
    ann = desk.customer()
    desk.buy(ann, "2")
    quote = quoted(desk, ann)
    with pytest.raises(QuoteOfOtherTerms):
        placed(desk, ann, quote, asked)
    assert placed(desk, ann, quote, key="k2").total_amount == Money(200)


def test_equal_numbers_are_equal_terms(desk: Desk) -> None:
    ann = desk.customer()
    quote = quoted(desk, ann)
    assert placed(desk, ann, quote, Terms("BTC", Side.BUY, quantity=Decimal("2.000"))).total_amount == Money(200)


def test_a_key_has_one_quote_for_ever(desk: Desk) -> None:
    ann = desk.customer()
    first = quoted(desk, ann)
    desk.mark("BTC", "150")
    desk.clock.forward(minutes=1)
    again = desk.orders.quote(ann, "q", TWO)
    assert (again.made, again.replayed) == (first, True)
    with pytest.raises(IdempotencyKeyReused):
        quoted(desk, ann, Terms("BTC", Side.BUY, quantity=Decimal(3)))


def test_a_promise_is_kept_while_no_price_comes(desk: Desk) -> None:
    ann = desk.customer()
    desk.list_asset("BTC", "100", price_age_max_seconds=5)
    quote = quoted(desk, ann)
    desk.clock.forward(seconds=10)
    with pytest.raises(PriceUnavailable):
        quoted(desk, ann, key="q2")
    assert desk.orders.quote(ann, "q", TWO).replayed
    assert placed(desk, ann, quote).total_amount == Money(200)


def test_an_asset_that_is_switched_off_is_not_traded_at_a_quote(desk: Desk) -> None:
    ann = desk.customer()
    quote = quoted(desk, ann)
    desk.list_asset("BTC", "100", active=False)
    with pytest.raises(AssetInactive):
        placed(desk, ann, quote)


def test_nothing_is_held_for_a_quote_and_funds_are_looked_for_later(desk: Desk) -> None:
    ann = desk.customer(usd="150.00")
    quote = quoted(desk, ann)
    assert dollars(desk, ann) == (Money(150), Money(0))
    with pytest.raises(InsufficientFunds):
        placed(desk, ann, quote)
    assert desk.orders.quoted(ann, quote.quote_id).order_id is None
    desk.accounts.deposit(ann, "more", Money(50))
    assert placed(desk, ann, quote).total_amount == Money(200)


def test_what_no_order_may_be_for_is_not_quoted(desk: Desk) -> None:
    ann = desk.customer()
    desk.list_exchange_asset("SOL", "100")
    with pytest.raises(BoughtElsewhere):
        quoted(desk, ann, Terms("SOL", Side.BUY, quantity=Decimal(1)))
    with pytest.raises(BelowMinimum):
        quoted(desk, ann, Terms("BTC", Side.BUY, quantity=Decimal("0.001")))
    with pytest.raises(ContradictoryTerms):
        quoted(desk, ann, Terms("BTC", Side.BUY, quantity=Decimal(1), order_price=Price(90)))
    with pytest.raises(ContradictoryTerms):
        Terms("BTC", Side.BUY, quantity=Decimal(1), quote_id="Q", order_price=Price(90))
    with pytest.raises(ContradictoryTerms):
        Terms("BTC", Side.BUY, quantity=Decimal(1), quote_id="Q", max_price=Price(110))


def test_of_quotes_that_are_good_at_a_time_there_are_not_many(desk: Desk) -> None:
    """Else somebody buys at one of them and sells at the price of now, again and again with the same dollars."""
    ann, bob = desk.customer(), desk.customer("bob")
    desk.clock.at = quotes.span_of(desk.clock.at) + timedelta(seconds=14)
    for n in range(quotes.ASKED_MAX):
        quoted(desk, ann, key=f"q{n}")
    with pytest.raises(TooManyQuotes) as refused:
        quoted(desk, ann, key="one more")
    assert refused.value.facts == {"asked_max": 5, "seconds": 15}
    assert desk.orders.quote(ann, "q0", TWO).replayed
    quoted(desk, bob)
    desk.clock.forward(seconds=1)
    for n in range(quotes.ASKED_MAX):
        quoted(desk, ann, key=f"r{n}")
    with pytest.raises(TooManyQuotes):
        quoted(desk, ann, key="one more")
    desk.check()


@pytest.mark.parametrize("seed", range(deep(5, 50)))
def test_of_many_quotes_that_are_asked_for_at_once_no_more_are_given(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer()
    outcomes = interleaver.run(*(partial(quoted, desk, ann, key=str(n)) for n in range(8)))
    refused = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert len(refused) == 3
    assert all(isinstance(error, TooManyQuotes) for error in refused)
    desk.check()


@pytest.mark.parametrize("seed", range(deep(5, 100)))
def test_of_many_orders_at_once_one_is_placed_at_a_quote(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="10000.00")
    quote = quoted(desk, ann)
    acts = [partial(placed, desk, ann, quote, key=key) for key in ("a", "b", "b", "c")]
    outcomes = interleaver.run(*acts)
    made = {outcome.value.order_id for outcome in outcomes if outcome.error is None}
    assert len(made) == 1
    assert all(isinstance(outcome.error, QuoteUsed | None) for outcome in outcomes)
    assert dollars(desk, ann) == (Money(9800), Money(0))
    desk.check()


def test_no_quote_is_honoured_late_twice_or_for_another() -> None:
    """Tries of all kinds, by two customers, at any time around the end of their quotes."""
    random, desk = Random(7), Desk()
    desk.list_asset("BTC", "100", price_age_max_seconds=10**9)
    owners = [desk.customer(name, usd="1000000.00") for name in ("ann", "bob")]
    keys, used, honoured = count(), set[str](), 0
    made: list[tuple[Owner, Terms, FirmQuote]] = []
    for _ in range(100_000 if SIMULATED else deep(300, 10_000)):
        owner = random.choice(owners)
        if not made or random.random() < 0.4:
            asked = Terms("BTC", Side.BUY, quantity=Decimal(random.randint(1, 3)))
            with suppress(TooManyQuotes):
                made = [*made[-4:], (owner, asked, quoted(desk, owner, asked, f"q{next(keys)}"))]
        whose, asked, quote = random.choice(made)
        if random.random() < 0.1:
            asked = Terms("BTC", Side.BUY, quantity=Decimal(random.randint(1, 3)))
        desk.clock.forward(seconds=random.choice((0, 0, 1, 5)))
        if random.random() < 0.2:
            desk.clock.at = max(desk.clock.at, quote.expires_at + timedelta(milliseconds=random.randint(-3, 2)))
        try:
            order = placed(desk, owner, quote, asked, f"k{next(keys)}")
        except Refusal:
            continue
        honoured += 1
        assert owner == whose
        assert order.created_at < quote.created_at + GOOD_FOR
        assert quote.quote_id not in used
        assert (order.quantity, order.total_amount) == (quote.quantity, quote.total_amount)
        used.add(quote.quote_id)
    assert honoured > 20
    desk.check()
