"""What a cycle asks of the exchange: its intents, which are written before anything is asked, and what came of them.
Pure.

An order to end and one to create, of one side, are a replacement in one slot. The successor is placed once the old
order is seen to be over, and nobody had traded with it meanwhile. Where there is money for each successor beside all
other orders, each waits for its own old order only, and both may be one request. Otherwise a side is replaced
*together*: first all of its old orders end, and then the new ones are placed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

from common.frozen import dataclass, replace
from common.gateways.exchange import SELL, Side
from common.gateways.exchange.maker import Quote
from common.money import EXACT
from functions.market_making.quotes import (
    PENDING_CANCEL,
    PENDING_CREATE,
    PENDING_REPLACE,
    SIDE_LETTERS,
    Placed,
    Quotes,
    Slot,
    needs,
    remembered,
    side_of,
)

SLOTS_MAX = 16  # of a side
SLOTS_OF_ALL = len(Side) * SLOTS_MAX
_NAMES = {side: [f"{letter}{number}" for number in range(SLOTS_MAX)] for side, letter in SIDE_LETTERS.items()}


@dataclass(frozen=True)
class Wanted:
    """An order that is to rest."""

    side: Side
    price: Decimal
    quantity: Decimal
    key: str = ""
    renews: str | None = None  # the key of the order in whose place alone it may come


@dataclass(frozen=True)
class Wish:
    """The orders that are to end, by their keys, and those to be placed, of each side the nearest first."""

    cancels: frozenset[str] = frozenset()
    creates: Sequence[Wanted] = ()


@dataclass(frozen=True)
class Cancel:
    """Of an order that was placed so. `settled` is what of it is in the ledger."""

    slot: str
    client_order_id: str
    price: Decimal
    quantity: Decimal
    settled: Decimal


@dataclass(frozen=True)
class Placement:
    """`old` is what it replaces."""

    slot: str
    quote: Quote
    old: Cancel | None = None


@dataclass(frozen=True)
class Plan:
    """`quotes` are to be written before anything is asked for. `together` are sides of which all cancels, those of
    replaced orders as well, must have succeeded before anything is placed. `left_out` are the keys of orders that are
    wanted and have no place, no money, or no room in the exchange's limits now. `astray` are the client order ids of
    open orders that are in no slot: they end as well."""

    quotes: Quotes
    cancels: Sequence[Cancel] = ()
    placements: Sequence[Placement] = ()
    together: frozenset[Side] = frozenset()
    left_out: Sequence[str] = ()
    astray: Sequence[str] = ()


def plan(quotes: Quotes, wish: Wish, at: datetime, placements_max: int, open_max: int = SLOTS_OF_ALL) -> Plan:
    """A cycle's intents. Of an order that is closed only cancels. `open_max`: so many may be open of it at once."""
    creates = () if quotes.closed else wish.creates
    made = Plan(replace(quotes, cycle=quotes.cycle + 1))
    for side in Side:
        wanted = [one for one in creates if one.side is side]
        room = placements_max - len(made.placements)
        one_by_one = _Side(made.quotes, side, at, room, open_max, together=False).plan(wish.cancels, wanted)
        tried = one_by_one
        if one_by_one.lacks_money:
            tried = _Side(made.quotes, side, at, room, open_max, together=True).plan(wish.cancels, wanted)
        made = Plan(
            tried.quotes,
            [*made.cancels, *tried.cancels],
            [*made.placements, *tried.placements],
            made.together | ({side} if tried.together else set()),
            [*made.left_out, *tried.left_out],
        )
    if made.placements:
        made = replace(made, quotes=replace(made.quotes, placed_at=at))
    if quotes.closed and wish.creates:
        made = replace(made, left_out=[*made.left_out, *(one.key for one in wish.creates)])
    return made


@dataclass
class _Side:
    """The intents of one side, in `quotes` as well, once they are planned. `room`: so many may be placed."""

    quotes: Quotes
    side: Side
    at: datetime
    room: int
    open_max: int
    together: bool
    cancels: list[Cancel] = field(default_factory=list, init=False)
    placements: list[Placement] = field(default_factory=list, init=False)
    left_out: list[str] = field(default_factory=list, init=False)
    lacks_money: bool = field(default=False, init=False)

    def plan(self, ends: Collection[str], wanted: Sequence[Wanted]) -> Self:
        """Once. `ends` are the keys of those that are to end."""
        waiting, ending = list(wanted), list[tuple[Placed, Cancel]]()
        for name, slot in sorted(self.quotes.slots.items()):
            if side_of(name) is not self.side or slot.live is None:
                continue
            live, client_id = slot.live, self.quotes.client_order_id(name, slot.live)
            cancel = Cancel(name, client_id, live.price, live.quantity, live.settled)
            if slot.state in (PENDING_CANCEL, PENDING_REPLACE):
                self.cancels.append(cancel)  # once more
            elif slot.live.key in ends:
                self.quotes = self.quotes.with_slot(name, Slot(PENDING_CANCEL, live=slot.live))
                ending.append((slot.live, cancel))
        for live, cancel in ending:
            for one in self._successors(waiting, live.key):
                waiting.remove(one)
                if self._place(cancel.slot, live, one, cancel):
                    break
            if self.quotes.slots[cancel.slot].coming is None:
                self.cancels.append(cancel)
        for one in waiting:
            free = next((name for name in _NAMES[self.side] if name not in self.quotes.slots), None)
            there = one.renews is not None and one.renews in self.quotes.keys
            if free is None or len(self.quotes.slots) >= self.open_max or there:
                self.left_out.append(one.key)
            else:
                self._place(free, None, one, None)
        return self

    def _successors(self, waiting: list[Wanted], key: str) -> list[Wanted]:
        """Who may come in the place of an order: the one that renews it, or else whoever renews none."""
        renewing = [one for one in waiting if one.renews == key]
        return renewing or [one for one in waiting if one.renews is None]

    def _place(self, name: str, live: Placed | None, wanted: Wanted, old: Cancel | None) -> bool:
        """Whether there is room and money for it."""
        new = Placed(self.quotes.cycle, wanted.price, wanted.quantity, self.at, key=wanted.key)
        state = PENDING_CREATE if live is None else PENDING_REPLACE
        trial = self.quotes.with_slot(name, Slot(state, live=live, coming=new))
        short = _needed(trial, self.side, self.quotes.cycle if self.together else None) > _has(trial, self.side)
        if short or len(self.placements) >= self.room:
            self.lacks_money |= short
            self.left_out.append(wanted.key)
            return False
        self.quotes = trial
        quote = Quote(self.side, new.price, new.quantity, trial.client_order_id(name, new))
        self.placements.append(Placement(name, quote, old))
        return True


def _has(quotes: Quotes, side: Side) -> Decimal:
    return quotes.base if side is SELL else quotes.quote


def _needed(quotes: Quotes, side: Side, replaced_in: int | None) -> Decimal:
    """Of the asset that a side gives, for all orders of it that exist or may, and what those that are over have
    taken. Those that end before the others of cycle `replaced_in` are placed need nothing."""
    needed = Decimal(0)
    for name, slot in quotes.slots.items():
        if side_of(name) is side:
            ends = replaced_in is not None and slot.state is PENDING_CANCEL
            if slot.coming is not None and slot.coming.cycle == replaced_in:
                needed = EXACT.add(needed, needs(side, slot.coming))
            elif not ends:
                needed = EXACT.add(needed, slot.needs(side))
    return EXACT.add(needed, quotes.owed(side))


# What came of it


class Outcome(StrEnum):
    """Of a placement. What is not known is nothing of these: it is looked for."""

    PLACED = "placed"
    NOT_SENT = "not_sent"  # and never will be
    WOULD_TAKE = "would_take"
    REFUSED = "refused"


@dataclass(frozen=True)
class Done:
    """`ended`: the order that was to be replaced, as it ended, where that was told."""

    slot: str
    outcome: Outcome | None = None
    old_ended: bool = False
    executed: Decimal | None = None


def recorded(quotes: Quotes, done: Iterable[Done], at: datetime) -> Quotes:
    """What is known for certain of a cycle's placements, and is not seen by looking: those that do not exist."""
    for one in done:
        if one.outcome is Outcome.WOULD_TAKE:
            quotes = _would_take(quotes, side_of(one.slot), quotes.would_take.get(side_of(one.slot), 0) + 1)
        elif one.outcome is Outcome.REFUSED:
            quotes = replace(quotes, refusals=quotes.refusals + 1)
        elif one.outcome is Outcome.PLACED:
            quotes = _would_take(quotes, side_of(one.slot), 0)
            quotes = replace(quotes, refusals=0) if quotes.refusals else quotes
        if one.outcome in (None, Outcome.PLACED):
            continue
        slot = quotes.slots[one.slot]
        if slot.live is None:
            quotes = quotes.with_slot(one.slot, None)
        elif one.old_ended:
            gone = slot.live
            quotes = remembered(quotes, one.slot, gone, one.executed, at).with_slot(one.slot, None)
        else:  # the old one may be there
            quotes = quotes.with_slot(one.slot, Slot(PENDING_CANCEL, live=slot.live))
    return quotes


def _would_take(quotes: Quotes, side: Side, times: int) -> Quotes:
    if quotes.would_take.get(side, 0) == times:
        return quotes
    counted = {other: count for other, count in quotes.would_take.items() if other is not side}
    return replace(quotes, would_take=counted | ({side: times} if times else {}))
