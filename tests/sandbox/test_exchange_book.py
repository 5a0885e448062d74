"""Price, then time; what trades is what was there, and nothing comes from nowhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.exchange.book import Book, Ending, Plan, TimeInForce
from tests.depth import deep


class Orders:
    """A book and the ids of its orders."""

    def __init__(self) -> None:
        self.book = Book()
        self.ids = 0

    def place(self, owner: str, *, buys: bool, **terms: Any) -> Plan:
        self.ids += 1
        plan = self.book.plan(self.ids, owner, buys=buys, **terms)
        self.book.carry_out(plan)
        return plan

    def rests(self) -> list[tuple[int, str, bool, int, int]]:
        orders = self.book.resting(bids=True) + self.book.resting(bids=False)
        return [(order.order_id, order.owner, order.buys, order.tick, order.lots) for order in orders]


@pytest.fixture
def orders() -> Orders:
    return Orders()


def fills(plan: Plan) -> list[tuple[int, int, int]]:
    """(id of the order that rested, tick, lots) of each trade."""
    return [(maker.order_id, maker.tick, lots) for maker, lots in plan.fills]


@pytest.mark.parametrize(("lots", "tick"), [(0, 1), (-1, 1), (1, 0)])
def test_an_order_that_makes_no_sense_is_a_bug(lots: int, tick: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Book().plan(1, "alice", buys=True, lots=lots, tick=tick)


def test_an_id_rests_once(orders: Orders) -> None:
    orders.place("alice", buys=True, lots=1, tick=100)
    with pytest.raises(ValueError, match="order 1 rests already"):
        orders.book.plan(1, "alice", buys=True, lots=1, tick=99)


# Against a naive model

OWNERS = ["alice", "bob", "carol", "dave"]


class Naive:
    """Price, then time, in as few words as possible: one list of all orders, looked through again for every lot."""

    def __init__(self) -> None:
        self.orders: list[list[Any]] = []  # [id, owner, buys, tick, lots], the oldest first

    def next_to_trade(self, buys: bool, tick: int) -> list[Any] | None:
        others = [o for o in self.orders if o[2] is not buys and (o[3] <= tick if buys else o[3] >= tick)]
        return min(others, key=lambda o: o[3] if buys else -o[3], default=None)  # of equals, min takes the first

    def place(self, order_id: int, owner: str, buys: bool, **terms: Any) -> tuple[Counter[tuple[int, int]], Ending]:
        """(lots of each trade by id and tick of the order that rested, what becomes of the rest)."""
        tick, left, time_in_force = terms["tick"], terms["lots"], terms.get("time_in_force")
        before, trades = [[*o] for o in self.orders], Counter[tuple[int, int]]()
        if "post_only" in terms and self.next_to_trade(buys, tick) is not None:
            return trades, Ending.WOULD_TAKE
        ending = Ending.FILLED
        while left:
            met = self.next_to_trade(buys, tick)
            if met is None:
                ending = Ending.EXPIRES if time_in_force is TimeInForce.IOC else Ending.RESTS
                break
            if met[1] == owner:
                ending = Ending.SELF_TRADE
                break
            left -= 1
            met[4] -= 1
            trades[met[0], met[3]] += 1
            self.orders = [o for o in self.orders if o[4]]
        if time_in_force is TimeInForce.FOK and ending is not Ending.FILLED:
            self.orders = before
            return Counter(), Ending.NOT_FILLABLE
        if ending is Ending.RESTS:
            self.orders.append([order_id, owner, buys, tick, left])
        return trades, ending

    def rests(self) -> list[tuple[Any, ...]]:
        bids = sorted((o for o in self.orders if o[2]), key=lambda o: -o[3])
        asks = sorted((o for o in self.orders if not o[2]), key=lambda o: o[3])
        return [tuple(o) for o in bids + asks]


TICKS, LOTS = st.integers(1, 6), st.integers(1, 7)
TERMS = st.one_of(
    st.fixed_dictionaries({"tick": TICKS, "lots": LOTS, "time_in_force": st.sampled_from(TimeInForce)}),
    st.fixed_dictionaries({"tick": TICKS, "lots": LOTS, "post_only": st.just(True)}),
)
PLACED = st.tuples(st.sampled_from(OWNERS), st.booleans(), TERMS)
CANCELLED = st.integers(0, 10)  # how old the order is


@settings(max_examples=deep(100, full=500))
@given(st.lists(st.one_of(PLACED, PLACED, PLACED, CANCELLED), max_size=40))
def test_any_orders_do_the_same_as_in_a_naive_book(steps: list[Any]) -> None:
    mine, naive = Orders(), Naive()
    for step in steps:
        if isinstance(step, int):
            if step < len(naive.orders):
                order_id, *_, lots = naive.orders.pop(step)
                assert mine.book.cancel(order_id) == lots
        else:
            owner, buys, terms = step
            plan = mine.place(owner, buys=buys, **terms)
            trades, ending = naive.place(mine.ids, owner, buys, **terms)
            assert ({(maker.order_id, maker.tick): lots for maker, lots in plan.fills}, plan.ending) == (trades, ending)
            assert fills(plan) == [(*key, lots) for key, lots in trades.items()], "in the order of their happening"
            assert plan.lots_left == terms["lots"] - sum(trades.values())
        assert mine.rests() == naive.rests()
        for bids in (True, False):
            sums = Counter[int]()
            for _, _, buys, tick, lots in naive.rests():
                sums[tick] += lots if buys is bids else 0
            assert mine.book.levels(bids=bids) == [(tick, lots) for tick, lots in sums.items() if lots]
