"""The quotes of an order: what of it may be open at the exchange, and its own ledger. Pure.

A slot is a place for one open order. What may exist at the exchange is written down before it is asked for:

    empty ─▶ pending_create ─▶ open ─▶ pending_cancel ─▶ empty
                                open ◀─▶ pending_replace

`live` is an order that the exchange has told of; `coming` is one that was decided, and of which nobody knows yet
whether it exists. Nothing else is decided for a slot until that is known. An order that is seen neither
NEVER_PLACED_SECONDS after it was decided nor MISSED_AGAIN later never came to be: nobody sends a placement later than
SENT_WITHIN after its intent was written. One that was seen is gone when the exchange has not known it for as long; if
it is open after all, it is in no slot any more, and ends.

What is over is remembered for a while: an exchange may tell of a trade after it has said that there was none.

A client order id is a function of order, cycle and slot, 18 characters of a-z and 2-7: nine that tell the order, seven
for the cycle, two for the slot. So an open order of ours is known as such, whatever the table says.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import cached_property, lru_cache, reduce

from common.domain.trade_cursors import TradesCursor
from common.frozen import dataclass, replace
from common.gateways.exchange import BUY, NEVER_PLACED_SECONDS, SELL, Side
from common.gateways.exchange.maker import MakerOrder, OwnTrade
from common.money import EXACT, ROUNDING, plain
from functions.market_making.strategy import Available, State
from functions.market_making.strategy.arithmetic import LARGEST, SMALLEST_STEP, is_plain
from functions.market_making.tally import Tally

NEVER_PLACED = timedelta(seconds=NEVER_PLACED_SECONDS)
MISSED_AGAIN = timedelta(seconds=10)  # between the two looks after which an order never came to be
SENT_WITHIN = timedelta(seconds=10)  # of its intent; a placement that would be sent later is not sent
REMEMBERED = timedelta(seconds=60)  # of an order that is over: trades of it may be told so much later
FILLS_MAX = 40  # of one cycle; what is more is for the next: all of them are written with one transaction

FEE_SHARE_MAX = Decimal("0.01")  # of what a trade is worth; a fee, or a rebate, beyond it is not believed
WORTH_OFF_MAX = Decimal("0.001")  # of a trade's worth: an exchange rounds what it tells

_FINEST = Decimal("1e-12")
_LEAST = Decimal("0.00000001")  # an exchange's last digit
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_NOTHING = Decimal(0)
SIDE_LETTERS = {BUY: "b", SELL: "s"}
_SIDES = {letter: side for side, letter in SIDE_LETTERS.items()}


class FillNotBelieved(Exception):
    """What is told of an order of ours and can not be: a trade that it can not have had, or other terms than it was
    placed with. Says why, for a person."""


class SlotState(StrEnum):
    PENDING_CREATE = "pending_create"
    OPEN = "open"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"


PENDING_CREATE, OPEN, PENDING_CANCEL, PENDING_REPLACE = SlotState


@dataclass(frozen=True)
class Placed:
    """An order as it was decided in a cycle, for a slot. `settled` is what of it is in the ledger."""

    cycle: int
    price: Decimal
    quantity: Decimal
    at: datetime  # when its intent was written
    exchange_order_id: str | None = None  # once it was seen
    settled: Decimal = _NOTHING
    key: str = ""  # the strategy's name of it

    @property
    def left(self) -> Decimal:
        return EXACT.subtract(self.quantity, self.settled)


@dataclass(frozen=True)
class Slot:
    """`missed_at`: when `coming`, or else `live`, was first not known to the exchange although it should be."""

    state: SlotState
    live: Placed | None = None
    coming: Placed | None = None
    missed_at: datetime | None = None

    def needs(self, side: Side) -> Decimal:
        """Of the asset that the side gives: for one of both orders, never for the two at once."""
        live = _NOTHING if self.live is None else needs(side, self.live)
        coming = _NOTHING if self.coming is None else needs(side, self.coming)
        return max(live, coming)


@dataclass(frozen=True)
class Ended:
    """An order that is over. Its trades may be told later; `executed` is how much of them there are, once known. Until
    then it may be open after all: it is asked for, and cancelled, by its `client_order_id`. `at`: when it was last seen
    or missed."""

    exchange_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    settled: Decimal
    executed: Decimal | None
    at: datetime
    key: str = ""
    client_order_id: str = ""  # only while `executed` is not known

    @property
    def left(self) -> Decimal:
        return EXACT.subtract(self.quantity, self.settled)

    @property
    def is_settled(self) -> bool:
        return self.executed is not None and self.settled >= self.executed

    @property
    def owed(self) -> Decimal:
        """Of the asset that it gives, what trades have taken, or may have, that the ledger has not yet."""
        executed = self.quantity if self.executed is None else self.executed
        rest = max(EXACT.subtract(executed, self.settled), _NOTHING)
        return rest if self.side is SELL else EXACT.multiply(rest, self.price)


@dataclass(frozen=True)
class Fill:
    """A trade of an order's, as it goes into the ledger. `fee`: what of it is base or quote, in quote."""

    trade: OwnTrade
    key: str
    completes: bool  # nothing is left of the order
    fee: Decimal


@dataclass(frozen=True)
class Marks:
    """Results of quoting (`risk.result`): the best there was, and that with which a day began."""

    best: Decimal
    day: str
    began: Decimal


@dataclass(frozen=True)
class Quotes:
    """`cycle` is the fence: who writes has read it, and moves it on. `cursor` is the last trade of the account in this
    market that was looked at for this order. `would_take` counts by side the placements in a row that would have taken.
    `refusals` counts those in a row that were refused otherwise. `began` is what the exchange had credited, of both.
    `closed`: nothing is placed any more. `placed_at`: of the last intent to place. `clear_at`: when the exchange first
    told of nothing of it, since it is closed. `degraded_at`: since when the exchange tells nothing at all; what has
    happened is settled before anything is placed. `memory` is what the strategy carries. `set_backs`: so many times
    operators have set the account's cursor back, and this one has followed; trades up to `again_until` may be in the
    ledger already."""

    order_id: str
    base: Decimal
    quote: Decimal
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)  # by asset: the account has paid them
    cycle: int = 0
    cursor: int = 0
    slots: Mapping[str, Slot] = field(default_factory=dict)
    ended: tuple[Ended, ...] = ()
    would_take: Mapping[Side, int] = field(default_factory=dict)
    refusals: int = 0
    began: tuple[Decimal, Decimal] = (_NOTHING, _NOTHING)
    marks: Marks | None = None
    closed: bool = False
    placed_at: datetime | None = None
    clear_at: datetime | None = None
    memory: State = field(default_factory=State)
    tally: Tally = field(default_factory=Tally)
    degraded_at: datetime | None = None
    set_backs: int = 0
    again_until: int = 0

    def client_order_id(self, slot: str, placed: Placed) -> str:
        return client_order_id(self.order_id, placed.cycle, slot)

    def owns(self, client_order_id: str) -> bool:
        """Was an order at the exchange decided for this one?"""
        return client_order_id.startswith(_letters_of(self.order_id))

    @property
    def unresolved(self) -> bool:
        """May there be an order of it at the exchange, the number of which nobody knows?"""
        return any(slot.coming is not None for slot in self.slots.values())

    @cached_property
    def keys(self) -> Mapping[str, bool]:
        """Of all orders that exist, or may, or whose trades are still to be told; and whether the exchange has told of
        each."""
        found = {gone.key: True for gone in self.ended if not gone.is_settled}
        for slot in self.slots.values():
            if slot.coming is not None:
                found[slot.coming.key] = False
            if slot.live is not None:
                found[slot.live.key] = True
        return found

    @property
    def exchange_order_ids(self) -> set[str]:
        """Of its orders that the exchange has told of, as long as trades of them may be told."""
        live = (slot.live for slot in self.slots.values() if slot.live is not None)
        seen = {placed.exchange_order_id for placed in live if placed.exchange_order_id is not None}
        return seen | {gone.exchange_order_id for gone in self.ended}

    @property
    def open_at_most(self) -> int:
        """So many orders of it are open at the exchange, or may be."""
        slots = sum((slot.live is not None) + (slot.coming is not None) for slot in self.slots.values())
        return slots + sum(gone.executed is None for gone in self.ended)

    @property
    def is_out(self) -> bool:
        """May a trade that is still to be told be its own?"""
        return bool(self.slots or self.ended)

    @property
    def untold(self) -> list[Ended]:
        """Orders that are over, and of which trades are still to be told, or may be."""
        return [gone for gone in self.ended if not gone.is_settled]

    def with_slot(self, name: str, slot: Slot | None) -> Quotes:
        """None empties it."""
        slots = {other: there for other, there in self.slots.items() if other != name}
        return replace(self, slots=slots if slot is None else {**slots, name: slot})

    @property
    def has_both_sides(self) -> bool:
        """Is a quote of each side known to be open?"""
        return {side_of(name) for name, slot in self.slots.items() if slot.live is not None} == {*Side}

    @property
    def free(self) -> tuple[Decimal, Decimal]:
        """Base and quote that no order needs which exists, or may, and that none has taken which is over."""
        base, quote = self.base, self.quote
        for name, slot in self.slots.items():
            side = side_of(name)
            needed = slot.needs(side)
            if side is SELL:
                base = EXACT.subtract(base, needed)
            else:
                quote = EXACT.subtract(quote, needed)
        for gone in self.untold:
            if gone.side is SELL:
                base = EXACT.subtract(base, gone.owed)
            else:
                quote = EXACT.subtract(quote, gone.owed)
        return base, quote

    @cached_property
    def available(self) -> Available:
        """As much of what is free as a strategy can reckon with."""
        base, quote = self.free
        return Available(_bounded(base), _bounded(quote))

    def untold_at_most(self, shown: Collection[str], since: datetime) -> tuple[Decimal, Decimal]:
        """Base and quote that trades may have taken which the ledger has not: of orders that the exchange has `shown`
        to be open, by their ids of ours, of those that were decided `since` then, and of those that are over."""
        base, quote = self.owed(SELL), self.owed(BUY)
        for name, slot in self.slots.items():
            side, both = side_of(name), (slot.live, slot.coming)
            there = [p for p in both if p and (p.at >= since or self.client_order_id(name, p) in shown)]
            taken = max((needs(side, placed) for placed in there), default=_NOTHING)
            base, quote = (EXACT.add(base, taken), quote) if side is SELL else (base, EXACT.add(quote, taken))
        return base, quote

    def owed(self, side: Side) -> Decimal:
        """Of the asset that a side gives, what the orders of it that are over have taken, or may have, untold."""
        owed = _NOTHING
        for gone in self.untold:
            if gone.side is side:
                owed = EXACT.add(owed, gone.owed)
        return owed


def _bounded(amount: Decimal) -> Decimal:
    within = min(max(amount, _NOTHING), LARGEST)
    return within if is_plain(within) else within.quantize(SMALLEST_STEP, ROUND_FLOOR)


def side_of(slot: str) -> Side:
    return _SIDES[slot[0]]


def needs(side: Side, placed: Placed) -> Decimal:
    """Of the asset that it gives."""
    return placed.left if side is SELL else EXACT.multiply(placed.left, placed.price)


@lru_cache(maxsize=10_000)
def client_order_id(order_id: str, cycle: int, slot: str) -> str:
    number = "".join(_LETTERS[cycle >> shift & 31] for shift in range(30, -1, -5))
    return f"{_letters_of(order_id)}{number}{slot[0]}{_LETTERS[int(slot[1:])]}"


@lru_cache(maxsize=1000)
def _letters_of(order_id: str) -> str:
    return base64.b32encode(hashlib.sha256(order_id.encode()).digest()).decode()[:9].lower()


# What the exchange tells


def listed(quotes: Quotes, open_orders: Sequence[MakerOrder], at: datetime) -> Quotes:
    """What the list of open orders says: an order that is in it exists, and what it replaces is over. Raises
    FillNotBelieved."""
    there = {order.client_order_id: order for order in open_orders}
    for name, slot in quotes.slots.items():
        if slot.live is not None:
            told = there.get(quotes.client_order_id(name, slot.live))
            if told is not None:
                _hold_against(told, quotes, name, slot.live)
                if slot.coming is None and slot.missed_at is not None:
                    quotes = quotes.with_slot(name, replace(slot, missed_at=None))
        if slot.coming is not None:
            told = there.get(quotes.client_order_id(name, slot.coming))
            if told is not None:
                quotes = _came(quotes, name, told, at)
    return quotes


@dataclass(frozen=True)
class Question:
    """What the exchange is to be asked of: the order of a slot, by its client order id."""

    slot: str
    client_order_id: str
    coming: bool


def questions(quotes: Quotes, open_orders: Sequence[MakerOrder]) -> Iterator[Question]:
    """Of what is not in the list of open orders, though it may exist. Answers may raise further ones."""
    there = {order.client_order_id for order in open_orders}
    for name, slot in quotes.slots.items():
        if slot.coming is not None:
            yield Question(name, quotes.client_order_id(name, slot.coming), coming=True)
        elif slot.live is not None:
            client_id = quotes.client_order_id(name, slot.live)
            if client_id not in there and slot.live.left:
                yield Question(name, client_id, coming=False)


def filled(quotes: Quotes, at: datetime) -> Quotes:
    """Orders all of which is settled are over."""
    for name, slot in quotes.slots.items():
        if slot.coming is None and slot.live is not None and not slot.live.left:
            quotes = _over(quotes, name, slot.live.quantity, at)
    return quotes


def answered(quotes: Quotes, question: Question, told: MakerOrder | None, asked_at: datetime) -> Quotes:
    """What the exchange says of it; None: it does not know it. `asked_at` is from before it was asked. Raises
    FillNotBelieved."""
    slot = quotes.slots[question.slot]
    if question.coming:
        if told is not None:
            return _came(quotes, question.slot, told, asked_at)
        return _never_came(quotes, question.slot, slot, asked_at)
    assert slot.live is not None
    if told is None:
        return _missed(quotes, question.slot, slot, asked_at)
    _hold_against(told, quotes, question.slot, slot.live)
    if told.over:
        return _over(quotes, question.slot, told.executed, asked_at)
    return quotes if slot.coming is not None else quotes.with_slot(question.slot, replace(slot, missed_at=None))


def old_question(quotes: Quotes, name: str, open_orders: Sequence[MakerOrder]) -> Question | None:
    """Of a slot whose successor is not known: is what it replaces still there? It is, where it is in the list."""
    slot = quotes.slots.get(name)
    if slot is None or slot.state is not PENDING_REPLACE or slot.live is None:
        return None
    client_id = quotes.client_order_id(name, slot.live)
    if any(order.client_order_id == client_id for order in open_orders):
        return None
    return Question(name, client_id, coming=False)


def _hold_against(told: MakerOrder, quotes: Quotes, name: str, placed: Placed) -> None:
    """What is told of an order, against what was placed. Raises FillNotBelieved."""
    _hold_terms(told, side_of(name), placed.price, placed.quantity, quotes.client_order_id(name, placed))
    if placed.exchange_order_id not in (None, told.exchange_order_id):
        raise FillNotBelieved(f"order {told.exchange_order_id} has the name of {placed.exchange_order_id}")


def _hold_terms(told: MakerOrder, side: Side, price: Decimal, quantity: Decimal, client_order_id: str) -> None:
    is_it = (told.side, told.price, told.quantity, told.client_order_id) == (side, price, quantity, client_order_id)
    if not is_it:
        raise FillNotBelieved(
            f"order {told.exchange_order_id}, {told.client_order_id[:20]!r}: {told.side} {told.quantity} at "
            f"{told.price}, of an order to {side} {quantity} at {price}, {client_order_id!r}"
        )


def _came(quotes: Quotes, name: str, told: MakerOrder, at: datetime) -> Quotes:
    """The order that was decided exists, or has existed."""
    slot = quotes.slots[name]
    assert slot.coming is not None
    _hold_against(told, quotes, name, slot.coming)
    seen = replace(slot.coming, exchange_order_id=told.exchange_order_id)
    # What it replaces, if anything, has ended, and all of it is settled: otherwise it would not have been placed.
    if slot.live is not None:
        quotes = remembered(quotes, name, slot.live, slot.live.settled, at)
    quotes = quotes.with_slot(name, Slot(OPEN, live=seen))
    return _over(quotes, name, told.executed, at) if told.over else quotes


def _over(quotes: Quotes, name: str, executed: Decimal, at: datetime) -> Quotes:
    """The `live` order of a slot has ended; of one that is being replaced, its successor is still to be found."""
    slot = quotes.slots[name]
    assert slot.live is not None
    quotes = remembered(quotes, name, slot.live, executed, at)
    if slot.coming is None:
        return quotes.with_slot(name, None)
    return quotes.with_slot(name, replace(slot, state=PENDING_CREATE, live=None))


def _never_came(quotes: Quotes, name: str, slot: Slot, asked_at: datetime) -> Quotes:
    """Twice is enough, once it can not come any more."""
    assert slot.coming is not None
    if asked_at < slot.coming.at + NEVER_PLACED:
        return quotes
    if slot.missed_at is None:
        return quotes.with_slot(name, replace(slot, missed_at=asked_at))
    if asked_at < slot.missed_at + MISSED_AGAIN:
        return quotes
    return quotes.with_slot(name, None if slot.live is None else Slot(OPEN, live=slot.live))


def _missed(quotes: Quotes, name: str, slot: Slot, asked_at: datetime) -> Quotes:
    """One that was seen is gone when nobody has known it for as long as one may be on its way, and then again. While
    its successor may exist nothing is concluded: the two have one slot."""
    if slot.coming is not None:
        return quotes
    assert slot.live is not None
    if slot.missed_at is None:
        return quotes.with_slot(name, replace(slot, missed_at=asked_at))
    if asked_at < slot.missed_at + NEVER_PLACED + MISSED_AGAIN:
        return quotes
    return remembered(quotes, name, slot.live, None, asked_at).with_slot(name, None)


# What is in no slot any more


def owned(quotes: Quotes, open_orders: Sequence[MakerOrder]) -> list[str]:
    """Client order ids of those that are its own."""
    return [order.client_order_id for order in open_orders if quotes.owns(order.client_order_id)]


def astray(quotes: Quotes, open_orders: Sequence[MakerOrder]) -> list[MakerOrder]:
    """Open orders of it that are in no slot: each was taken for over, or for one that never came to be."""
    known = set()
    for name, slot in quotes.slots.items():
        if slot.live is not None:
            known.add(quotes.client_order_id(name, slot.live))
        if slot.coming is not None:
            known.add(quotes.client_order_id(name, slot.coming))
    return [order for order in open_orders if quotes.owns(order.client_order_id) and order.client_order_id not in known]


def is_remembered(quotes: Quotes, exchange_order_id: str) -> bool:
    return any(gone.exchange_order_id == exchange_order_id for gone in quotes.ended)


def adopted(quotes: Quotes, told: MakerOrder, booked: Decimal, at: datetime) -> Quotes:
    """One that is astray is to end, and its trades are its own again, if it can have been placed at all: with what the
    order has, or has given since. `booked` is what of it is in the ledger, where it is not remembered. Raises
    FillNotBelieved."""
    before = next((gone for gone in quotes.ended if gone.exchange_order_id == told.exchange_order_id), None)
    side = _SIDES.get(told.client_order_id[-2:-1])
    if before is None and side is not None:
        gives, had = (
            (told.quantity, EXACT.add(quotes.base, quotes.tally.sold[0]))
            if side is SELL
            else (EXACT.multiply(told.quantity, told.price), EXACT.add(quotes.quote, quotes.tally.bought[1]))
        )
        if gives > EXACT.add(had, EXACT.multiply(had, FEE_SHARE_MAX)):
            raise FillNotBelieved(
                f"order {told.exchange_order_id}: {side} {plain(told.quantity)} at {plain(told.price)}, of an order "
                f"that never had more than {plain(had)} for it"
            )
        before = Ended(told.exchange_order_id, side, told.price, told.quantity, booked, None, at)
    if before is None:
        raise FillNotBelieved(f"order {told.exchange_order_id} is named {told.client_order_id[:20]!r}")
    _hold_terms(told, before.side, before.price, before.quantity, told.client_order_id)
    found = replace(before, executed=None, at=at, client_order_id=told.client_order_id)
    others = tuple(gone for gone in quotes.ended if gone.exchange_order_id != told.exchange_order_id)
    return replace(quotes, ended=(*others, found))


def doubtful(quotes: Quotes, open_orders: Sequence[MakerOrder]) -> list[Ended]:
    """Of what is over, that of which it is not known how it ended, and which is in no list."""
    unknown = [gone for gone in quotes.ended if gone.executed is None and gone.client_order_id]
    there = {order.client_order_id for order in open_orders} if unknown else ()
    return [gone for gone in unknown if gone.client_order_id not in there]


def found_out(quotes: Quotes, gone: Ended, told: MakerOrder, at: datetime) -> Quotes:
    """What the exchange says of one that was doubtful: how it has ended, or that it is open. Raises
    FillNotBelieved."""
    _hold_terms(told, gone.side, gone.price, gone.quantity, gone.client_order_id)
    known = replace(gone, at=at)
    if told.over:
        _hold_executed(gone.exchange_order_id, told.executed, gone.settled)
        known = _quiet(replace(known, executed=told.executed, client_order_id=""))
    ended = (known if other == gone else other for other in quotes.ended)
    return replace(quotes, ended=tuple(one for one in ended if one.left or not one.is_settled))


def _hold_executed(exchange_order_id: str, executed: Decimal | None, settled: Decimal) -> None:
    """How an order has ended, against its trades: of more than it has traded nobody knows what is true."""
    if executed is not None and executed < settled:
        raise FillNotBelieved(
            f"of order {exchange_order_id} {plain(executed)} is executed, and trades tell of {plain(settled)}"
        )


def remembered(quotes: Quotes, name: str, placed: Placed, executed: Decimal | None, at: datetime) -> Quotes:
    """The order of a slot is over. All of it being settled, nothing more can be told of it. Raises FillNotBelieved."""
    if placed.exchange_order_id is None:
        return quotes
    _hold_executed(placed.exchange_order_id, executed, placed.settled)
    gone = Ended(
        placed.exchange_order_id,
        side_of(name),
        placed.price,
        placed.quantity,
        placed.settled,
        executed,
        at,
        placed.key,
        quotes.client_order_id(name, placed) if executed is None else "",
    )
    if gone.is_settled and not gone.left:
        return quotes
    return replace(quotes, ended=(*quotes.ended, _quiet(gone)))


def _quiet(gone: Ended) -> Ended:
    """As it is remembered. Of one with nothing untold no more is kept than what a late trade is held against."""
    return replace(gone, executed=gone.settled, key="") if gone.is_settled else gone


def forgotten(quotes: Quotes, at: datetime) -> Quotes:
    """Orders that are over are forgotten after a while; not while it is known that trades of theirs are to come."""
    kept = [
        gone
        for gone in quotes.ended
        if at < gone.at + REMEMBERED or (gone.executed is not None and not gone.is_settled)
    ]
    return quotes if len(kept) == len(quotes.ended) else replace(quotes, ended=tuple(kept))


# Fills


def following(quotes: Quotes, cursor: TradesCursor) -> Quotes:
    """With its own cursor set back, once for each time that operators have set back the account's."""
    if quotes.set_backs >= cursor.set_backs:
        return quotes
    known = replace(quotes, set_backs=cursor.set_backs)
    if cursor.set_back_to >= quotes.cursor:
        return known
    return replace(known, cursor=cursor.set_back_to, again_until=max(quotes.cursor, quotes.again_until))


def settled(
    quotes: Quotes, trades: Sequence[OwnTrade], coins: tuple[str, str], late: Collection[int] = ()
) -> tuple[Quotes, list[Fill]]:
    """Trades of the account that are its own go into the ledger, once each; those in `late` are there already. The
    cursor stops at a trade of an order that nobody knows, as long as one of its own may be it. Raises
    FillNotBelieved."""
    fills: list[Fill] = []
    for trade in trades:
        if trade.trade_id <= quotes.cursor:
            continue
        if len(fills) == FILLS_MAX:
            break
        found = _owner(quotes, trade.exchange_order_id)
        if found is None and quotes.unresolved:
            break
        if found is not None and trade.trade_id not in late:
            quotes, fill = _booked(quotes, found, trade, coins)
            fills.append(fill)
        quotes = replace(quotes, cursor=trade.trade_id)
    return quotes, fills


def untold_for_long(quotes: Quotes, at: datetime) -> list[Ended]:
    """Of what is over, that of which more is executed than the account's trades, as far as they are told, make."""
    return [gone for gone in quotes.untold if gone.executed is not None and at >= gone.at + MISSED_AGAIN]


def settled_late(
    quotes: Quotes, exchange_order_id: str, trades: Sequence[OwnTrade], coins: tuple[str, str]
) -> tuple[Quotes, list[Fill]]:
    """Trades of an order that is over, in no list that was looked at: the cursor has passed them, or the list lacks
    them. No more than are executed go into the ledger. Raises FillNotBelieved."""
    fills: list[Fill] = []
    for trade in trades:
        gone = next((one for one in quotes.ended if one.exchange_order_id == exchange_order_id), None)
        if gone is None or gone.is_settled or len(fills) == FILLS_MAX:
            break
        if trade.exchange_order_id != exchange_order_id:
            raise FillNotBelieved(f"trade {trade.trade_id} is told as one of order {exchange_order_id}")
        quotes, fill = _booked(quotes, gone, trade, coins)
        fills.append(fill)
    return quotes, fills


def _owner(quotes: Quotes, exchange_order_id: str) -> str | Ended | None:
    for name, slot in quotes.slots.items():
        if slot.live is not None and slot.live.exchange_order_id == exchange_order_id:
            return name
    return next((gone for gone in quotes.ended if gone.exchange_order_id == exchange_order_id), None)


def _booked(quotes: Quotes, found: str | Ended, trade: OwnTrade, coins: tuple[str, str]) -> tuple[Quotes, Fill]:
    if isinstance(found, Ended):
        _believe(trade, found.side, found.price, found.left, coins)
        gone = _quiet(replace(found, settled=EXACT.add(found.settled, trade.quantity)))
        ended = (gone if other is found else other for other in quotes.ended)
        kept = tuple(one for one in ended if one.left or not one.is_settled)
        fill = Fill(trade, found.key, not gone.left, _fee(trade, coins))
        return _credited(replace(quotes, ended=kept), trade, coins), fill
    slot = quotes.slots[found]
    assert slot.live is not None
    _believe(trade, side_of(found), slot.live.price, slot.live.left, coins)
    live = replace(slot.live, settled=EXACT.add(slot.live.settled, trade.quantity))
    quotes = quotes.with_slot(found, replace(slot, live=live))
    return _credited(quotes, trade, coins), Fill(trade, live.key, not live.left, _fee(trade, coins))


def _fee(trade: OwnTrade, coins: tuple[str, str]) -> Decimal:
    """A figure to look at, which days add up: no finer than they can hold."""
    if trade.fee_asset == coins[0]:
        return ROUNDING.multiply(trade.fee, trade.price).quantize(_FINEST, context=ROUNDING)
    return trade.fee if trade.fee_asset == coins[1] else _NOTHING


def _believe(trade: OwnTrade, side: Side, price: Decimal, left: Decimal, coins: tuple[str, str]) -> None:
    """An order that only rests is traded at its own price: a better one is as little believed as a worse one."""
    worth = EXACT.multiply(trade.quantity, price)
    off = abs(EXACT.subtract(trade.quote_quantity, worth))
    is_priced = trade.price == price and off <= max(EXACT.multiply(worth, WORTH_OFF_MAX), _LEAST)
    if trade.side is not side or not is_priced or trade.quantity > left:
        raise FillNotBelieved(
            f"trade {trade.trade_id}: {trade.side} {trade.quantity} at {trade.price}, of an order to {side} {left} "
            f"at {price}"
        )
    paid_in = {coins[0]: trade.quantity, coins[1]: trade.quote_quantity}
    most = paid_in.get(trade.fee_asset)
    if most is not None and abs(trade.fee) > max(EXACT.multiply(most, FEE_SHARE_MAX), _LEAST):
        raise FillNotBelieved(f"trade {trade.trade_id} costs {trade.fee} {trade.fee_asset}")


def _credited(quotes: Quotes, trade: OwnTrade, coins: tuple[str, str]) -> Quotes:
    tally = quotes.tally.with_trade(trade, quotes.base, coins)
    more_base, more_quote = brought(trade, coins)
    base, quote = EXACT.add(quotes.base, more_base), EXACT.add(quotes.quote, more_quote)
    if trade.fee_asset in coins:
        return replace(quotes, base=base, quote=quote, tally=tally)
    paid = EXACT.add(quotes.fees_elsewhere.get(trade.fee_asset, _NOTHING), trade.fee)
    elsewhere = {**quotes.fees_elsewhere, trade.fee_asset: paid}
    return replace(quotes, base=base, quote=quote, fees_elsewhere=elsewhere, tally=tally)


def brought(trade: OwnTrade, coins: tuple[str, str]) -> tuple[Decimal, Decimal]:
    """Of base and of quote, less its fee where that is one of them: below zero, what it has taken."""
    if trade.side is BUY:
        base, quote = trade.quantity, EXACT.minus(trade.quote_quantity)
    else:
        base, quote = EXACT.minus(trade.quantity), trade.quote_quantity
    if trade.fee_asset == coins[0]:
        return EXACT.subtract(base, trade.fee), quote
    if trade.fee_asset == coins[1]:
        return base, EXACT.subtract(quote, trade.fee)
    return base, quote


# What only operators know


def may_be_there(quotes: Quotes) -> tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]:
    """From what to what of base, and of quote, the order may have, whatever of its orders was traded and is not told:
    fees, and rebates, are within FEE_SHARE_MAX."""
    left = _out(quotes)
    sold = [(quantity, EXACT.multiply(quantity, price)) for side, quantity, price in left if side is SELL]
    bought = [(quantity, EXACT.multiply(quantity, price)) for side, quantity, price in left if side is BUY]
    less = [
        reduce(EXACT.add, (one[0] for one in sold), _NOTHING),
        reduce(EXACT.add, (one[1] for one in bought), _NOTHING),
    ]
    more = [
        reduce(EXACT.add, (one[0] for one in bought), _NOTHING),
        reduce(EXACT.add, (one[1] for one in sold), _NOTHING),
    ]
    base, quote = (
        _around(has, taken, given) for has, taken, given in zip((quotes.base, quotes.quote), less, more, strict=True)
    )
    return base, quote


def _around(has: Decimal, taken: Decimal, given: Decimal) -> tuple[Decimal, Decimal]:
    fees = EXACT.multiply(EXACT.add(taken, given), FEE_SHARE_MAX)
    least = EXACT.subtract(EXACT.subtract(has, taken), fees)
    return max(least, min(has, _NOTHING)), EXACT.add(EXACT.add(has, given), fees)


def most_quote(quotes: Quotes, base: Decimal) -> Decimal:
    """The most of quote that it may have with so much base: what has come of the one was paid in the other, at the
    orders' own prices. All sales at their prices, less the cheapest way back to that base."""
    least, dearest = quotes.base, quotes.quote
    steps: list[tuple[Decimal, Decimal]] = []  # price, and how much base it can bring back
    fees_base = fees_quote = _NOTHING
    for side, quantity, price in _out(quotes):
        worth = EXACT.multiply(quantity, price)
        if side is SELL:
            least, dearest = EXACT.subtract(least, quantity), EXACT.add(dearest, worth)
        steps.append((price, quantity))
        fees_base = EXACT.add(fees_base, EXACT.multiply(quantity, FEE_SHARE_MAX))
        fees_quote = EXACT.add(fees_quote, EXACT.multiply(worth, FEE_SHARE_MAX))
    missing = EXACT.subtract(EXACT.subtract(base, fees_base), least)
    for price, quantity in sorted(steps):
        part = min(max(missing, _NOTHING), quantity)
        dearest = EXACT.subtract(dearest, EXACT.multiply(part, price))
        missing = EXACT.subtract(missing, part)
    return EXACT.add(dearest, fees_quote)


def _out(quotes: Quotes) -> list[tuple[Side, Decimal, Decimal]]:
    """Side, quantity and price of all of which trades may be told."""
    placed = [(side_of(name), one) for name, slot in quotes.slots.items() for one in (slot.live, slot.coming) if one]
    return [
        *((side, one.left, one.price) for side, one in placed),
        *((gone.side, gone.left, gone.price) for gone in quotes.ended),
    ]


def with_nothing_out(quotes: Quotes, base: Decimal, quote: Decimal) -> Quotes:
    """It has so much, and nothing of it is at the exchange in an order. What has become of its quote asset is counted
    as realised: at which prices, nobody has told."""
    realised = EXACT.add(quotes.tally.realised, EXACT.subtract(quote, quotes.quote))
    tally = replace(quotes.tally, realised=realised)
    return replace(quotes, base=base, quote=quote, slots={}, ended=(), tally=tally)
