"""When an order's quotes end by themselves: it has lost too much, or is refused again and again. Pure.

What is made or lost is held against keeping what the exchange has credited, at the same price: that a coin falls is no
loss of quoting.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from common.frozen import replace
from common.money import EXACT, ROUNDING
from functions.market_making.quotes import Marks, Quotes

REFUSALS_MAX = 5  # placements in a row that the exchange refuses, but for those that would take
LOSS_MAX = Decimal("0.10")  # of what would be there by keeping it
DAILY_LOSS_MAX = Decimal("0.05")
DRAWDOWN_MAX = Decimal("0.08")  # from the best there was
JUMP_MAX = Decimal("0.03")  # of the middle, between two ticks
JUMP_WITHIN = timedelta(seconds=60)
SILENT_MAX = timedelta(seconds=30)  # without a book nothing is placed; after so long nothing is to be open

_STEP = Decimal("0.0001")


def result(quotes: Quotes, price: Decimal) -> Decimal:
    """What quoting has made, as a part of what would be there without it: -0.01 is a loss of a hundredth."""
    began_base, began_quote = quotes.began
    kept = EXACT.add(EXACT.multiply(began_base, price), began_quote)
    there = EXACT.add(EXACT.multiply(quotes.base, price), quotes.quote)
    return Decimal(0) if not kept else ROUNDING.divide(EXACT.subtract(there, kept), kept).quantize(_STEP)


def marked(quotes: Quotes, now: Decimal, at: datetime) -> Quotes:
    """The best result there was, and that with which the day began; `now` is that of now."""
    day = at.date().isoformat()
    marks = quotes.marks
    if marks is None or marks.day != day:
        return replace(quotes, marks=Marks(max(now, marks.best) if marks else now, day, now))
    return quotes if now <= marks.best else replace(quotes, marks=replace(marks, best=now))


def verdict(quotes: Quotes, now: Decimal | None) -> str | None:
    """Why nothing is to be quoted any more; None while all is well. `now` is the result of now, where it is known."""
    if quotes.refusals >= REFUSALS_MAX:
        return f"the exchange has refused {quotes.refusals} quotes in a row"
    marks = quotes.marks
    if now is None or marks is None:
        return None
    if now <= -LOSS_MAX:
        return f"it has lost {-now:%} against keeping what it had"
    if EXACT.subtract(marks.began, now) >= DAILY_LOSS_MAX:
        return f"it has lost {EXACT.subtract(marks.began, now):%} today against keeping what it had"
    if EXACT.subtract(marks.best, now) >= DRAWDOWN_MAX:
        return f"it has lost {EXACT.subtract(marks.best, now):%} from its best"
    return None


def has_jumped(before: Decimal | None, now: Decimal | None) -> bool:
    if before is None or now is None:
        return False
    return abs(EXACT.subtract(now, before)) > EXACT.multiply(before, JUMP_MAX)
