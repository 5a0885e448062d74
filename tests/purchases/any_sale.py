"""Random batches of sales: planned, filled and shared out somehow; nothing is lost, and nobody gets less than his part.

    python -m tests.purchases.any_sale 4711            replays one seed and tells what happened
    python -m tests.purchases.any_sale --from 0 --lives 100000

As `any_batch`, the other way round: assets of 0 to 18 decimals at prices from 1e-8 to 1e6, lots as coarse as the unit
and coarser, fees and rebates in the coin, in dollars, in a third coin; the desk buys what is less than a lot, or does
not. What must hold is reckoned in fractions, without the product's own arithmetic.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from random import Random

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain.catalogue.model import PRECISION_MAX, Asset, Quote
from common.market import MarketRules
from common.money import CENT, EXACT, ROUNDING, ZERO, Price, Quantity
from functions.purchases.model import Batch, BatchResult, BatchStatus, Status
from functions.purchases.sale_allocation import Share, left_to_the_desk, plan, shares, sold, why_not_all, without_desk
from functions.purchases.sale_model import Seller
from tests.desk import NOON
from tests.lives import lived, main
from tests.purchases.any_batch import ANN, PRICE_EXPONENTS, SLIPPAGES, Chance, any_fill, asset

COMMAND = "python -m tests.purchases.any_sale"
BETTER = (Decimal(1), Decimal(1), Decimal("1.001"), Decimal("1.01"), Decimal(2))
STEP = Fraction(1, 10**8)  # to which the desk's part is rounded


@dataclass(frozen=True)
class Case:
    batch: Batch
    sellers: Sequence[Seller]
    asset: Asset
    refused: bool  # the desk's own book was at its limit


def any_case(random: Random) -> Case:
    """A batch that is planned somehow, and filled somehow."""
    chance = Chance(random)
    precision = chance.below(PRECISION_MAX + 1)
    lowest, highest = PRICE_EXPONENTS
    exponent, digits = lowest + chance.below(highest - lowest + 1), chance.below(7)
    price = min(Decimal(10**digits + chance.below(9 * 10**digits)).scaleb(exponent - digits), Decimal(10) ** highest)
    unit = Decimal(1).scaleb(-precision)
    sellers = [_any_seller(chance, n, price, precision) for n in range(1 + chance.below(1 + chance.below(6)))]
    asked = asset(precision, SLIPPAGES[chance.below(len(SLIPPAGES))])
    step = unit.scaleb(chance.below(1 + chance.below(6)) - chance.below(2))  # as coarse as the unit, coarser, finer
    rules = MarketRules(step, Decimal(1).scaleb(exponent - 1 - chance.below(6)), step, ZERO)
    closed = Batch("B", "SOL", BatchStatus.CLOSED, NOON, NOON, buys=False)
    refused = chance.below(3) == 0
    planned = plan(sellers, asked, Quote(Price(price), "test", NOON), rules)
    if isinstance(planned, BatchResult):
        found = without_desk(planned) if refused and planned.desk_buys is not None else planned
        return Case(replace(closed, bought=found), sellers, asked, refused)
    lots = int(ROUNDING.divide(planned.quantity.amount, step))
    executed = EXACT.multiply(
        step, chance.one_of(*map(Decimal, (lots, lots, lots, lots * 37 // 100, chance.below(lots + 1))))
    )
    got_a_unit = EXACT.multiply(planned.limit_price.usd_per_unit, chance.one_of(*BETTER))
    found = sold(any_fill(chance, executed, EXACT.multiply(executed, got_a_unit)), planned)
    if refused and found.desk_buys is not None:
        found = without_desk(found)
    return Case(replace(closed, plan=planned, bought=found), sellers, asked, refused)


def _any_seller(chance: Chance, number: int, price: Decimal, precision: int) -> Seller:
    """Of a few units, where rounding tells, or of any amount; one in six is protected, perhaps by too much."""
    units = 1 + chance.below(10 ** (1 + chance.below(6)))
    if chance.below(2):
        dollars = CENT * (1 + chance.below(10 ** (1 + chance.below(6))))
        units = max(1, int(Fraction(dollars) / Fraction(price) * 10**precision))
    quantity = EXACT.scaleb(Decimal(units), Decimal(-precision))
    protected = chance.below(6) == 0
    min_price = Price(EXACT.multiply(price, Decimal(90 + chance.below(21)) / 100)) if protected else None
    return Seller(f"V{chance.below(10)}{number}", ANN, Quantity(quantity, "SOL"), min_price)


def violations(case: Case) -> Iterator[str]:
    """Every rule of a batch of sales that its shares break."""
    after, found = case.batch, case.batch.bought
    assert found is not None
    got = shares(after, case.sellers)
    sellers = {s.order_id: s for s in case.sellers}
    if [share.order_id for share in got] != sorted(sellers):
        yield "somebody is left out, or there twice"
    lines = {}
    for part in left_to_the_desk(after, got):
        of, amount = (part.asset_id, part.amount) if isinstance(part, Quantity) else ("USD", part.usd)
        lines[of] = Fraction(amount)
    if not all(lines.values()):
        yield "a line of nothing"
    executed, net = Fraction(found.executed.amount), Fraction(found.gross.usd) - Fraction(found.fee.usd)
    by_desk = Fraction(0) if found.desk_buys is None else Fraction(found.desk_buys.quantity.amount)
    proceeds = sum((Fraction(share.proceeds.usd) for share in got), Fraction(0))
    coins = sum((Fraction(share.sold.amount) for share in got), Fraction(0))
    if proceeds + lines.pop("USD", 0) != net:
        yield "the members and the desk have not got what it brought less the fee"
    if coins - lines.pop("SOL", 0) != executed + Fraction(found.fee_in_asset):
        yield "the members and the desk have not given what was executed"
    if lines != {other: -Fraction(fee) for other, fee in found.fees_elsewhere.items()}:
        yield f"the desk's fees in other assets are {lines}"
    if coins > executed + by_desk:
        yield "more is sold than was taken"
    pot = max(Fraction(0), net) + _paid_by_desk(after)
    for share in got:
        yield from _unfair(share, sellers[share.order_id], case, pot, executed + by_desk)
    wanted = sum((Fraction(s.quantity.amount) for s in case.sellers if _sells(s, after)), Fraction(0))
    if after.plan is not None and Fraction(after.plan.quantity.amount) > wanted:
        yield "more is offered than is to be sold"
    if after.plan is not None and by_desk and by_desk + executed != wanted:
        yield "the desk has bought something else than the rest"
    if min(_down(executed + by_desk, case), wanted) != coins and (executed or by_desk):
        yield "less is sold than could have been"
    if proceeds and Fraction(math.floor(pot * coins / (executed + by_desk) * 100), 100) != proceeds:
        yield f"the members got {float(proceeds)} of {float(pot)}"


def _unfair(share: Share, seller: Seller, case: Case, pot: Fraction, taken: Fraction) -> Iterator[str]:
    """He sells whole units and no more than he has, not below his limit, and gets their part of what all have brought,
    to within a cent."""
    who, mine, got = share.order_id, Fraction(share.sold.amount), Fraction(share.proceeds.usd)
    if (got * 100).denominator != 1 or got < 0:
        yield f"{who} gets {share.proceeds}"
    if not 0 <= mine <= Fraction(seller.quantity.amount) or mine != _down(mine, case):
        yield f"{who} sells {share.sold} of {seller.quantity}"
    if mine and not _sells(seller, case.batch):
        yield f"{who} sells below his min_price"
    part = pot * mine / taken if taken else Fraction(0)
    if not part - Fraction(CENT) * 2 < got < part + Fraction(CENT):
        yield f"{who} gets {share.proceeds} for {share.sold}, which has brought {float(part)}"
    if (share.status is Status.COMPLETED) != bool(mine) or (got and not mine):
        yield f"{who} is {share.status} with {share.sold} for {share.proceeds}"
    if mine != Fraction(seller.quantity.amount) and not (why_not_all(seller, share, case.batch) or "").strip():
        yield f"{who} keeps something and is not told why"


def _paid_by_desk(batch: Batch) -> Fraction:
    assert batch.bought is not None
    buys = batch.bought.desk_buys
    if buys is None:
        return Fraction(0)
    exact = Fraction(buys.price.usd_per_unit) * Fraction(buys.quantity.amount)
    return exact // STEP * STEP


def _sells(seller: Seller, batch: Batch) -> bool:
    """At the limit of the order; where the desk buys all, at its price."""
    assert batch.bought is not None
    if batch.plan is not None:
        price = batch.plan.limit_price
    elif batch.bought.desk_buys is not None:
        price = batch.bought.desk_buys.price
    else:
        return False
    return seller.min_price is None or seller.min_price <= price


def _down(amount: Fraction, case: Case) -> Fraction:
    """In whole units."""
    unit = Fraction(1, 10**case.asset.precision)
    return amount // unit * unit


class AnySale:
    """One seed: a batch, and what its members get."""

    def __init__(self, seed: int) -> None:
        self.case = any_case(Random(seed))
        self.told = [*map(str, (self.case.asset, self.case.batch, *self.case.sellers))]

    def live(self) -> None:
        """Raises AssertionError when a rule is broken."""
        self.told += map(str, shares(self.case.batch, self.case.sellers))
        broken = list(violations(self.case))
        assert not broken, "; ".join(broken)


live = partial(lived, AnySale, COMMAND)


if __name__ == "__main__":
    sys.exit(main(AnySale, COMMAND, __doc__))
