"""Hanging orders. Of a pair of which one side is filled, the other one stays at a refresh: it waits for its price. It
is no quote any more: it takes no part in the refresh, the budget or the age of quotes. It is cancelled when the price
has gone too far, and renewed when it is old."""

from __future__ import annotations

from decimal import Decimal

from common.frozen import replace
from functions.market_making.strategy.market import Side
from functions.market_making.strategy.quirks import Q12_TWINS
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import FORGOTTEN, HANGING, LiveOrder, State


def left_behind(state: State) -> list[LiveOrder]:
    """The live orders whose pair is filled on the other side only."""
    keys = [
        pair.sell if pair.buy_filled else pair.buy for pair in state.pairs if pair.buy_filled is not pair.sell_filled
    ]
    live = {order.key: order for order in state.orders}
    return [live[key] for key in keys if key is not None and key in live]


def hung(rules: Rules, state: State) -> tuple[LiveOrder, ...]:
    """All live orders at a refresh: those that were left behind hang from now on, as many as may.

    Quirk Q12: of orders of one side, price and size one hangs; another one is neither a quote nor looked after."""
    behind = {order.key for order in left_behind(state)}
    if not behind and not any(order.standing is FORGOTTEN for order in state.orders):
        return state.orders
    keeps_twins = Q12_TWINS in rules.compat
    hanging = sum(order.standing is HANGING for order in state.orders)
    there = {_looks(order) for order in state.orders if order.standing is HANGING}
    orders = []
    for order in state.orders:
        if order.key in behind or order.standing is FORGOTTEN:
            if keeps_twins and _looks(order) in there:
                order = replace(order, standing=FORGOTTEN)
            elif rules.plan.hanging_max is None or hanging < rules.plan.hanging_max:
                order = replace(order, standing=HANGING)
                there.add(_looks(order))
                hanging += 1
        orders.append(order)
    return tuple(orders)


def is_far(rules: Rules, price: Decimal, reference: Decimal) -> bool:
    return abs(price - reference) / reference > rules.hanging_orders_cancel_pct


def _looks(order: LiveOrder) -> tuple[Side, Decimal, Decimal]:
    return order.side, order.price, order.size
