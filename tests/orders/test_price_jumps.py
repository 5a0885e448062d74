"""A price that has jumped stops trading at once: until somebody else is there, too, or the source comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta

import pytest

from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import NothingToConfirm, PriceIsNewer, PriceUnavailable, Quote, is_confirmed
from common.domain.catalogue.store import VIEW_SECONDS
from common.domain.ledger.model import PriceStatus
from common.domain.proposals.model import OwnProposal
from common.gateways import configured
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown, Ticker
from common.gateways.prices import Quotation
from common.money import Money, Price
from common.operator_outcome import OperatorOutcome
from functions.operations.model import NotProposable
from functions.orders import schedule
from functions.orders.model import Status
from sandbox.prices.oracle import Oracle
from tests.desk import Desk
from tests.harness.invocation import Invocation
from tests.orders.test_schedule import oracle
from tests.seen import around, audited, before_next_write

__all__ = ["oracle"]


def a_round(desk: Desk, oracle: Oracle, price: str | None = None, *, after: float = 60) -> dict[str, int]:
    """The clock comes a minute later; the source says this price of BTC by then."""
    desk.clock.forward(seconds=after)
    if price is not None:
        oracle.set_price("btc", price)
    return schedule.tend_market({}, Invocation(55))


def exchange_is_at(desk: Desk, bid: str, ask: str) -> None:
    """Somebody buys BTC at one price, and sells it at the other."""
    desk.world.nobody_buys()
    desk.world.ask(ask, "10", "BTCUSDT")
    desk.world.bid(bid, "10")


def price_of(desk: Desk, asset_id: str = "BTC") -> Price:
    """What it will be traded at when the notice is over."""
    quote = desk.catalogue.listing(asset_id).quote
    assert quote is not None
    return quote.price


def stands_still(desk: Desk, asset_id: str = "BTC") -> bool:
    return desk.catalogue.listing(asset_id).jump is not None


# It stops


@pytest.mark.parametrize("price", ["75", "125", "100000", "0.1"])
def test_a_jump_stops_all_trading_at_once(desk: Desk, oracle: Oracle, counted: Counter[str], price: str) -> None:
    """The truth of -25 %, and a slip x1000: neither the old price nor the new one is traded on."""
    ann = desk.customer(usd="100000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    resting = [desk.buy(ann, "1", order_price="101"), desk.sell(ann, "1", order_price="99")]
    assert a_round(desk, oracle, price) == {"marked": 0, "filled": 0}
    trades: list[Callable[[], object]] = [
        lambda: desk.buy(ann, "1"),
        lambda: desk.sell(ann, "0.001"),
        lambda: desk.cash_out(ann, "1"),
        desk.match,
    ]
    for trade in trades:
        with pytest.raises(PriceUnavailable, match="has jumped to") as refused:
            trade()
        assert refused.value.facts == {"price": "100", "unconfirmed_price": price, "retry_after_seconds": 60}
    assert {desk.orders.order(ann, order.order_id).status for order in resting} == {Status.PENDING}
    assert counted["PriceJump"] == 1


def test_a_purchase_at_the_exchange_waits_too(desk: Desk) -> None:
    desk.list_exchange_asset()
    ann = desk.customer()
    desk.jump("SOL", "130")
    with pytest.raises(PriceUnavailable):
        desk.purchase(ann, "20")


def test_a_move_of_a_fifth_is_no_jump(desk: Desk, oracle: Oracle, counted: Counter[str]) -> None:
    for price in ("80", "96", "100"):
        assert a_round(desk, oracle, price)["marked"] == 1
        assert price_of(desk) == Price(price)
    assert not counted["PriceJump"]


def test_orders_may_be_placed_and_cancelled_while_trading_stands_still(desk: Desk) -> None:
    ann = desk.customer()
    desk.jump("BTC", "75")
    order = desk.buy(ann, "1", order_price="60")
    assert desk.orders.cancel(ann, order.order_id).made.status is Status.CANCELLED


def test_a_process_with_an_older_view_stops_within_five_seconds(desk: Desk) -> None:
    desk.catalogue_is_cached()
    ann = desk.customer()
    desk.buy(ann, "1")
    desk.jump("BTC", "75")
    desk.clock.forward(seconds=VIEW_SECONDS)
    with pytest.raises(PriceUnavailable):
        desk.sell(ann, "1")


def test_a_round_that_fills_stops_when_another_sees_the_jump(desk: Desk) -> None:
    ann = desk.customer()
    desk.catalogue_is_cached()
    for _ in range(2):
        desk.buy(ann, "1", order_price="100")

    def more_time() -> bool:
        if desk.accounts.balance(ann).held.usd < 200:
            desk.jump("BTC", "75")
            desk.clock.forward(seconds=VIEW_SECONDS)
        return True

    assert desk.book.match(desk.catalogue, "BTC", more_time) == 1


def test_a_price_left_by_a_jump_is_told_as_stale(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "1")
    desk.jump("BTC", "75")
    portfolio = desk.orders.portfolio(ann)
    assert [position.price_status for position in portfolio.positions] == [PriceStatus.STALE]
    assert (portfolio.complete, portfolio.total_asset_value) == (False, Money(100))


# A slip


@pytest.mark.parametrize("price", ["100000", "0.1"])
def test_a_slip_that_lasts_is_not_believed_for_lasting(desk: Desk, oracle: Oracle, price: str) -> None:
    """The exchange is where it was. The latest price is long too old to trade on."""
    ann = desk.customer()
    desk.buy(ann, "1")
    exchange_is_at(desk, "99.9", "100.1")
    for _ in range(30):
        assert a_round(desk, oracle, price, after=600)["marked"] == 0
        assert (price_of(desk), stands_still(desk)) == (Price(100), True)
    with pytest.raises(PriceUnavailable):
        desk.sell(ann, "0.001")


def test_a_jump_after_a_long_silence_is_not_believed_either(desk: Desk, oracle: Oracle) -> None:
    assert a_round(desk, oracle, "75", after=86_400)["marked"] == 0
    assert stands_still(desk)


def test_when_the_source_comes_back_trading_goes_on(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer()
    a_round(desk, oracle, "100000")
    assert a_round(desk, oracle, "101") == {"marked": 1, "filled": 0}
    assert not stands_still(desk)
    desk.clock.forward(seconds=6)
    assert desk.buy(ann, "1").price_per_unit == Price(101)


def test_a_source_that_is_silent_leaves_trading_standing_still(desk: Desk, oracle: Oracle) -> None:
    a_round(desk, oracle, "75")
    oracle.fail_next("500")
    assert a_round(desk, oracle)["marked"] == 0
    assert stands_still(desk)


def test_a_quote_from_the_future_is_left_out_and_stops_nothing(
    desk: Desk, oracle: Oracle, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead:
        def latest(self, _: Collection[str]) -> dict[str, Quotation]:
            return {"BTC": Quotation("BTC", Price(75), desk.clock.at + timedelta(seconds=31), "test")}

    monkeypatch.setattr(configured, "prices", lambda _: Ahead())
    assert a_round(desk, oracle)["marked"] == 0
    assert (counted["PriceJump"], stands_still(desk)) == (1, False)


def test_an_older_quote_neither_stops_nor_resumes(desk: Desk) -> None:
    """Of a round that overlaps with the one that was later to ask and earlier to write."""
    now = desk.clock.at

    def quote(price: str, seconds: float) -> Quote:
        return Quote(Price(price), "test", now + timedelta(seconds=seconds))

    with pytest.raises(PriceIsNewer):
        desk.table.write(catalogue.stop("BTC", quote("75", -60), desk.clock()))
    assert not stands_still(desk)
    desk.table.write(catalogue.stop("BTC", quote("75", 60), desk.clock()))
    with pytest.raises(PriceIsNewer):
        desk.table.write(catalogue.mark("BTC", quote("100", 30), desk.clock()))
    with pytest.raises(PriceIsNewer):
        desk.table.write(catalogue.stop("BTC", quote("50", 30), desk.clock()))
    jump = desk.catalogue.listing("BTC").jump
    assert jump is not None
    assert jump.quote == quote("75", 60)


# The second source


def test_the_exchange_confirms_a_true_move_in_the_same_round(desk: Desk, oracle: Oracle, counted: Counter[str]) -> None:
    """In the seconds before the new price counts, trades are at the worse one."""
    ann = desk.customer()
    desk.buy(ann, "2")
    exchange_is_at(desk, "74.9", "75.1")
    assert a_round(desk, oracle, "75")["marked"] == 1
    assert (price_of(desk), stands_still(desk), counted["PriceJump"]) == (Price(75), False, 1)
    assert (desk.sell(ann, "1").price_per_unit, desk.buy(ann, "1").price_per_unit) == (Price(75), Price(100))
    desk.clock.forward(seconds=6)
    assert desk.buy(ann, "1").price_per_unit == Price(75)


@pytest.mark.parametrize(
    ("bid", "ask", "confirmed"),
    [
        ("74.9", "75.1", True),
        ("75", "75", True),
        ("71.43", "78.94", True),
        ("71.42", "75", False),
        ("75", "78.95", False),
        ("1", "1000000", False),
        ("99", "101", False),
        ("75", "100", False),
        ("50", "75", False),
    ],
)
def test_a_price_is_confirmed_where_both_sides_are_near(bid: str, ask: str, confirmed: bool) -> None:
    """Within 5 % of each."""
    assert is_confirmed(Price(75), bid=Price(bid), ask=Price(ask)) is confirmed


def test_an_exchange_that_does_not_answer_is_asked_in_the_next_round(desk: Desk, oracle: Oracle) -> None:
    exchange_is_at(desk, "74.9", "75.1")
    desk.world.fake.down = True
    assert a_round(desk, oracle, "75")["marked"] == 0
    assert stands_still(desk)
    desk.world.fake.down = False
    assert a_round(desk, oracle, "74")["marked"] == 1
    assert price_of(desk) == Price(74), "what the source says now, not what it said first"


def test_one_asset_without_a_market_does_not_keep_others_from_it(desk: Desk, oracle: Oracle) -> None:
    desk.list_asset("AAA")
    exchange_is_at(desk, "74.9", "75.1")
    for _ in range(2):  # whichever is asked about first
        oracle.set_price("aaa", "75")
        a_round(desk, oracle, "75")
        assert [stands_still(desk, asset_id) for asset_id in ("AAA", "BTC")] == [True, False]
        desk.clock.forward(seconds=6)
        desk.mark("BTC", "100")


def test_an_exchange_that_is_down_costs_a_round_one_call(desk: Desk, oracle: Oracle) -> None:
    desk.list_asset("AAA")
    oracle.set_price("aaa", "75")
    desk.world.fake.down = True
    a_round(desk, oracle, "75")
    assert desk.world.fake.calls["ticker"] == 1


def test_without_a_jump_the_exchange_is_not_asked(desk: Desk, oracle: Oracle) -> None:
    a_round(desk, oracle, "101")
    assert desk.world.fake.calls["ticker"] == 0


def test_without_time_the_exchange_is_not_asked(desk: Desk, oracle: Oracle) -> None:
    desk.clock.forward(minutes=1)
    oracle.set_price("btc", "75")
    schedule.tend_market({}, Invocation(15))
    assert (desk.world.fake.calls["ticker"], stands_still(desk)) == (0, True)


def test_trading_stops_before_the_exchange_is_asked(
    desk: Desk, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its answer takes."""
    seen = []
    exchange = desk.world.exchange

    class Slow:
        def ticker(self, asset_id: str) -> Ticker:
            seen.append(stands_still(desk))
            return exchange.ticker(asset_id)

    exchange_is_at(desk, "74.9", "75.1")
    monkeypatch.setattr(configured, "tickers", Slow)
    a_round(desk, oracle, "75")
    assert seen == [True]


# The first price


def silent(*_: object) -> Ticker:
    raise ExchangeUnavailable("no answer")


def elsewhere(*_: object) -> Ticker:
    return Ticker(Price("149.9"), Price("150.1"))


def without_market(*_: object) -> Ticker:
    raise MarketUnknown("no such market")


@pytest.fixture
def new(desk: Desk, oracle: Oracle) -> str:
    """An asset that is active, and has never had a price; its source begins with one a thousand times too high."""
    desk.list_asset("AAA", None)
    oracle.set_price("aaa", "150000")
    a_round(desk, oracle)
    return "AAA"


def sells_and_buys(desk: Desk, asset_id: str) -> list[PriceUnavailable]:
    """How all that would trade an asset is refused."""
    bob = desk.customer("bob")
    desk.clients(bob)
    trades: list[Callable[[], object]] = [
        lambda: desk.buy(bob, "1", asset_id),
        lambda: desk.sell(bob, "1", asset_id),
        lambda: desk.cash_out(bob, "1", asset_id=asset_id),
        lambda: desk.match(asset_id),
    ]
    found = []
    for trade in trades:
        with pytest.raises(PriceUnavailable, match="nobody has confirmed the first price") as refused:
            trade()
        found.append(refused.value)
    return found


@pytest.mark.parametrize("exchange", [silent, elsewhere, without_market], ids=lambda told: told.__name__)
def test_the_first_price_of_an_asset_is_not_traded_on_however_long_it_lasts(
    desk: Desk, oracle: Oracle, new: str, counted: Counter[str], exchange: Callable[..., Ticker]
) -> None:
    desk.world.exchange = around(desk.world.fake, ticker=exchange)
    for _ in range(30):
        assert a_round(desk, oracle) == {"marked": 1, "filled": 0}  # that of BTC
    assert counted["PriceJump"] == 30
    for refused in sells_and_buys(desk, new):
        assert refused.facts == {"unconfirmed_price": "150000", "retry_after_seconds": 60}
    assert desk.catalogue.listing(new).quote is None
    assert [listing.asset.asset_id for listing in desk.operations.stopped()] == [new]


def test_the_exchange_confirms_the_first_price_in_the_same_round(desk: Desk, oracle: Oracle) -> None:
    desk.list_asset("AAA", None)
    desk.world.exchange = around(desk.world.fake, ticker=elsewhere)
    oracle.set_price("aaa", "150")
    assert a_round(desk, oracle)["marked"] == 2
    ann = desk.customer()
    assert desk.buy(ann, "1", "AAA").price_per_unit == Price(150)
    assert desk.operations.stopped() == []


def test_two_confirm_the_first_price_as_one_that_has_jumped(desk: Desk, oracle: Oracle, new: str) -> None:
    with pytest.raises(NothingToConfirm):
        propose(desk, "150", asset_id=new)
    oracle.set_price("aaa", "150")
    a_round(desk, oracle)  # the slip is over: another price waits now
    assert confirm(desk, "150", new).says == "is traded again: $150 is the first price"
    assert not propose(desk, "150", asset_id=new).done
    assert desk.buy(desk.customer(), "1", new).price_per_unit == Price(150)
    oracle.set_price("aaa", "170")
    assert a_round(desk, oracle)["marked"] == 2  # from now on it is held against the latest


def test_an_older_first_price_neither_waits_nor_counts(desk: Desk, new: str) -> None:
    jump = desk.catalogue.listing(new).jump
    assert jump is not None
    older = Quote(Price(1), "test", jump.quote.as_of - timedelta(seconds=1))
    for write in (catalogue.stop, catalogue.mark):
        with pytest.raises(PriceIsNewer):
            desk.table.write(write(new, older, desk.clock()))
    assert desk.catalogue.listing(new).jump == jump


# An operator


def propose(desk: Desk, price: str, *, asset_id: str = "BTC", dry_run: bool = False) -> OperatorOutcome:
    told, seen = {"price": price}, "seen elsewhere"
    return desk.proposals.propose("prices confirm", asset_id, told, None, seen, "olga", dry_run=dry_run)


def confirm(desk: Desk, price: str, asset_id: str = "BTC") -> OperatorOutcome:
    return desk.confirmed(propose(desk, price, asset_id=asset_id))


def test_two_operators_confirm_a_price_and_trading_goes_on(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer()
    a_round(desk, oracle, "75.25")
    dry, proposed = propose(desk, "75.25", dry_run=True), propose(desk, "75.25")
    assert dry.says == proposed.says
    assert proposed.says.endswith("then it is traded again: $75.25 is the price after $100")
    desk.clock.forward(seconds=6)
    with pytest.raises(PriceUnavailable):
        desk.buy(ann, "1")
    with pytest.raises(OwnProposal):
        desk.confirmed(proposed, "olga")
    assert desk.confirmed(proposed).says == "is traded again: $75.25 is the price after $100"
    again = propose(desk, "75.25")
    assert (again.done, again.says) == (False, "$75.25 is the price already; nothing to do")
    assert [(e.operator, e.action, e.subject) for e in audited(desk)] == [
        ("otto", "proposals confirm", proposed.id),
        ("olga", "prices confirm", "BTC"),
    ]
    desk.clock.forward(seconds=6)
    assert desk.buy(ann, "1").price_per_unit == Price("75.25")


def test_operators_confirm_what_they_have_seen_and_nothing_else(desk: Desk, oracle: Oracle) -> None:
    with pytest.raises(NothingToConfirm):
        propose(desk, "75")
    a_round(desk, oracle, "75")
    proposed = propose(desk, "75")
    a_round(desk, oracle, "70")  # it wobbles: what they have looked at still waits
    with pytest.raises(NothingToConfirm):
        propose(desk, "70")
    a_round(desk, oracle, "50")  # it has jumped again
    for dry_run in (True, False):
        with pytest.raises(NothingToConfirm) as refused:
            propose(desk, "75", dry_run=dry_run)
    assert refused.value.facts == {"id": "BTC", "price": "50"}
    with pytest.raises(NotProposable, match=r"it was about \$75, and now \$50 waits to be confirmed"):
        desk.confirmed(proposed)
    assert stands_still(desk)


def test_a_jump_that_comes_as_two_confirm_another_is_not_believed(desk: Desk, oracle: Oracle) -> None:
    a_round(desk, oracle, "75")
    proposed = propose(desk, "75")
    before_next_write(desk, lambda: desk.jump("BTC", "50"))
    with pytest.raises(NotProposable, match=r"\$75 waits no more"):
        desk.confirmed(proposed)
    assert stands_still(desk)


def test_a_price_that_has_moved_on_while_it_was_confirmed_is_judged_by_it(desk: Desk, oracle: Oracle) -> None:
    a_round(desk, oracle, "75")
    for _ in range(10):
        a_round(desk, oracle, "70")
    confirm(desk, "75")
    assert a_round(desk, oracle)["marked"] == 1
    assert price_of(desk) == Price(70)


def test_what_waits_to_be_confirmed_is_listed_the_longest_stopped_first(desk: Desk) -> None:
    for asset_id in ("AI", "ETH", "SOL"):
        desk.list_asset(asset_id)
    for asset_id in ("SOL", "BTC", "AI"):
        desk.clock.forward(minutes=1)
        desk.jump(asset_id, "75")
    desk.jump("SOL", "50")
    stopped = desk.operations.stopped()
    assert [listing.asset.asset_id for listing in stopped] == ["SOL", "BTC", "AI"]
    assert [act.command for act in desk.operations.acts_on_price(stopped[0])] == ["prices confirm"]
    assert desk.operations.acts_on_price(desk.operations.listing("ETH")) == []


@pytest.mark.parametrize(("price", "seconds"), [("76", 0), ("75", 1)])
def test_a_confirmation_is_of_the_very_quote_that_waits(desk: Desk, price: str, seconds: int) -> None:
    """What was read a moment ago is held against the table in the write itself."""
    desk.clock.forward(seconds=6)
    desk.jump("BTC", "75")
    jump = desk.catalogue.listing("BTC").jump
    assert jump is not None
    seen = Quote(Price(price), "test", jump.quote.as_of - timedelta(seconds=seconds))
    with pytest.raises(NothingToConfirm):
        desk.table.write(catalogue.confirm("BTC", seen, desk.clock()))
    desk.table.write(catalogue.confirm("BTC", jump.quote, desk.clock()))


def test_a_price_is_not_confirmed_while_another_is_about_to_count(desk: Desk) -> None:
    """One at a time is under way; a moment later it can be."""
    desk.mark("BTC", "101", catalogue.NOTICE)
    desk.jump("BTC", "75")
    with pytest.raises(NotProposable, match="another price is about to count"):
        confirm(desk, "75")
    desk.clock.forward(seconds=6)
    assert confirm(desk, "75").done


def test_a_slow_exchange_is_asked_about_another_asset_first_each_minute(
    desk: Desk, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Slow:
        def ticker(self, asset_id: str) -> Ticker:
            asked.append(asset_id)
            desk.clock.forward(seconds=25)
            return Ticker(Price(1), Price(1))

    desk.list_asset("AAA")
    oracle.set_price("aaa", "75")
    oracle.set_price("btc", "75")
    monkeypatch.setattr(configured, "tickers", Slow)
    for minute in (1, 2):
        desk.clock.at = desk.clock.at.replace(minute=minute, second=0)
        context, end = Invocation(55), desk.clock.at + timedelta(seconds=55)
        monkeypatch.setattr(
            context,
            "get_remaining_time_in_millis",
            lambda: int((end - desk.clock.at).total_seconds() * 1000),  # noqa: B023
        )
        schedule.tend_market({}, context)
    assert sorted(asked) == ["AAA", "BTC"]
