"""What would meet the book is not proposed."""

from __future__ import annotations

from functions.market_making.strategy.market import Book
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules


def resting_buys(rules: Rules, book: Book, rows: Rows) -> Rows:
    """Below the best ask. An empty side meets nothing."""
    if not book.asks or not rows:
        return rows
    tick = rules.terms.tick
    best = book.asks[0][0] // tick * tick
    return [row for row in rows if row[1] < best]


def resting_sells(rules: Rules, book: Book, rows: Rows) -> Rows:
    if not book.bids or not rows:
        return rows
    tick = rules.terms.tick
    best = book.bids[0][0] // tick * tick
    return [row for row in rows if row[1] > best]
