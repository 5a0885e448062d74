"""Buying and selling at the market."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import (
    AboveMaximum,
    AssetInactive,
    BelowMinimum,
    Execution,
    Listing,
    PrecisionExceeded,
    PriceMoved,
    PriceUnavailable,
    Quote,
)
from common.domain.catalogue.store import Catalogue
from common.domain.ledger.model import AccountNotFound, InsufficientAsset, InsufficientFunds
from common.idempotency import IdempotencyKeyReused
from common.money import Money, Price
from common.owner import Owner
from functions.orders import model
from functions.orders.model import BoughtElsewhere, Side, Status, Terms
from tests.desk import Clock, Desk


def test_a_purchase_takes_the_dollars_and_gives_the_asset(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    order = desk.buy(ann, "2.5")
    assert (order.status, order.total_amount, order.price_per_unit) == (Status.COMPLETED, Money(250), Price(100))
    balance, (btc,) = desk.orders.holdings(ann)
    assert (balance.current, balance.held) == (Money(750), Money(0))
    assert (btc.quantity.amount, btc.cost_basis, btc.average_purchase_price) == (Decimal("2.5"), Money(250), Price(100))


def test_a_buyer_pays_the_fraction_of_a_cent_and_a_seller_leaves_it(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.mark("BTC", "33.333333")
    assert desk.buy(ann, "0.1").total_amount == Money("3.34")
    assert desk.sell(ann, "0.1").total_amount == Money("3.33")


def test_a_sale_takes_its_share_of_the_cost_and_tells_the_gain(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "3")  # $300
    desk.mark("BTC", "160")
    desk.sell(ann, "1")
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.cost_basis, btc.realised_gain) == (Money(200), Money(60))
    line = desk.orders.history(ann, "BTC", limit=10, after=None).items[0].line
    assert (line.cost, line.realised_gain, line.total_amount) == (Money(100), Money(60), Money(160))


def test_whoever_sells_everything_has_no_cost_left_however_it_was_rounded(desk: Desk) -> None:
    ann = desk.customer()
    desk.mark("BTC", "33.333333")
    desk.buy(ann, "3")
    for _ in range(3):
        desk.sell(ann, "1")
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.whole.amount, btc.cost_basis) == (Decimal(0), Money(0))


def test_a_quote_amount_is_spent_exactly(desk: Desk) -> None:
    ann = desk.customer(usd="50.00")
    desk.mark("BTC", "67000.10")
    placed = desk.orders.place(ann, "k", Terms("BTC", Side.BUY, quote_amount=Money(50)))
    assert placed.made.total_amount == Money("50.00")
    assert placed.made.quantity.amount == Decimal("0.00074626")


def test_a_quote_amount_never_costs_more_than_the_whole_units_it_buys(desk: Desk) -> None:
    ann = desk.customer()
    desk.list_asset("COIN", "30", precision=0)
    placed = desk.orders.place(ann, "k", Terms("COIN", Side.BUY, quote_amount=Money(50)))
    assert (placed.made.quantity.amount, placed.made.total_amount) == (Decimal(1), Money(30))


def test_a_quote_amount_too_small_for_one_unit_is_below_the_minimum(desk: Desk) -> None:
    ann = desk.customer()
    desk.list_asset("COIN", "30", precision=0)
    with pytest.raises(BelowMinimum):
        desk.orders.place(ann, "k", Terms("COIN", Side.BUY, quote_amount=Money(20)))


def test_a_purchase_nobody_can_afford_moves_nothing(desk: Desk) -> None:
    ann = desk.customer(usd="9.99")
    before = desk.dynamo.items()
    with pytest.raises(InsufficientFunds) as refused:
        desk.buy(ann, "0.1")
    assert refused.value.facts == {"needed_usd": "10.00", "free_usd": "9.99"}
    assert desk.dynamo.items() == before


def test_selling_what_one_does_not_own_is_refused_by_the_write_itself(desk: Desk) -> None:
    ann = desk.customer()
    with pytest.raises(InsufficientAsset):
        desk.sell(ann, "0.1")
    desk.buy(ann, "0.1")
    with pytest.raises(InsufficientAsset) as refused:
        desk.sell(ann, "0.10000001")
    assert refused.value.facts == {"needed": "0.10000001 BTC", "free": "0.1 BTC"}


def test_whoever_takes_a_deleted_username_does_not_get_its_money(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "1")
    other = Owner("ann", "sub-of-somebody-else")
    for forbidden in (
        lambda: desk.buy(other, "1"),
        lambda: desk.buy(other, "1", order_price="90"),
        lambda: desk.orders.portfolio(other),
        lambda: desk.accounts.balance(other),
        lambda: desk.accounts.deposit(other, "k", Money(1)),
    ):
        with pytest.raises(AccountNotFound):
            forbidden()
    for price in ({}, {"order_price": "200"}):
        with pytest.raises(InsufficientAsset):
            desk.sell(other, "0.1", **price)
    assert desk.orders.orders(other, limit=10, after=None).items == []


@pytest.mark.parametrize(
    ("rules", "quantity", "refusal"),
    [
        ({"active": False}, "1", AssetInactive),
        ({"execution": Execution.EXCHANGE}, "1", BoughtElsewhere),
        ({"precision": 2}, "0.123", PrecisionExceeded),
        ({"min_notional": "100.01"}, "1", BelowMinimum),
        ({"max_notional": "99.99"}, "1", AboveMaximum),
    ],
)
def test_the_rules_of_the_asset_come_before_the_money(
    desk: Desk, rules: dict[str, str], quantity: str, refusal: type[Exception]
) -> None:
    ann = desk.customer()
    desk.list_asset("AI", "100", **rules)
    before = desk.dynamo.items()
    with pytest.raises(refusal):
        desk.buy(ann, quantity, "AI")
    assert desk.dynamo.items() == before


def test_exactly_the_minimum_and_exactly_the_maximum_are_allowed(desk: Desk) -> None:
    ann = desk.customer()
    desk.list_asset("AI", "100", min_notional="10", max_notional="20")
    assert desk.buy(ann, "0.1", "AI").total_amount == Money(10)
    assert desk.buy(ann, "0.2", "AI").total_amount == Money(20)


def test_nothing_is_traded_without_a_price_or_on_an_old_one(desk: Desk) -> None:
    ann = desk.customer()
    desk.list_asset("AI", None)
    with pytest.raises(PriceUnavailable):
        desk.buy(ann, "1", "AI")
    desk.clock.forward(seconds=121)
    with pytest.raises(PriceUnavailable) as refused:
        desk.buy(ann, "1")
    assert refused.value.facts["age_max_seconds"] == 120


def test_a_moved_price_is_refused_and_told(desk: Desk) -> None:
    ann = desk.customer()
    with pytest.raises(PriceMoved) as refused:
        desk.buy(ann, "1", max_price=Price("99.99"))
    assert refused.value.facts == {"price": "100"}
    bought = desk.buy(ann, "1", max_price=Price("100"))
    with pytest.raises(PriceMoved):
        desk.sell(ann, "1", min_price=Price("100.01"))
    assert bought.price_source == "test"


class TestRepeats:
    """The same Idempotency-Key."""

    def test_is_recognised_after_everything_that_could_refuse_it_has_changed(self, desk: Desk) -> None:
        ann = desk.customer(usd="100.00")
        first = desk.place(ann, "BUY", "1", key="k", max_price=Price(100)).made
        for change in (
            lambda: desk.mark("BTC", "150"),  # the protection, and the funds are spent
            lambda: desk.clock.forward(days=400),  # the price is old
            lambda: desk.list_asset("BTC", "100", min_notional="500"),
            lambda: desk.list_asset("BTC", "100", active=False),
        ):
            change()
            assert desk.place(ann, "BUY", "1", key="k", max_price=Price(100)).made == first
        with pytest.raises(IdempotencyKeyReused):
            desk.place(ann, "BUY", "2", key="k")

    def test_of_a_refused_order_may_become_an_acceptance(self, desk: Desk) -> None:
        ann = desk.customer(usd="10.00")
        with pytest.raises(InsufficientFunds):
            desk.place(ann, "BUY", "1", key="k")
        desk.accounts.deposit(ann, "more", Money(100))
        assert not desk.place(ann, "BUY", "1", key="k").replayed

    def test_of_a_namesakes_order_is_none(self) -> None:
        """Who has the name now is answered with nothing of who had it before."""
        assert model.order_id(Owner("ann", "sub-ann"), "k") != model.order_id(Owner("ann", "another-sub"), "k")


def test_a_statement_has_everything_that_moved_in_its_month_oldest_first(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    desk.sell(ann, "1")
    begin, middle = desk.clock.at.replace(day=1, hour=0), desk.clock.at.replace(month=12, day=1, hour=0)
    desk.clock.at = middle
    desk.list_asset("AI", "1")
    desk.buy(ann, "3", "AI")
    lines = [move.line for move in desk.orders.statement(ann, begin, middle).moves]
    told = [(line.transaction_type, str(line.quantity)) for line in lines]
    assert told == [("DEPOSIT", "1000 USD"), ("BUY", "2 BTC"), ("SELL", "1 BTC")]


def test_a_price_from_the_future_is_not_traded_on(desk: Desk) -> None:
    asset, now = desk.list_asset("AI"), desk.clock.at
    ahead = Listing(asset, Quote(Price(100), "test", now + timedelta(seconds=31)))
    with pytest.raises(PriceUnavailable, match="from the future"):
        ahead.tradable_ask(now)
    assert Listing(asset, Quote(Price(100), "test", now + timedelta(seconds=30))).tradable_ask(now)


def test_all_processes_change_the_price_at_one_instant_however_old_their_views(desk: Desk) -> None:
    """Otherwise a customer buys from the one that is behind and sells to the one that is not."""
    views = [Catalogue(desk.table, desk.clock) for _ in range(3)]
    with desk.table.transaction() as tx:
        tx.add(catalogue.mark("BTC", Quote(Price(105), "test", desk.clock()), desk.clock.at))
    marked_at, seen = desk.clock.at, set()
    views[0].listings()
    for n in range(120):
        desk.clock.at = marked_at + timedelta(milliseconds=100 * n)
        for view in views[: 1 + n // 40]:  # the others look at the table for the first time later
            now = desk.clock.at
            quote = view.listing("BTC").quote_at(now)
            assert quote is not None
            seen.add((now >= marked_at + catalogue.NOTICE, str(quote.price)))
    assert seen == {(False, "100"), (True, "105")}


class Still(Clock):
    """A time that stands still."""

    def __call__(self) -> datetime:
        return self.at


def test_two_trades_of_one_instant_are_two_lines_of_the_journal() -> None:
    desk = Desk(clock=Still())
    desk.list_asset("BTC", "100")
    ann = desk.customer()
    desk.buy(ann, "1")
    desk.buy(ann, "2")
    lines = [move.line for move in desk.orders.history(ann, "BTC", limit=10, after=None).items]
    assert sorted(line.quantity.amount for line in lines) == [Decimal(1), Decimal(2)]
    assert len({line.created_at for line in lines}) == 1
    desk.check()
