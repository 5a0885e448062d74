"""What hummingbot does and does not mean to. By default each of these is mended; `COMPAT` keeps them all, and a quote
is then hummingbot's to the digit. docs/defects-we-do-not-have.md has a line for each."""

from __future__ import annotations

from enum import StrEnum


class Quirk(StrEnum):
    """The numbers are those of the tests and documents; a switch that is named in `Rules.compat` keeps the defect."""

    Q1_THIN_BOOK = "Q1"  # optimisation in a book thinner than its depth loses the whole tick, cancels included
    Q2_EMPTY_BOOK = "Q2"  # so does a price that is not known
    Q3_UNEVEN_LEVELS = "Q3"  # optimised levels behind the first are no multiples of the tick
    Q4_SELLS_FLOORED = "Q4"  # sells are rounded down as well: nearer than was asked for
    Q5_TAKERS_LAST = "Q5"  # what would take uses up budget before it is dropped
    Q6_RANGE_OF_PLAIN_LEVELS = "Q6"  # the range of the skew knows no override, and is negative for shrinking levels
    Q7_NO_MINIMUM = "Q7"  # orders below the smallest that the market takes are proposed
    Q8_SIZE_TOLERATED = "Q8"  # the tolerance looks at prices only: skewed and partly filled sizes stay
    Q9_CHURN_BELOW_MINIMUM = "Q9"  # what is cancelled for its spread is created again
    Q10_TWO_TICKS = "Q10"  # a successor waits for a later tick than the cancel, also where nothing should wait
    Q11_HANGING_COUNTS = "Q11"  # a filled hanging order counts as a quote (there: by chance)
    Q12_TWINS = "Q12"  # of two equal hanging orders one is forgotten
    Q13_NEAREST_PINGED = "Q13"  # ping-pong drops the nearest levels, whichever were filled
    Q14_BINARY_LAST_PRICE = "Q14"  # the last price is a binary fraction with all its digits
    Q15_BINARY_SKEW = "Q15"  # the skew's ratio as well
    Q16_HANGING_UNBOUND = "Q16"  # orders are left hanging without bound
    Q17_OWN_IN_BOOK = "Q17"  # own orders are part of the book that quotes are made from
    Q18_FILLED_TWICE = "Q18"  # a partly filled order is counted whole, beside what it has brought
    Q19_AGE_LEAVES_NOTHING = "Q19"  # what is cancelled for its age is created again only when a refresh is due
    Q20_STALE_PAIRS = "Q20"  # pairs of an earlier round take the sells of the next one


# A member is looked up by a call, which each tick would feel.
(
    Q1_THIN_BOOK,
    Q2_EMPTY_BOOK,
    Q3_UNEVEN_LEVELS,
    Q4_SELLS_FLOORED,
    Q5_TAKERS_LAST,
    Q6_RANGE_OF_PLAIN_LEVELS,
    Q7_NO_MINIMUM,
    Q8_SIZE_TOLERATED,
    Q9_CHURN_BELOW_MINIMUM,
    Q10_TWO_TICKS,
    Q11_HANGING_COUNTS,
    Q12_TWINS,
    Q13_NEAREST_PINGED,
    Q14_BINARY_LAST_PRICE,
    Q15_BINARY_SKEW,
    Q16_HANGING_UNBOUND,
    Q17_OWN_IN_BOOK,
    Q18_FILLED_TWICE,
    Q19_AGE_LEAVES_NOTHING,
    Q20_STALE_PAIRS,
) = Quirk

COMPAT = frozenset(Quirk)
