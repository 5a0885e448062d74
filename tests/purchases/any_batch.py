"""Random batches: planned, filled and shared out somehow; nothing is lost, and nobody pays above the price of his part.

    python -m tests.purchases.any_batch 4711            replays one seed and tells what happened
    python -m tests.purchases.any_batch --from 0 --lives 100000

Assets of 0 to 18 decimals at prices from 1e-8 to 1e6, lots as coarse as the unit, members by dollars and by quantity;
fees and rebates in the coin, in dollars, in a third coin. What must hold is reckoned in fractions, without the
product's own arithmetic.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import partial
from random import Random

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain.catalogue.model import PRECISION_MAX, Asset, Execution, Quote
from common.domain.exchange_orders.model import Fill
from common.market import MarketRules
from common.money import CENT, EXACT, ROUNDING, ZERO, Money, Price, Quantity
from common.owner import Owner
from functions.purchases.allocation import Share, left_to_the_desk, plan, shares, why_not_all
from functions.purchases.model import Batch, BatchResult, BatchStatus, Member, Status, bought
from tests.desk import NOON
from tests.lives import lived, main

COMMAND = "python -m tests.purchases.any_batch"
PRICE_EXPONENTS = (-8, 6)
SLIPPAGES = (0, 1, 50, 100, 1000)
BETTER = (Decimal(1), Decimal(1), Decimal("0.999"), Decimal("0.99"), Decimal("0.5"))
RATES = (Decimal("0.0001"), Decimal("0.001"), Decimal("0.0033"), Decimal("0.025"))
SATOSHI = Decimal("1E-8")
NONE = Decimal(0)
ANN = Owner("ann", "sub-ann")


def asset(precision: int = 9, slippage_max_bps: int = 100, asset_id: str = "SOL") -> Asset:
    return Asset(
        asset_id=asset_id,
        name=asset_id,
        precision=precision,
        min_notional=Money(10),
        max_notional=Money(1_000_000),
        execution=Execution.EXCHANGE,
        active=True,
        price_source_id="sol",
        exchange_symbol="SOL",
        price_age_max_seconds=120,
        slippage_max_bps=slippage_max_bps,
    )


@dataclass(frozen=True)
class Case:
    batch: Batch
    members: Sequence[Member]
    asset: Asset


class Chance:
    """Whole numbers of a source that may be hypothesis's, which then finds a small case."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def below(self, many: int) -> int:
        return int(self._random.random() * many)

    def one_of(self, *choices: Decimal) -> Decimal:
        return choices[self.below(len(choices))]


def any_case(random: Random) -> Case:
    """A batch that is planned somehow, and filled somehow."""
    chance = Chance(random)
    precision = chance.below(PRECISION_MAX + 1)
    lowest, highest = PRICE_EXPONENTS
    exponent, digits = lowest + chance.below(highest - lowest + 1), chance.below(7)
    price = min(Decimal(10**digits + chance.below(9 * 10**digits)).scaleb(exponent - digits), Decimal(10) ** highest)
    unit = Decimal(1).scaleb(-precision)
    members = [_any_member(chance, n, price, precision) for n in range(1 + chance.below(1 + chance.below(6)))]
    top_up = Money(CENT * chance.below(1000)) if chance.below(4) == 0 else ZERO
    closed = Batch("B", "SOL", BatchStatus.CLOSED, NOON, NOON, top_up=top_up)
    asked = asset(precision, SLIPPAGES[chance.below(len(SLIPPAGES))])
    step = unit.scaleb(chance.below(1 + chance.below(6)))  # mostly as coarse as the unit
    rules = MarketRules(step, Decimal(1).scaleb(exponent - 1 - chance.below(6)), step, ZERO)
    planned = plan(closed, members, asked, Quote(Price(price), "test", NOON), rules)
    if isinstance(planned, BatchResult):
        return Case(replace(closed, bought=planned), members, asked)
    lots = int(ROUNDING.divide(planned.quantity.amount, step))
    executed = EXACT.multiply(
        step, chance.one_of(*map(Decimal, (lots, lots, lots * 37 // 100, chance.below(lots + 1))))
    )
    paid_a_unit = EXACT.multiply(planned.limit_price.usd_per_unit, chance.one_of(*BETTER))
    found = bought(any_fill(chance, executed, EXACT.multiply(executed, paid_a_unit)), planned.quantity)
    return Case(replace(closed, plan=planned, bought=found), members, asked)


def _any_member(chance: Chance, number: int, price: Decimal, precision: int) -> Member:
    """By dollars or by quantity; for a few units, where rounding tells, or for any amount."""
    held = CENT * (1 + chance.below(10 ** (1 + chance.below(6))))
    if chance.below(2):
        halves = Decimal(1 + chance.below(8)) / 2
        held = _cents_up(max(CENT, price * halves.scaleb(-precision)))
    quantity, max_price, kind = None, None, chance.below(6)
    if kind == 0:  # protected, perhaps by too little
        max_price = Price(price * (90 + chance.below(21)) / 100)
    elif kind <= 3:  # by quantity, at another price than it is bought for
        before = Price(price * (80 + chance.below(41)) / 100)
        quantity = before.quantity_for(Money(held), "SOL", precision)
        held = before.cost_of(quantity).usd
    return Member(f"P{chance.below(10)}{number}", ANN, Money(held), quantity, max_price)


def any_fill(chance: Chance, executed: Decimal, gross: Decimal) -> Fill:
    """With no fee, one, or one on each side; each of them may be a rebate."""
    fee, fees = NONE, dict[str, Decimal]()
    for _ in range(chance.below(3)):
        rate = chance.one_of(*RATES) * chance.one_of(Decimal(1), Decimal(1), Decimal(-1))
        match chance.below(3):
            case 0:
                fees["SOL"] = _satoshis(executed, rate)
            case 1:
                fee = _satoshis(gross, rate)
            case _:
                fees["BNB"] = SATOSHI.copy_sign(rate)
    return Fill("CANCELED", Quantity(executed, "SOL"), Money(gross), Money(fee), fees)


def _satoshis(amount: Decimal, rate: Decimal) -> Decimal:
    return EXACT.multiply(amount, rate).quantize(SATOSHI, ROUND_FLOOR, ROUNDING)


def _cents_up(amount: Decimal) -> Decimal:
    return CENT * math.ceil(Fraction(amount) * 100)


def violations(case: Case) -> Iterator[str]:
    """Every rule of a batch that its shares break."""
    after, found = case.batch, case.batch.bought
    assert found is not None
    got = shares(after, case.members)
    members = {m.order_id: m for m in case.members}
    if [share.order_id for share in got] != sorted(members):
        yield "somebody is left out, or there twice"
    lines = {}
    for part in left_to_the_desk(after, got):
        of, amount = (part.asset_id, part.amount) if isinstance(part, Quantity) else ("USD", part.usd)
        lines[of] = Fraction(amount)
    if not all(lines.values()):
        yield "a line of nothing"
    cost, executed = Fraction(found.gross.usd) + Fraction(found.fee.usd), Fraction(found.executed.amount)
    received = max(Fraction(0), executed - Fraction(found.fee_in_asset))
    charged = sum((Fraction(share.charged.usd) for share in got), Fraction(0))
    coins = sum((Fraction(share.allocated.amount) for share in got), Fraction(0))
    if charged - lines.pop("USD", 0) != cost:
        yield "the members and the desk have not paid what it cost"
    left = lines.pop("SOL", Fraction(0))
    if coins + left != received:
        yield "the members and the desk have not got what was received"
    if received and max(cost, Fraction(0)) - charged > left * max(cost, Fraction(0)) / received + 2 * Fraction(CENT):
        yield "the desk has paid for what it has not got"
    if lines != {other: -Fraction(fee) for other, fee in found.fees_elsewhere.items()}:
        yield f"the desk's fees in other assets are {lines}"
    for share in got:
        yield from _unfair(share, members[share.order_id], case, _bill(after), received)
    if after.plan is None:
        if coins or charged or lines:
            yield "something has come of nothing"
        return
    wanted = sum((_wanted(m, after) for m in case.members), Fraction(0))
    by_the_desk = _down(Fraction(after.top_up.usd) / Fraction(after.plan.quote.price.usd_per_unit), after)
    if after.plan.quantity.amount > wanted + by_the_desk:
        yield "more is asked for than is wanted"
    unit, mine = Fraction(1, 10**after.plan.precision), {s.order_id: Fraction(s.allocated.amount) for s in got}
    beyond = sum(
        _wanted(m, after) - mine[m.order_id]
        for m in case.members
        if received and _bill(after) * (mine[m.order_id] + unit) > received * Fraction(m.held.usd)
    )
    if not 0 <= min(_down(received, after), wanted + by_the_desk) - coins <= by_the_desk + beyond:
        yield "the desk keeps what could have been given"


def _unfair(share: Share, member: Member, case: Case, bill: Fraction, received: Fraction) -> Iterator[str]:
    """He gets whole units and no more than he wants, and pays their part of the bill: not above it, to the cent up,
    and not a cent below it."""
    who, mine, paid = share.order_id, Fraction(share.allocated.amount), Fraction(share.charged.usd)
    held, part = Fraction(member.held.usd), bill * mine / received if received else Fraction(0)
    if (paid * 100).denominator != 1 or not 0 <= paid <= held:
        yield f"{who} pays {share.charged} of {member.held}"
    if paid > Fraction(math.ceil(part * 100), 100):
        yield f"{who} pays {share.charged} for {share.allocated}, which is worth {float(part)}"
    if paid < part - Fraction(CENT):
        yield f"{who} pays only {share.charged} for {share.allocated}, which is worth {float(part)}"
    if mine != _down(mine, case.batch) or not 0 <= mine <= _wanted(member, case.batch):
        yield f"{who} gets {share.allocated}"
    if (share.status is Status.COMPLETED) != bool(mine) or (paid and not mine):
        yield f"{who} is {share.status} with {share.allocated} for {share.charged}"
    if not mine and not (why_not_all(member, share, case.batch) or "").strip():
        yield f"{who} gets nothing and is not told why"


def _bill(batch: Batch) -> Fraction:
    """What all that was received costs its members: what it has cost."""
    assert batch.bought is not None
    found = batch.bought
    return max(Fraction(0), Fraction(found.gross.usd) + Fraction(found.fee.usd))


def _wanted(member: Member, batch: Batch) -> Fraction:
    """What his dollars buy, no more than he asked for, and nothing where the order's limit is above his own."""
    if batch.plan is None or (member.max_price is not None and member.max_price < batch.plan.limit_price):
        return Fraction(0)
    price = batch.plan.quote.price
    buys = _down(Fraction(member.held.usd) / Fraction(price.usd_per_unit), batch)
    return buys if member.quantity is None else min(buys, Fraction(member.quantity.amount))


def _down(amount: Fraction, batch: Batch) -> Fraction:
    """In whole units."""
    if batch.plan is None:
        return Fraction(0)
    unit = Fraction(1, 10**batch.plan.precision)
    return amount // unit * unit


class AnyBatch:
    """One seed: a batch, and what its members get."""

    def __init__(self, seed: int) -> None:
        self.case = any_case(Random(seed))
        self.told = [*map(str, (self.case.asset, self.case.batch, *self.case.members))]

    def live(self) -> None:
        """Raises AssertionError when a rule is broken."""
        self.told += map(str, shares(self.case.batch, self.case.members))
        broken = list(violations(self.case))
        assert not broken, "; ".join(broken)


live = partial(lived, AnyBatch, COMMAND)


if __name__ == "__main__":
    sys.exit(main(AnyBatch, COMMAND, __doc__))
