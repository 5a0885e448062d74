"""Quotes as they are written and planned, and the limits and the end of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.gateways.exchange import NEVER_PLACED_SECONDS, Side, State
from common.gateways.exchange.maker import MakerOrder, MarketLimits, OwnTrade
from common.table.transaction import Write
from functions.market_making import memory, quotes_store, shard_store
from functions.market_making.model import FIRST_SHARD, QuotesOpen, Status
from functions.market_making.planning import Wanted, Wish, plan
from functions.market_making.quotes import (
    MISSED_AGAIN,
    NEVER_PLACED,
    REMEMBERED,
    Ended,
    FillNotBelieved,
    Marks,
    Placed,
    Question,
    Quotes,
    Slot,
    SlotState,
    adopted,
    answered,
    astray,
    client_order_id,
    forgotten,
    found_out,
    listed,
    may_be_there,
    most_quote,
    remembered,
    settled,
)
from functions.market_making.quotes_packing import packed, unpacked
from functions.market_making.service.order_rate import OrderRate, shared
from functions.market_making.strategy import LiveOrder, Pair
from functions.market_making.strategy import Side as StrategySide
from functions.market_making.strategy import State as StrategyState
from functions.market_making.tally import Tally
from tests.market_making.audit import live_until
from tests.market_making.market import ACCOUNT, Market
from tests.market_making.test_ticking import Quoted

AT = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)
ORDER_ID = "MWALXGUFOFFB6ZITO2RXYEHSBNY"
LIMITS = MarketLimits(Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5), 200, 100, 200_000, 6_000)
LEVELS = 10


def placed(cycle: int = 1, price: str = "60000.12", quantity: str = "0.12345", key: str = "b1") -> Placed:
    return Placed(cycle, Decimal(price), Decimal(quantity), AT, "12345678901", Decimal("0.01234"), key)


def largest() -> Quotes:
    """Ten levels on each side, all of which are being replaced, with numbers of all their digits."""
    names = [f"{letter}{level}" for letter in "bs" for level in range(LEVELS)]
    live = [placed(9_999_990, "123456.78", "12.34567", f"{name[0]}{99_999_900 + n}") for n, name in enumerate(names)]
    coming = [
        Placed(9_999_991, Decimal("123456.79"), Decimal("12.34567"), AT, None, Decimal(0), f"{name[0]}{99_999_950 + n}")
        for n, name in enumerate(names)
    ]
    slots = {
        name: Slot(SlotState.PENDING_REPLACE, old, new, AT) for name, old, new in zip(names, live, coming, strict=True)
    }
    orders = tuple(
        LiveOrder(
            one.key,
            StrategySide.BUY,
            one.price,
            one.quantity,
            1_795_262_530,
            level % LEVELS,
            Decimal("0.01234"),
        )
        for level, one in enumerate(coming)
    )
    pairs = tuple(Pair(orders[n].key, orders[n + LEVELS].key) for n in range(LEVELS))
    state = StrategyState(orders, 1_795_262_530, 1_795_262_530, 1_795_262_530, 1_795_262_530, 99_999_999, pairs=pairs)
    gone = Ended("12345678901", Side.BUY, Decimal("123456.78"), Decimal(1), Decimal(0), Decimal(1), AT, "b99999899")
    return Quotes(
        ORDER_ID,
        Decimal("1234567.12345678"),
        Decimal("1234567.12345678"),
        {"BNB": Decimal("1.23456789")},
        9_999_991,
        123_456_789_012,
        slots,
        (gone,) * 4,
        {Side.BUY: 3, Side.SELL: 4},
        4,
        (Decimal("1234567.12345678"), Decimal("1234567.12345678")),
        Marks(Decimal("0.0123"), "2026-11-21", Decimal("-0.0123")),
        False,
        AT,
        AT,
        state,
        Tally(
            first_price=Decimal("123456.78"),
            began_at=AT,
            cost=Decimal("1234567.123456789012"),
            realised=Decimal("-123456.123456789012"),
            bought=(Decimal("123456.12345678"), Decimal("1234567.12345678")),
            sold=(Decimal("123456.12345678"), Decimal("1234567.12345678")),
            taken=Decimal("1234567.12345678"),
            fees=(Decimal("123456.12345678"), Decimal("1234567.12345678")),
            fills=1_000_000,
            both_since=AT,
            both_seconds=99_999_999,
        ),
    )


def test_the_largest_quotes_fit_into_what_a_write_may_cost() -> None:
    quotes = largest()
    (write,) = quotes_store.write(replace(quotes, cycle=quotes.cycle - 1), quotes, (), AT)
    assert item_bytes(write) <= quotes_store.ITEM_BYTES_MAX


def item_bytes(write: Write) -> int:
    values = write.statement["ExpressionAttributeValues"]
    size = sum(len(next(iter(value.values()))) for value in values.values())
    names = ("PK", "SK", "entity_type", "created_at", "base_asset_id", "quote_asset_id", *["base_amount", "quote"])
    return size + sum(map(len, names)) + len(ORDER_ID) + 2 * 36 + 27 + 40 + 60


def test_quotes_are_read_as_they_were_written() -> None:
    whole, gone, later = largest(), largest().ended[0], AT + timedelta(seconds=10)
    over = replace(gone, settled=Decimal("0.5"), executed=Decimal("0.5"), key="")
    quiet = (over, replace(over, at=later), replace(over, side=Side.SELL, settled=Decimal(0), executed=Decimal(0)))
    quotes = replace(whole, ended=(gone, replace(gone, executed=None, client_order_id="a" * 18), *quiet))
    bare = Quotes(ORDER_ID, quotes.base, quotes.quote, cycle=quotes.cycle, cursor=quotes.cursor, memory=quotes.memory)
    assert unpacked(packed(quotes), bare) == quotes
    assert memory.unpacked(memory.packed(quotes.memory)) == quotes.memory


def test_a_memory_that_can_not_be_read_is_forgotten() -> None:
    assert memory.unpacked("") == StrategyState()
    assert memory.unpacked("nonsense") == StrategyState()
    assert memory.unpacked(json.dumps([0, []])) == StrategyState()
    assert memory.unpacked(json.dumps([memory.VERSION, [1, 2]])) == StrategyState()


@given(st.integers(0, 2**34), st.integers(0, 31), st.sampled_from("bs"))
def test_a_client_order_id_tells_its_order(cycle: int, number: int, letter: str) -> None:
    name = client_order_id(ORDER_ID, cycle, f"{letter}{number}")
    assert len(name) == 18
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert Quotes(ORDER_ID, Decimal(0), Decimal(0)).owns(name)
    assert not Quotes(ORDER_ID[::-1], Decimal(0), Decimal(0)).owns(name)
    assert name != client_order_id(ORDER_ID, cycle + 1, f"{letter}{number}")


def quoting(base: str = "1", *sells: str) -> Quotes:
    slots = {
        f"s{n}": Slot(
            SlotState.OPEN, live=Placed(1, Decimal(100 + n), Decimal(quantity), AT, f"{n}", Decimal(0), f"s{n}")
        )
        for n, quantity in enumerate(sells)
    }
    return Quotes(ORDER_ID, Decimal(base), Decimal(1000), cycle=1, slots=slots)


def test_what_is_replaced_in_one_has_money_beside_what_it_replaces() -> None:
    quotes = quoting("3", "1", "1", "1")
    wanted = [Wanted(Side.SELL, Decimal(105 + n), Decimal(1), f"n{n}") for n in range(3)]
    made = plan(quotes, Wish(frozenset(("s0", "s1", "s2")), wanted), AT, 100)
    assert (made.together, len(made.placements), made.left_out) == (frozenset(), 3, [])
    assert made.quotes.free[0] == 0


def test_where_money_moves_between_quotes_they_are_replaced_together() -> None:
    """A larger and a smaller one: the first has room once both of the old ones are gone."""
    quotes = quoting("2", "1", "1")
    wanted = [
        Wanted(Side.SELL, Decimal(105), Decimal("1.5"), "n1"),
        Wanted(Side.SELL, Decimal(106), Decimal("0.5"), "n2"),
    ]
    made = plan(quotes, Wish(frozenset(("s0", "s1")), wanted), AT, 100)
    assert made.together == frozenset({Side.SELL})
    assert (len(made.placements), list(made.left_out)) == (2, [])


def test_nothing_is_planned_with_money_that_is_not_there() -> None:
    quotes = quoting("2", "1", "1")
    wanted = [Wanted(Side.SELL, Decimal(105), Decimal("2.1"), "n1"), Wanted(Side.BUY, Decimal(100), Decimal(11), "n2")]
    made = plan(quotes, Wish(frozenset(("s0", "s1")), wanted), AT, 100)
    assert (made.placements, sorted(made.left_out)) == ([], ["n1", "n2"])
    assert {slot.state for slot in made.quotes.slots.values()} == {SlotState.PENDING_CANCEL}


@pytest.mark.parametrize(("executed", "owed"), [("1", 1), ("0.25", "0.25"), ("0", 0), (None, 1)])
def test_what_an_order_that_is_over_has_taken_is_quoted_by_nobody_again(executed: str | None, owed: str | int) -> None:
    """Its trades are told later; until it is known how many they are, they may be all of it."""
    has = None if executed is None else Decimal(executed)
    sold = Ended("7", Side.SELL, Decimal(100), Decimal(1), Decimal(0), has, AT, "s0")
    bought = replace(sold, exchange_order_id="8", side=Side.BUY)
    quotes = replace(quoting("2"), ended=(sold, bought))
    assert quotes.free == (2 - Decimal(owed), 1000 - 100 * Decimal(owed))
    for more, left_out in ((Decimal(0), []), (Decimal("0.01"), ["n0"])):
        wish = Wish(frozenset(), [Wanted(Side.SELL, Decimal(105), quotes.free[0] + more, "n0")])
        assert plan(quotes, wish, AT, 100).left_out == left_out


def trade(
    price: str = "100", quantity: str = "1", worth: str = "100", fee: str = "0.005", coin: str = "BTC"
) -> OwnTrade:
    amounts = (Decimal(price), Decimal(quantity), Decimal(worth), Decimal(fee))
    return OwnTrade(1, "0", Side.SELL, *amounts, coin, maker=True, at=AT)


@pytest.mark.parametrize(
    "told", [trade(), trade(fee="-0.005"), trade(fee="0.5", coin="USDT"), trade(fee="30", coin="BNB")]
)
def test_a_trade_at_its_orders_price_is_booked(told: OwnTrade) -> None:
    quotes, fills = settled(quoting("1", "1"), [told], ("BTC", "USDT"))
    assert (len(fills), quotes.cursor) == (1, 1)


@pytest.mark.parametrize(
    "told",
    [
        trade(price="101"),
        trade(price="99"),
        trade(worth="1000000"),
        trade(worth="99"),
        trade(quantity="1.1", worth="110"),
        trade(fee="0.011"),
        trade(fee="-0.011"),
        trade(fee="3", coin="USDT"),
    ],
)
def test_what_a_trade_can_not_be_is_not_booked(told: OwnTrade) -> None:
    """What only rests is traded at its own price, whoever would gain by another."""
    with pytest.raises(FillNotBelieved):
        settled(quoting("1", "1"), [told], ("BTC", "USDT"))


def told(quotes: Quotes, slot: str, placed: Placed, *, executed: str = "0", over: bool = False) -> MakerOrder:
    """An order as the exchange tells it."""
    state = State.CANCELED if over else State.WORKING
    name, number = quotes.client_order_id(slot, placed), placed.exchange_order_id or "77"
    return MakerOrder(number, name, Side.SELL, placed.price, placed.quantity, Decimal(executed), state)


def missed(quotes: Quotes, seconds: float, *, coming: bool = False) -> Quotes:
    """The exchange does not know the order of s0, so long after AT."""
    slot = quotes.slots["s0"]
    placed = slot.coming if coming else slot.live
    assert placed is not None
    question = Question("s0", quotes.client_order_id("s0", placed), coming)
    return answered(quotes, question, None, AT + timedelta(seconds=seconds))


GONE_SECONDS = int((NEVER_PLACED + MISSED_AGAIN).total_seconds())


def test_one_that_was_seen_is_gone_after_a_minute_and_once_again() -> None:
    quotes = quoting("1", "1")
    for second in range(0, GONE_SECONDS, 10):
        quotes = missed(quotes, second)
        assert quotes.slots["s0"].state is SlotState.OPEN
    quotes = missed(quotes, GONE_SECONDS)
    assert not quotes.slots
    (gone,) = quotes.ended
    assert (gone.executed, gone.exchange_order_id, quotes.free[0]) == (None, "0", Decimal(0))


def test_one_that_is_seen_again_is_not_gone() -> None:
    """Neither by the list nor by an answer of its own."""
    before = missed(quoting("1", "1"), 0)
    live = before.slots["s0"].live
    assert live is not None
    order = told(before, "s0", live)
    question = Question("s0", order.client_order_id, coming=False)
    for seen in (listed(before, [order], AT), answered(before, question, order, AT)):
        assert missed(seen, GONE_SECONDS).slots["s0"].live is not None


def replacing() -> Quotes:
    live = Placed(1, Decimal(100), Decimal(1), AT, "7", key="s1")
    coming = Placed(2, Decimal(101), Decimal(1), AT, key="s2")
    slot = Slot(SlotState.PENDING_REPLACE, live, coming)
    return Quotes(ORDER_ID, Decimal(1), Decimal(0), cycle=2, slots={"s0": slot}, placed_at=AT)


def test_an_old_order_that_nobody_knows_says_nothing_of_the_new() -> None:
    """What replaces it may be on its way for a minute, and is known then."""
    quotes = replacing()
    for second in range(0, 60, 10):
        quotes = missed(missed(quotes, second, coming=True), second)
    coming = quotes.slots["s0"].coming
    assert coming is not None
    came = listed(quotes, [told(quotes, "s0", coming)], AT + timedelta(seconds=59))
    assert came.slots["s0"].live == replace(coming, exchange_order_id="77")
    assert [gone.exchange_order_id for gone in came.ended] == ["7"]


def test_a_new_order_that_nobody_knows_leaves_the_old_to_be_asked_for() -> None:
    quotes = missed(missed(replacing(), 60, coming=True), 70, coming=True)
    slot = quotes.slots["s0"]
    assert (slot.state, slot.coming, slot.missed_at) == (SlotState.OPEN, None, None)
    assert missed(missed(quotes, 80), 90).slots


def cancelled(settled: str = "0") -> Quotes:
    """One whose order has ended, and nobody had traded more with it than is settled."""
    quotes = quoting("1", "1")
    live = replace(quotes.slots["s0"].live or placed(), settled=Decimal(settled))
    quotes = quotes.with_slot("s0", Slot(SlotState.PENDING_CANCEL, live=live))
    order = told(quotes, "s0", live, executed=settled, over=True)
    return answered(quotes, Question("s0", order.client_order_id, coming=False), order, AT)


@pytest.mark.parametrize("already", ["0", "0.2"])
def test_a_trade_that_is_told_after_none_was_is_booked(already: str) -> None:
    quotes = cancelled(already)
    assert not quotes.slots
    assert not quotes.keys
    assert quotes.free[0] == 1
    late = trade(quantity="0.3", worth="30", fee="0")
    at = AT + REMEMBERED - timedelta(seconds=1)
    read = unpacked(packed(forgotten(quotes, at)), Quotes(ORDER_ID, Decimal(1), Decimal(1000), cycle=1))
    booked, fills = settled(read, [late], ("BTC", "USDT"))
    assert (booked.base, len(fills)) == (Decimal("0.7"), 1)
    with pytest.raises(FillNotBelieved):
        settled(
            booked, [replace(late, trade_id=2, quantity=Decimal("0.8"), quote_quantity=Decimal(80))], ("BTC", "USDT")
        )
    assert not forgotten(quotes, AT + REMEMBERED).is_out


def test_of_what_is_over_no_more_is_remembered_than_an_item_holds() -> None:
    """The oldest is forgotten first, and nothing of which a trade is still to come."""
    full = largest()
    over = [
        Ended(f"{12345678000 + n}", Side.SELL, Decimal("123456.78"), Decimal("12.34567"), Decimal(0), Decimal(0), AT)
        for n in range(120)
    ]
    quotes = replace(full, ended=(*full.ended, *over))
    (write,) = quotes_store.write(replace(quotes, cycle=quotes.cycle - 1), quotes, (), AT)
    assert item_bytes(write) <= quotes_store.ITEM_BYTES_MAX
    written = write.statement["ExpressionAttributeValues"]
    (text,) = [value["S"] for value in written.values() if value.get("S", "").startswith('{"slots"')]
    bare = Quotes(ORDER_ID, quotes.base, quotes.quote, cycle=quotes.cycle, cursor=quotes.cursor, memory=quotes.memory)
    kept = unpacked(text, bare).ended
    assert kept[:4] == full.ended
    assert 0 < len(kept) - 4 < 20
    assert list(kept[4:]) == over[-len(kept) + 4 :]


@pytest.mark.parametrize(
    "changed",
    [
        {"side": Side.BUY},
        {"price": Decimal(101)},
        {"quantity": Decimal(1000), "executed": Decimal(1000)},
        {"exchange_order_id": "8"},
        {"client_order_id": "another"},
    ],
)
def test_what_is_told_of_an_order_is_held_against_what_was_placed(changed: dict[str, Any]) -> None:
    quotes = quoting("1", "1")
    live = quotes.slots["s0"].live
    assert live is not None
    lie = replace(told(quotes, "s0", live, over=True), **changed)
    with pytest.raises(FillNotBelieved):
        answered(quotes, Question("s0", quotes.client_order_id("s0", live), coming=False), lie, AT)
    if "client_order_id" not in changed:
        with pytest.raises(FillNotBelieved):
            listed(quotes, [lie], AT)


def test_an_open_order_of_its_own_that_is_in_no_slot_is_its_own_again() -> None:
    """Of one that is remembered all is known; of another what the table has booked."""
    nothing = replace(quoting("1"), slots={})
    gone = missed(missed(quoting("1", "1"), 0), GONE_SECONDS)
    order = MakerOrder(
        "0", client_order_id(ORDER_ID, 1, "s0"), Side.SELL, Decimal(100), Decimal(1), Decimal(0), State.WORKING
    )
    for quotes, booked in ((gone, "0"), (cancelled("0.2"), "0.2"), (nothing, "0.2")):
        assert astray(quotes, [order, replace(order, client_order_id="somebody-elses")]) == [order]
        found = adopted(quotes, order, Decimal(booked), AT)
        (one,) = found.ended
        assert (one.executed, one.left, found.free[0]) == (None, 1 - Decimal(booked), Decimal(booked))
        over = found_out(found, one, replace(order, executed=Decimal("0.5"), state=State.CANCELED), AT)
        assert over.owed(Side.SELL) == Decimal("0.5") - Decimal(booked)
        with pytest.raises(FillNotBelieved):
            found_out(found, one, replace(order, quantity=Decimal(9)), AT)
    with pytest.raises(FillNotBelieved):
        adopted(nothing, replace(order, side=Side.BUY), Decimal(0), AT)


def test_what_an_order_may_have_is_within_what_its_orders_can_have_traded() -> None:
    quotes = replace(quoting("3", "1"), slots={**quoting("3", "1").slots, "b0": replacing().slots["s0"]})
    assert may_be_there(quotes) == (
        (3 - 1 - Decimal("0.03"), 3 + 2 + Decimal("0.03")),
        (1000 - 201 - Decimal("3.01"), 1000 + 100 + Decimal("3.01")),
    )


def test_what_has_come_of_the_one_asset_was_paid_in_the_other() -> None:
    """1 of base and 1,000 of quote; one may be sold at 100, and one bought at 99."""
    placed = {"s0": Slot(SlotState.OPEN, Placed(1, Decimal(100), Decimal(1), AT, "7", key="s0"))}
    placed["b0"] = Slot(SlotState.OPEN, Placed(1, Decimal(99), Decimal(1), AT, "8", key="b0"))
    quotes = Quotes(ORDER_ID, Decimal(1), Decimal(1000), slots=placed)
    fees = Decimal("1.99")  # a percent of what may be traded, in quote; in base it is 0.02
    assert most_quote(quotes, Decimal(0)) == 1100 + fees
    assert most_quote(quotes, Decimal("1.02")) == 1001 + fees
    assert most_quote(quotes, Decimal("2.02")) == 901 + fees
    assert most_quote(replace(quotes, slots={}), Decimal(1)) == 1000


@pytest.mark.parametrize(
    ("side", "price", "quantity", "is_its"),
    [("s", "0.01", "1000", False), ("s", "100", "4", True), ("b", "100", "13", False), ("b", "100", "12", True)],
)
def test_an_order_that_it_can_not_have_placed_is_not_its_own(
    side: str, price: str, quantity: str, is_its: bool
) -> None:
    """It has 3 of base and has sold 1, and 1,000 of quote and has bought for 200."""
    tally = Tally(bought=(Decimal(2), Decimal(200)), sold=(Decimal(1), Decimal(100)))
    quotes = Quotes(ORDER_ID, Decimal(3), Decimal(1000), cycle=5, tally=tally)
    name = client_order_id(ORDER_ID, 4, f"{side}0")
    told = MakerOrder(
        "7",
        name,
        Side.SELL if side == "s" else Side.BUY,
        Decimal(price),
        Decimal(quantity),
        Decimal(0),
        State.WORKING,
    )
    if is_its:
        assert adopted(quotes, told, Decimal(0), AT).is_out
        return
    with pytest.raises(FillNotBelieved, match="never had more"):
        adopted(quotes, told, Decimal(0), AT)


def test_an_order_ends_with_no_less_than_its_trades_tell() -> None:
    live = Placed(1, Decimal(100), Decimal(1), AT, "7", Decimal("0.8"), "s1")
    quotes = Quotes(ORDER_ID, Decimal(1), Decimal(100), slots={"s0": Slot(SlotState.OPEN, live)})
    question = Question("s0", client_order_id(ORDER_ID, 1, "s0"), False)
    with pytest.raises(FillNotBelieved, match=r"0\.4 is executed, and trades tell of 0\.8"):
        answered(quotes, question, told(quotes, "s0", live, executed="0.4", over=True), AT)
    unknown = remembered(quotes, "s0", live, None, AT)
    (gone,) = unknown.ended
    with pytest.raises(FillNotBelieved):
        found_out(unknown, gone, told(quotes, "s0", live, executed="0.4", over=True), AT)


def test_of_an_order_no_more_are_open_than_its_share() -> None:
    wish = Wish(frozenset(), [Wanted(Side.SELL, Decimal(100 + n), Decimal(1), f"n{n}") for n in range(3)])
    made = plan(Quotes(ORDER_ID, Decimal(9), Decimal(900)), wish, AT, 100, open_max=2)
    assert (len(made.placements), made.left_out) == (2, ["n2"])


def test_what_renews_an_order_comes_in_its_place_only() -> None:
    quotes = quoting("9", "1", "1")
    renewing = Wanted(Side.SELL, Decimal(101), Decimal(1), "n1", renews="s1")
    made = plan(quotes, Wish(frozenset(("s0", "s1")), [renewing]), AT, 100)
    (placement,) = made.placements
    assert (placement.slot, [cancel.slot for cancel in made.cancels]) == ("s1", ["s0"])
    kept = plan(quotes, Wish(frozenset(("s0",)), [renewing]), AT, 100)
    assert (kept.placements, kept.left_out) == ([], ["n1"])


def test_of_what_is_closed_only_cancels_are_planned() -> None:
    quotes = replace(quoting("1", "1"), closed=True)
    made = plan(quotes, Wish(frozenset(("s0",)), [Wanted(Side.SELL, Decimal(101), Decimal(1), "n1")]), AT, 100)
    assert (made.placements, made.left_out, len(made.cancels)) == ([], ["n1"], 1)


def test_placements_are_counted_by_the_clocks_ten_seconds_and_days() -> None:
    market = Market()
    market.clock.at = AT
    limits = replace(LIMITS, orders_per_10_seconds=10, orders_per_day=25)
    rate = OrderRate(market.table, lambda: market.clock.at)

    def reserved(wanted: int, account: str = ACCOUNT) -> int:
        return rate.reserve(account, limits, {"M1": wanted}, 1).get("M1", 0)

    assert [reserved(6), reserved(4), reserved(1)] == [6, 4, 0]
    market.clock.at = AT.replace(second=10)
    assert [reserved(10), reserved(1)] == [10, 0]
    market.clock.at = AT.replace(second=20)
    assert [reserved(10), reserved(5)] == [0, 5]
    market.clock.at = AT + timedelta(days=1)
    assert reserved(10) == 10
    assert reserved(10, "another") == 10


def test_nobody_places_from_anothers_share_of_a_day() -> None:
    market = Market()
    market.clock.at = AT
    limits = replace(LIMITS, orders_per_10_seconds=10, orders_per_day=20)
    rate = OrderRate(market.table, lambda: market.clock.at)
    for _ in range(6):
        rate.reserve(ACCOUNT, limits, {"M1": 2}, 2)
        market.clock.at += timedelta(seconds=10)
    assert rate.reserve(ACCOUNT, limits, {"M1": 2, "M2": 2}, 2) == {"M2": 2}


@pytest.mark.parametrize(
    ("wanted", "share", "left", "granted"),
    [
        ({"a": 100, "b": 4}, 50, 100, {"a": 96, "b": 4}),
        ({"a": 4, "b": 100}, 50, 100, {"a": 4, "b": 96}),
        ({"a": 100, "b": 60}, 50, 100, {"a": 50, "b": 50}),
        ({"a": 6, "b": 6}, 7, 8, {"a": 6}),
        ({"a": 6}, 7, 3, {}),
        ({"a": 3}, 0, 10, {"a": 3}),
    ],
)
def test_each_order_places_up_to_its_share_first(
    wanted: dict[str, int], share: int, left: int, granted: dict[str, int]
) -> None:
    assert shared(wanted, dict.fromkeys(wanted, 1_000), share, left) == granted


def test_the_shares_of_others_are_left_to_them_for_the_ten_seconds() -> None:
    """Eight orders of an account, four of them in another market: a share is 12 of 100."""
    rate = OrderRate(Market().table, lambda: AT)
    first = rate.reserve(ACCOUNT, LIMITS, {f"A{n}": 32 for n in range(4)}, 8)
    assert sum(first.values()) == 52
    assert rate.reserve(ACCOUNT, LIMITS, {f"B{n}": 6 for n in range(4)}, 8) == {f"B{n}": 6 for n in range(4)}


def test_stopped_is_what_the_exchange_shows_nothing_of_twice() -> None:
    """The second time NEVER_PLACED_SECONDS after the last intent to place, and when what was cancelled is remembered
    no more."""
    quoted = Quoted()
    quoted.ticks(3, flow=False)
    market = quoted.market
    order_id = market.order().order_id
    quotes = quotes_store.find(market.table, order_id)
    assert quotes is not None
    assert quotes.placed_at is not None
    gone = quotes.placed_at + timedelta(seconds=NEVER_PLACED_SECONDS)
    market.quoting.stop(order_id)
    gone = max(gone, market.clock.at + timedelta(seconds=10) + REMEMBERED)
    looks = 0
    while market.order().status is Status.STOPPING:
        looks += 1
        market.clock.at += timedelta(seconds=10)
        try:
            market.quoting.cancel(order_id)
        except QuotesOpen:
            assert not market.clock.at > gone + timedelta(seconds=20)
    assert looks > 2
    assert market.clock.at >= gone
    assert [member.status for member in shard_store.members(market.table, FIRST_SHARD)] == [Status.STOPPED]
    market.quoting.bring_home(order_id)
    market.returning.withdraw(order_id)
    assert shard_store.members(market.table, FIRST_SHARD) == []  # its money leaves


def test_an_order_that_never_quoted_is_stopped_at_once() -> None:
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    live_until(market, Status.CREATED)
    market.quoting.stop(market.order().order_id)
    market.machine.run()
    assert market.order().status is Status.STOPPED
    assert market.ticking.tick(FIRST_SHARD, market.clock.at, lambda: True).orders == 0


def test_a_time_is_ticked_for_once() -> None:
    quoted = Quoted()
    quoted.tick()
    with pytest.raises(shard_store.TickTaken):
        quoted.market.ticking.tick(FIRST_SHARD, quoted.market.clock.at - timedelta(seconds=1), lambda: True)


def test_two_who_count_placements_at_once_count_one_after_the_other() -> None:
    """Otherwise an account places more than its exchange allows, which bans it with all owners' quotes."""
    market = Market()
    first, second = (quotes_store.Placements("12:00:00", n, "2026-11-21", n) for n in (2, 5))
    market.table.write(quotes_store.count_placements(ACCOUNT, None, first, market.clock()))
    for before in (None, first):
        mine = quotes_store.count_placements(ACCOUNT, before, second, market.clock())
        others = replace(first, placed=3, placed_that_day=3)
        market.table.write(quotes_store.count_placements(ACCOUNT, first, others, market.clock()))
        with pytest.raises(quotes_store.OrderRateMoved):
            market.table.write(mine)
        market.table.write(quotes_store.count_placements(ACCOUNT, others, first, market.clock()))
    assert quotes_store.placements(market.table, ACCOUNT) == first
