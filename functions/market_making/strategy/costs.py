"""Transaction costs: quotes are so much farther as the exchange takes of each trade."""

from __future__ import annotations

from functions.market_making.strategy.arithmetic import ceiled
from functions.market_making.strategy.quirks import Q4_SELLS_FLOORED
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules


def costed_buys(rules: Rules, rows: Rows) -> Rows:
    tick, cost = rules.terms.tick, rules.plan.buy_cost
    return [(number, price * cost // tick * tick, size) for number, price, size in rows]


def costed_sells(rules: Rules, rows: Rows) -> Rows:
    tick, cost = rules.terms.tick, rules.plan.sell_cost
    if Q4_SELLS_FLOORED in rules.compat:
        return [(number, price * cost // tick * tick, size) for number, price, size in rows]
    return [(number, ceiled(price * cost, tick), size) for number, price, size in rows]
