"""What would meet the book is not proposed."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.market import Book
from functions.market_making.strategy.rules import Rules


def buys_take_from(rules: Rules, book: Book) -> Decimal | None:
    """The best ask, which buys have to be below; None where they meet nothing, or may take."""
    if not book.asks or rules.take_if_crossed:
        return None
    tick = rules.terms.tick
    return book.asks[0][0] // tick * tick


def sells_take_to(rules: Rules, book: Book) -> Decimal | None:
    """The best bid, which sells have to be above; None where they meet nothing, or may take."""
    if not book.bids or rules.take_if_crossed:
        return None
    tick = rules.terms.tick
    return book.bids[0][0] // tick * tick
