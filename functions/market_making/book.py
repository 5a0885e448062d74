"""A market's book, as far as a strategy reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from common.gateways.exchange.maker import Book, Level
from functions.market_making.strategy.arithmetic import LARGEST, is_plain

BOOK_LEVELS = 50  # of a side


def bounded(book: Book) -> Book:
    """As far as its numbers are such as a strategy takes: what is larger than the largest is that; a side ends where a
    price, or a size, is none."""
    return Book(_bounded(book.bids), _bounded(book.asks))


def _bounded(levels: Sequence[Level]) -> list[Level]:
    clipped = [Level(level.price, min(level.quantity, LARGEST)) for level in levels]
    return list(takewhile(lambda level: is_plain(level.price) and is_plain(level.quantity), clipped))
