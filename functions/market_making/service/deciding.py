"""What an order wants to have open: its strategy, told what has happened since its last cycle, asked in this market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter

from common.frozen import dataclass, replace
from common.gateways.exchange import Side
from functions.market_making.planning import Plan, Wanted, Wish
from functions.market_making.quotes import Fill, Quotes, side_of
from functions.market_making.service.cycling import Known
from functions.market_making.strategy import Market, Rules, State, tick
from functions.market_making.strategy import Side as StrategySide

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STRATEGY_SIDES = {Side.BUY: StrategySide.BUY, Side.SELL: StrategySide.SELL}
_SIDES = {theirs: side for side, theirs in STRATEGY_SIDES.items()}
_NOTHING = Decimal(0)
WIDENED_FROM, WIDENED_MAX = 3, 20  # placements of a side in a row that would have taken; steps
KEYS_A_CYCLE = 256  # more than one has
_UNTOUCHED = State()
_but_for_time = attrgetter(*(field.name for field in fields(State) if field.name != "ticked_at"))


@dataclass(frozen=True)
class Decided:
    """`state` takes the wish for carried out."""

    state: State
    wish: Wish
    reference: Decimal | None = None
    lost: str | None = None


def decide(rules: Rules, known: Known, coins: tuple[str, str], market: Market, at: datetime) -> Decided:
    """`at` is the cycle's own time."""
    state = told(rules, known, coins)
    decision = tick(rules, state, market, known.now.available, max(_seconds(at), state.ticked_at))
    live = [order.key for order in decision.state.orders]
    strangers = [key for key in known.now.keys if key not in live]
    creates = [
        Wanted(_SIDES[one.side], one.price, one.size, one.key, one.renews)
        for one in (*decision.renews, *decision.creations)
    ]
    return Decided(
        decision.state, Wish(frozenset((*strangers, *decision.cancels)), creates), decision.reference, decision.lost
    )


def widened(decided: Decided, would_take: Mapping[Side, int], step: Decimal) -> Decided:
    """Where placements would have taken several times in a row, one step further away for each."""
    if not would_take:
        return decided
    further = {side: step * min(times, WIDENED_MAX) for side, times in would_take.items() if times >= WIDENED_FROM}
    if not further:
        return decided
    creates = [
        replace(one, price=one.price + further.get(one.side, _NOTHING) * (-1 if one.side is Side.BUY else 1))
        for one in decided.wish.creates
    ]
    kept = [one for one in creates if one.price > 0]
    return replace(decided, wish=replace(decided.wish, creates=kept))


def cancel_all(rules: Rules, known: Known, coins: tuple[str, str]) -> Decided:
    """Nothing of it is to be open."""
    return Decided(told(rules, known, coins), Wish(frozenset(known.now.keys)))


def waiting(rules: Rules, known: Known, coins: tuple[str, str], decided: Decided, at: datetime) -> Decided:
    """Nothing can be placed now: what would have been replaced stays, as if nothing had been decided, until it is too
    old. The next cycle decides anew."""
    state = told(rules, known, coins)
    its = {order.key for order in state.orders}
    sides = {one.side for one in decided.wish.creates}
    stays = {
        slot.live.key
        for name, slot in known.now.slots.items()
        if side_of(name) in sides and slot.live is not None and slot.live.key in its
        if (at - slot.live.at).total_seconds() <= rules.max_order_age
    }
    return Decided(state, Wish(decided.wish.cancels - stays))


def told(rules: Rules, known: Known, coins: tuple[str, str]) -> State:
    """The strategy's state, with what has come to be known since: of orders that never came to be, of trades, and of
    orders of which there is nothing any more."""
    state = _beginning(known).costed(rules, known.read.base)
    there = known.now.keys
    gone = [order.key for order in state.orders if order.key not in there]
    if not gone and not known.fills:
        return state
    seen, traded = known.read.keys, {fill.key for fill in known.fills}
    state = state.unplaced(*(key for key in gone if not seen.get(key, True) and key not in traded))
    for fill in known.fills:
        state = _filled(rules, state, fill, coins)
    for key in gone:
        state = state.cancelled(key)
    return state


def after(state: State, planned: Quotes, recorded: Quotes) -> State:
    """The state, once it is known which of a plan's placements do not exist."""
    seen, there = planned.keys, recorded.keys
    gone = [order.key for order in state.orders if order.key not in there]
    state = state.unplaced(*(key for key in gone if not seen.get(key, True)))
    for key in gone:
        state = state.cancelled(key)
    return state


def _beginning(known: Known) -> State:
    """Keys are never used again, also where the memory is lost."""
    memory = known.read.memory
    if memory.numbered or memory != _UNTOUCHED:
        return memory
    return State(numbered=known.read.cycle * KEYS_A_CYCLE)


def remembered(decided: Decided, planned: Plan) -> Plan:
    """The plan with the strategy's state in what is to be written. What is left out was not placed."""
    state = decided.state.unplaced(*planned.left_out) if planned.left_out else decided.state
    return replace(planned, quotes=with_memory(planned.quotes, state))


def with_memory(quotes: Quotes, state: State) -> Quotes:
    """Only that time has passed is nothing to be written down."""
    if _but_for_time(state) == _but_for_time(quotes.memory):
        return quotes
    return replace(quotes, memory=state)


def _filled(rules: Rules, state: State, fill: Fill, coins: tuple[str, str]) -> State:
    order = state.live(fill.key)
    if order is None or order.filled + fill.trade.quantity > order.size:
        return state
    fees = {fill.trade.fee_asset: fill.trade.fee}
    return state.filled(
        rules,
        fill.key,
        fill.trade.quantity,
        at=_seconds(fill.trade.at),
        base_fee=fees.get(coins[0], _NOTHING),
        quote_fee=fees.get(coins[1], _NOTHING),
    )


def _seconds(at: datetime) -> int:
    return int((at - _EPOCH).total_seconds())
