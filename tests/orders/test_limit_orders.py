"""Orders that wait for the market: hold, fill, expiry, cancel."""

from datetime import timedelta
from decimal import Decimal

import pytest

from common.domain import book
from common.domain.catalogue.model import (
    AboveMaximum,
    AmountTooLarge,
    AssetInactive,
    BelowMinimum,
    Execution,
    PriceOffStep,
    PriceUnavailable,
)
from common.domain.ledger.model import InsufficientAsset, InsufficientFunds
from common.money import Money, Price
from functions.orders import store
from functions.orders.model import (
    OPERATORS_ONLY,
    TRANSITIONS,
    BoughtElsewhere,
    OrderNotPending,
    Side,
    Status,
    Terms,
)
from tests.desk import Desk


def test_a_resting_buy_holds_its_dollars_until_the_market_comes_down(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    order = desk.buy(ann, "2", order_price="90")
    balance = desk.accounts.balance(ann)
    assert (order.status, balance.current, balance.held) == (Status.PENDING, Money(820), Money(180))
    assert desk.match() == 0
    desk.mark("BTC", "90")
    assert desk.match() == 1
    filled = desk.orders.order(ann, order.order_id)
    assert (filled.status, filled.total_amount) == (Status.COMPLETED, Money(180))


def test_a_resting_sale_holds_its_units_until_the_market_comes_up(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "3")
    order = desk.sell(ann, "2", order_price="120")
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.quantity.amount, btc.held_quantity.amount, btc.cost_basis) == (Decimal(1), Decimal(2), Money(300))
    desk.mark("BTC", "119.99")
    assert desk.match() == 0
    desk.mark("BTC", "125")
    assert desk.match() == 1
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.whole.amount, btc.cost_basis, btc.realised_gain) == (Decimal(1), Money(100), Money(50))
    assert desk.orders.order(ann, order.order_id).price_per_unit == Price(125)


@pytest.mark.parametrize("price", ["95.01", "95.024999999999999999"])
def test_the_price_of_a_limit_order_is_a_multiple_of_its_step(desk: Desk, price: str) -> None:
    desk.list_asset("BTC", "100", price_step="0.025")
    ann = desk.customer(usd="1000.00")
    with pytest.raises(PriceOffStep, match=r"a multiple of \$0\.025"):
        desk.buy(ann, "1", order_price=price)
    assert desk.buy(ann, "1", order_price="95.025").order_price == Price("95.025")


def test_a_fill_is_at_the_limit_or_at_what_is_better_for_the_customer(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2", order_price="90")
    desk.mark("BTC", "80")
    desk.match()
    balance = desk.accounts.balance(ann)
    assert (balance.current, balance.held) == (Money(840), Money(0))


def test_only_orders_that_the_market_has_crossed_are_read(desk: Desk) -> None:
    ann = desk.customer(usd="100000.00")
    for price in range(50, 100):
        desk.buy(ann, "1", order_price=str(price))
    desk.buy(ann, "50")
    for price in range(101, 151):
        desk.sell(ann, "1", order_price=str(price))
    desk.mark("BTC", "95")
    assert desk.match() == 5  # buys at 95 to 99
    desk.mark("BTC", "103")
    assert desk.match() == 3  # sales at 101 to 103


@pytest.mark.parametrize("side", Side)
def test_the_book_sorts_by_price_as_a_number_the_best_first(side: Side) -> None:
    prices = ["0.000000000000000001", "0.5", "9.99", "10", "100", "9999999999.999999999999999999"]
    written = [book.rank(Price(p), buys=side is Side.BUY) for p in prices]
    assert written == sorted(written, reverse=side is Side.BUY)
    assert len(set(written)) == len(prices)
    assert {len(w) for w in written} == {29}


def test_a_price_of_more_digits_than_the_book_sorts_is_refused(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "1")
    with pytest.raises(AmountTooLarge, match="10 digits"):
        desk.sell(ann, "0.00000001", order_price="10000000000")


def test_billions_of_a_coin_of_small_fractions_of_a_cent_are_bought(desk: Desk) -> None:
    desk.list_asset("BTTC", "0.00000045", precision=0, max_notional="100000")
    ann = desk.customer(usd="50000.00")
    assert desk.buy(ann, "12000000000", "BTTC").total_amount == Money("5400.00")
    asked = Terms("BTTC", Side.BUY, quote_amount=Money("5000.00"))
    assert desk.orders.place(ann, "by its worth", asked).made.quantity.amount == 11111111111


def test_a_price_of_eighteen_decimals_still_meets_a_limit_of_the_same_price(desk: Desk) -> None:
    ann = desk.customer()
    price = "100.000000000000000001"
    order = desk.buy(ann, "1", order_price=price)
    desk.mark("BTC", price)
    desk.match()
    assert desk.orders.order(ann, order.order_id).status is Status.COMPLETED


def test_a_cancelled_order_gives_its_hold_back_once(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "1")
    buy, sale = desk.buy(ann, "2", order_price="90"), desk.sell(ann, "1", order_price="200")
    for order in (buy, sale):
        assert not desk.orders.cancel(ann, order.order_id).replayed
        again = desk.orders.cancel(ann, order.order_id)
        assert (again.replayed, again.made.status) == (True, Status.CANCELLED)
    balance, (btc,) = desk.orders.holdings(ann)
    assert (balance.current, balance.held, btc.quantity.amount) == (Money(900), Money(0), Decimal(1))


def test_a_filled_order_can_not_be_cancelled_and_a_cancelled_one_is_not_filled(desk: Desk) -> None:
    ann = desk.customer()
    filled, cancelled = desk.buy(ann, "1", order_price="90"), desk.buy(ann, "1", order_price="90")
    desk.orders.cancel(ann, cancelled.order_id)
    desk.mark("BTC", "90")
    assert desk.match() == 1
    with pytest.raises(OrderNotPending):
        desk.orders.cancel(ann, filled.order_id)


def test_an_order_past_its_time_is_cancelled_with_the_reason(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    soon, late = (
        desk.buy(ann, "1", order_price="90", expires_at=desk.clock.at + timedelta(minutes=minutes))
        for minutes in (10, 20)
    )
    desk.clock.forward(minutes=15)
    desk.mark("BTC", "100")
    assert desk.expire() == 1
    assert desk.expire() == 0
    expired = desk.orders.order(ann, soon.order_id)
    assert (expired.status, expired.reason) == (Status.CANCELLED, "expired")
    assert desk.orders.order(ann, late.order_id).status is Status.PENDING
    assert desk.accounts.balance(ann).held == Money(90)


def test_an_expired_order_is_not_filled_even_if_the_sweep_is_late(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "1", order_price="90", expires_at=desk.clock.at + timedelta(minutes=1))
    desk.clock.forward(minutes=2)
    desk.mark("BTC", "90")
    assert desk.match() == 0


def test_an_order_without_a_time_expires_after_thirty_days(desk: Desk) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    assert order.expires_at == order.created_at + timedelta(days=30)


def test_a_repeat_gives_a_limit_order_as_it_is_now_even_after_its_expiry(desk: Desk) -> None:
    ann = desk.customer()
    expires_at = desk.clock.at + timedelta(minutes=1)
    first = desk.place(ann, "BUY", "1", key="k", order_price="90", expires_at=expires_at).made
    desk.clock.forward(minutes=5)
    desk.expire()
    again = desk.place(ann, "BUY", "1", key="k", order_price="90", expires_at=expires_at)
    assert (again.replayed, again.made.order_id, again.made.status) == (True, first.order_id, Status.CANCELLED)


@pytest.mark.parametrize(
    ("side", "route", "protects"), [("BUY", "POST /purchases", "max_price"), ("SELL", "POST /sales", "min_price")]
)
def test_a_limit_order_of_what_is_traded_at_the_exchange_is_refused(
    desk: Desk, side: str, route: str, protects: str
) -> None:
    """In words that say where to go, and nothing is held; neither when the asset was traded here before."""
    desk.list_exchange_asset("SOL")
    ann = desk.customer()
    desk.bring(ann, "2")
    desk.buy(ann, "2")
    desk.list_asset("BTC", "100", execution=Execution.EXCHANGE)
    before = desk.orders.holdings(ann)
    for asset_id in ("SOL", "BTC"):
        with pytest.raises(BoughtElsewhere, match=f"at an exchange: {route}") as refused:
            desk.place(ann, side, "1", asset_id, order_price="90" if side == "BUY" else "110")
        assert protects in refused.value.detail
        assert refused.value.facts == {"route": route}
    assert desk.orders.holdings(ann) == before
    assert not [item for item in desk.dynamo.items() if "open_work" in item]


def test_what_is_held_can_not_be_spent_or_sold_again(desk: Desk) -> None:
    ann = desk.customer(usd="100.00")
    desk.buy(ann, "0.5")
    desk.buy(ann, "0.5", order_price="90")
    with pytest.raises(InsufficientFunds):
        desk.buy(ann, "0.06")
    desk.sell(ann, "0.5", order_price="200")
    with pytest.raises(InsufficientAsset):
        desk.sell(ann, "0.00000001", order_price="100000000")
    with pytest.raises(InsufficientAsset):
        desk.sell(ann, "0.1")


def test_an_inactive_asset_or_an_old_price_leaves_orders_as_they_are(desk: Desk) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    desk.mark("BTC", "90")
    desk.clock.forward(minutes=10)
    with pytest.raises(PriceUnavailable):
        desk.match()
    desk.list_asset("BTC", "90", active=False)
    with pytest.raises(AssetInactive):
        desk.match()
    assert desk.orders.order(ann, order.order_id).status is Status.PENDING


def test_the_life_of_an_order_can_be_read(desk: Desk) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    desk.mark("BTC", "89.5")
    desk.match()
    told = [(e.before, e.after, e.reason, e.actor) for e in desk.operations.story(order.order_id).events]
    assert told == [
        (None, "PENDING", "placed", "customer"),
        ("PENDING", "COMPLETED", "filled at 89.5", "the market"),
    ]


def test_states_move_only_along_the_listed_transitions() -> None:
    assert {s for s, after in TRANSITIONS.items() if not after} == {Status.COMPLETED, Status.CANCELLED, Status.FAILED}
    assert set(TRANSITIONS) == set(Status)
    assert OPERATORS_ONLY <= {(a, b) for a, after in TRANSITIONS.items() for b in after}


def test_matching_that_runs_out_of_time_goes_on_in_the_next_round(desk: Desk) -> None:
    ann = desk.customer(usd="10000.00")
    for _ in range(5):
        desk.buy(ann, "1", order_price="90")
    desk.mark("BTC", "90")
    time_left = iter([True, True, False])
    assert desk.book.match(desk.catalogue, "BTC", lambda: next(time_left)) == 2
    assert desk.match() == 3


def test_eighteen_decimals_are_held_and_given_back_to_the_last_digit(desk: Desk) -> None:
    ann = desk.customer(usd="1000000.00")
    desk.list_asset("ETH", "3000.123456789012345678", precision=18)
    desk.buy(ann, "1.000000000000000001", "ETH")
    order = desk.sell(ann, "0.999999999999999999", "ETH", order_price="4000")
    desk.orders.cancel(ann, order.order_id)
    _, (eth,) = desk.orders.holdings(ann)
    assert eth.quantity.amount == Decimal("1.000000000000000001")


def test_a_limit_order_is_within_the_assets_bounds_also_at_the_market_price(desk: Desk) -> None:
    ann = desk.customer(usd="100000.00")
    desk.list_asset("AI", "100", min_notional="10", max_notional="1000")
    for _ in range(2):
        desk.buy(ann, "10", "AI")
    with pytest.raises(AboveMaximum):
        desk.sell(ann, "20", "AI", order_price="1")
    with pytest.raises(BelowMinimum):
        desk.buy(ann, "0.01", "AI", order_price="1000")


def test_a_fill_of_more_digits_than_an_amount_may_have_waits(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.list_asset("AI", "0.00000001", precision=0, max_notional="999999999999999")
    desk.buy(ann, "90000000000", "AI")
    order = desk.sell(ann, "90000000000", "AI", order_price="0.00000002")
    desk.mark("AI", "99999")
    assert desk.match("AI") == 0
    assert desk.orders.order(ann, order.order_id).status is Status.PENDING


def test_two_cancels_at_once_are_one_cancel(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    orders = desk.orders
    seen = orders.order(ann, order.order_id)
    orders.cancel(ann, order.order_id)
    reads = iter([seen])
    get = store.get
    monkeypatch.setattr(store, "get", lambda *asked: next(reads, None) or get(*asked))
    assert orders.cancel(ann, order.order_id).replayed
