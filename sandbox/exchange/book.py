"""An order book of one symbol: who trades with whom, at which price, in which order. No money, no accounts.

Prices are whole ticks above 0, quantities whole lots above 0; what a tick and a lot are is the venue's to say.

An order meets the other side best price first, and within a price the one that has waited longest first; every
trade is at the price of the order that rested. What then becomes of the rest of it is its `Ending`.

An owner does not trade with himself: an order that meets another of its owner's stops there, what it got before
stays, what is left expires (Binance calls it EXPIRE_TAKER). The order that rested keeps its place.

It takes two calls, since between them somebody must be found able to pay:

    plan = book.plan(7, "alice", buys=True, lots=5, tick=101)      changes nothing
    book.carry_out(plan)                                           nothing else may happen to the book between
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NamedTuple


class TimeInForce(StrEnum):
    GTC = "GTC"  # what does not trade at once rests
    IOC = "IOC"  # what does not trade at once expires
    FOK = "FOK"  # all of it trades at once, or nothing does


class Ending(StrEnum):
    """What becomes of the part of an order that does not trade at once."""

    FILLED = "FILLED"  # there is none
    RESTS = "RESTS"
    EXPIRES = "EXPIRES"  # IOC: nobody is left to trade with
    NOT_FILLABLE = "NOT_FILLABLE"  # FOK: nothing trades
    WOULD_TAKE = "WOULD_TAKE"  # post only: nothing trades
    SELF_TRADE = "SELF_TRADE"  # the next to trade with is its own owner's


@dataclass(slots=True, eq=False)
class Resting:
    order_id: int
    owner: str
    buys: bool
    tick: int
    lots: int  # still to trade


class Fill(NamedTuple):
    """A trade to be: at the tick of the maker."""

    maker: Resting
    lots: int


class Plan(NamedTuple):
    order_id: int
    owner: str
    buys: bool
    tick: int
    fills: list[Fill]  # in the order of their happening
    lots_left: int
    ending: Ending


class _Level:
    """The orders at one price, the oldest first."""

    __slots__ = ("lots", "orders")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, Resting] = OrderedDict()  # a linked list: its head goes in constant time
        self.lots = 0


class _Half:
    """The bids, or the asks. Levels are kept by a key that grows with how good the price is for the other side."""

    __slots__ = ("_sign", "keys", "levels")

    def __init__(self, buys: bool) -> None:
        self._sign = 1 if buys else -1
        self.keys: list[int] = []  # ascending, so that the best, where things happen, is at the cheap end
        self.levels: dict[int, _Level] = {}

    def key(self, tick: int) -> int:
        return self._sign * tick

    def add(self, order: Resting) -> None:
        key = self._sign * order.tick
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = _Level()
            insort(self.keys, key)
        level.orders[order.order_id] = order
        level.lots += order.lots

    def take(self, order: Resting, lots: int) -> None:
        """Take lots off a resting order; one without any is gone."""
        key = self._sign * order.tick
        level = self.levels[key]
        order.lots -= lots
        level.lots -= lots
        if not order.lots:
            del level.orders[order.order_id]
            if not level.orders:
                del self.levels[key]
                del self.keys[bisect_left(self.keys, key)]

    def best_first(self) -> Iterator[tuple[int, _Level]]:
        return ((key, self.levels[key]) for key in reversed(self.keys))


class Book:
    """Not safe to use from several threads: the venue has the lock."""

    def __init__(self) -> None:
        self._bids = _Half(buys=True)
        self._asks = _Half(buys=False)
        self._orders: dict[int, Resting] = {}

    def plan(
        self,
        order_id: int,
        owner: str,
        *,
        buys: bool,
        tick: int,
        lots: int,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
    ) -> Plan:
        """What would happen to this order now.

        tick: trade at this price or better.
        Raises ValueError for an order that makes no sense, or an id that rests already.
        """
        if lots < 1 or tick < 1:
            raise ValueError(f"{lots} lots at tick {tick}: both are above 0")
        if order_id in self._orders:
            raise ValueError(f"order {order_id} rests already")
        half = self._asks if buys else self._bids
        worst = half.key(tick)
        if post_only:
            takes = bool(half.keys) and half.keys[-1] >= worst
            ending = Ending.WOULD_TAKE if takes else Ending.RESTS
            return Plan(order_id, owner, buys, tick, [], lots, ending)
        fills, left, met_himself = _meet(half, owner, worst, lots)
        if left == 0:
            ending = Ending.FILLED
        elif time_in_force is TimeInForce.FOK:
            fills, left, ending = [], lots, Ending.NOT_FILLABLE
        elif met_himself:
            ending = Ending.SELF_TRADE
        elif time_in_force is TimeInForce.IOC:
            ending = Ending.EXPIRES
        else:
            ending = Ending.RESTS
        return Plan(order_id, owner, buys, tick, fills, left, ending)

    def carry_out(self, plan: Plan) -> None:
        other = self._asks if plan.buys else self._bids
        for maker, lots in plan.fills:
            other.take(maker, lots)
            if not maker.lots:
                del self._orders[maker.order_id]
        if plan.ending is Ending.RESTS:
            self.rest(Resting(plan.order_id, plan.owner, plan.buys, plan.tick, plan.lots_left))

    def rest(self, order: Resting) -> None:
        """Put an order behind those at its price, without meeting anybody: what a plan left, or a kept book."""
        self._orders[order.order_id] = order
        (self._bids if order.buys else self._asks).add(order)

    def cancel(self, order_id: int) -> int:
        """Take an order out and answer the lots that it still had. Raises KeyError when it does not rest."""
        order = self._orders.pop(order_id)
        lots = order.lots
        (self._bids if order.buys else self._asks).take(order, lots)
        return lots

    def levels(self, *, bids: bool, limit: int | None = None) -> list[tuple[int, int]]:
        """(tick, lots) of the first `limit` prices, the best first."""
        half = self._bids if bids else self._asks
        return [(abs(key), level.lots) for key, level in islice(half.best_first(), limit)]

    def resting(self, *, bids: bool) -> list[Resting]:
        """The orders of one side: best price first, the oldest first within a price."""
        half = self._bids if bids else self._asks
        return [order for _, level in half.best_first() for order in level.orders.values()]


def _meet(half: _Half, owner: str, worst: int, lots: int) -> tuple[list[Fill], int, bool]:
    """(fills, what is left of the lots, whether it stopped at an order of the same owner)."""
    fills: list[Fill] = []
    for key, level in half.best_first():
        if key < worst:
            break
        for maker in level.orders.values():
            if maker.owner == owner:
                return fills, lots, True
            take = min(maker.lots, lots)
            fills.append(Fill(maker, take))
            lots -= take
            if not lots:
                return fills, 0, False
    return fills, lots, False
