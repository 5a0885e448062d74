"""Ping-pong: after a fill nothing is quoted in its place until the other side has filled as often."""

from __future__ import annotations

from functions.market_making.strategy.quirks import Q13_NEAREST_PINGED
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import State


def is_even(state: State) -> bool:
    return len(state.filled_buys) == len(state.filled_sells)


def held_back(rules: Rules, rows: Rows, filled: tuple[int, ...]) -> Rows:
    """Without the levels that were filled (quirk Q13: without as many of the nearest)."""
    if Q13_NEAREST_PINGED in rules.compat:
        return rows[len(filled) :]
    return [row for row in rows if row[0] not in filled]
