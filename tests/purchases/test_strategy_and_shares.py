"""Which way a purchase goes, what a batch asks the exchange for, and who gets what of it: pure, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.catalogue.model import Asset, Execution, Quote
from common.domain.exchange_orders.model import Fill
from common.market import MarketRules
from common.money import CENT, EXACT, ROUNDING, ZERO, Money, Price, Quantity
from common.owner import Owner
from functions.purchases.allocation import Share, largest_remainder, left_to_the_desk, plan, shares
from functions.purchases.model import (
    Batch,
    BatchResult,
    BatchStatus,
    Member,
    Plan,
    bought,
    nothing,
)
from functions.purchases.strategy import Strategy, strategy
from tests.depth import deep
from tests.desk import NOON

CASES, FILLS = deep(everyday=5_000, full=100_000), 20
PRECISIONS = (0, 0, 2, 8, 9, 18, 18)
SLIPPAGES = (0, 1, 50, 100, 1000)
PRICE_STEPS = (Decimal("0.01"), Decimal("0.0001"), Decimal(1))
BETTER = (Decimal(1), Decimal(1), Decimal("0.99"), Decimal("0.5"))
RATES = (Decimal("0.0001"), Decimal("0.001"), Decimal("0.0033"), Decimal("0.025"))
SATOSHI = Decimal("1E-8")
NONE = Decimal(0)
ANN = Owner("ann", "sub-ann")
RULES = MarketRules(Decimal("0.001"), Decimal("0.01"), Decimal("0.001"), Money(5))


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
        price_age_max_seconds=120,
        slippage_max_bps=slippage_max_bps,
    )


def quoted(price: str) -> Quote:
    return Quote(Price(price), "test", NOON)


def batch(top_up: str = "0", asked: Plan | None = None, found: BatchResult | None = None) -> Batch:
    return Batch("B1", "SOL", BatchStatus.DECIDED, NOON, NOON, top_up=Money(top_up), plan=asked, bought=found)


def member(name: str, held: str, quantity: str | None = None, max_price: str | None = None) -> Member:
    return Member(
        name,
        Owner(name, f"sub-{name}"),
        Money(held),
        None if quantity is None else Quantity(quantity, "SOL"),
        None if max_price is None else Price(max_price),
    )


def asked_for(members: Sequence[Member], price: str = "100", top_up: str = "0", rules: MarketRules = RULES) -> Plan:
    planned = plan(batch(top_up), members, asset(), quoted(price), rules)
    assert isinstance(planned, Plan)
    return planned


def shared(members: Sequence[Member], found: BatchResult, price: str = "100", top_up: str = "0") -> dict[str, Share]:
    after = batch(top_up, asked_for(members, price, top_up), found)
    return {share.order_id: share for share in shares(after, members)}


def filled(executed: str, gross: str, fee: str = "0", **fees: str) -> BatchResult:
    elsewhere = {name: Decimal(paid) for name, paid in fees.items()}
    fill = Fill("CANCELED", Quantity(executed, "SOL"), Money(gross), Money(fee), elsewhere)
    return bought(fill, Quantity("1000", "SOL"))


# The strategy


@pytest.mark.parametrize(
    ("worth", "expected"),
    [
        ("0.01", Strategy.POOLED),
        ("9.99", Strategy.POOLED),
        ("10.00", Strategy.DIRECT),
        ("10", Strategy.DIRECT),
        ("10.01", Strategy.DIRECT),
        ("9999999999.99", Strategy.DIRECT),
    ],
)
def test_exactly_the_minimum_goes_direct_and_a_cent_below_it_is_pooled(worth: str, expected: Strategy) -> None:
    assert strategy(Money(worth), Money("10.00")) is expected


# What a member wants


def test_a_member_by_dollars_wants_what_they_buy_down_to_the_unit() -> None:
    assert member("a", "10.00").wanted(Price(3), "SOL", 4) == Quantity("3.3333", "SOL")


def test_a_member_by_quantity_never_wants_more_and_less_at_a_higher_price() -> None:
    ann = member("a", "10.00", quantity="0.1")
    wanted = [ann.wanted(Price(price), "SOL", 4).amount for price in ("80", "100", "125")]
    assert wanted == [Decimal("0.1"), Decimal("0.1"), Decimal("0.08")]


def test_a_member_with_a_max_price_wants_nothing_above_it_and_all_at_it() -> None:
    ann = member("a", "10.00", max_price="100")
    wanted = [ann.wanted(Price(price), "SOL", 4).amount for price in ("99.99", "100", "100.000001")]
    assert wanted == [Decimal("0.1000"), Decimal("0.1000"), NONE]


def test_dollars_that_do_not_buy_a_unit_want_nothing() -> None:
    assert member("a", "9.99").wanted(Price(10), "SOL", 0).amount == 0


# What the exchange is asked for


def test_a_plan_is_what_is_wanted_in_whole_lots_at_the_slippage_or_less() -> None:
    planned = asked_for([member("a", "4.00"), member("b", "3.00"), member("c", "5.55")])
    assert (planned.quantity, planned.limit_price) == (Quantity("0.125", "SOL"), Price("101"))
    assert (planned.quote, planned.precision) == (quoted("100"), 9)


def test_the_limit_is_down_to_the_price_step_and_never_above_the_slippage() -> None:
    assert asked_for([member("a", "20")], price="33.337").limit_price == Price("33.67")  # 33.67037


def test_the_desks_top_up_is_bought_too() -> None:
    assert asked_for([member("a", "4.00")], top_up="6.00").quantity == Quantity("0.1", "SOL")


@pytest.mark.parametrize("held", ["0.01", "4.95"])
def test_what_is_too_small_for_the_exchange_is_not_bought(held: str) -> None:
    planned = plan(batch(), [member("a", held)], asset(), quoted("100"), RULES)
    assert planned == nothing("SOL", "not bought: less than the exchange's smallest order")


def test_the_exchanges_smallest_order_is_reckoned_at_the_limit() -> None:
    assert asked_for([member("a", "5.00")]).quantity == Quantity("0.05", "SOL")
    exactly = replace(RULES, min_notional=Money("5.05"))
    assert asked_for([member("a", "5.00")], rules=exactly).limit_price == Price("101")
    assert isinstance(plan(batch(), [member("a", "4.99")], asset(), quoted("100"), exactly), BatchResult)


def test_a_smallest_quantity_that_is_no_multiple_of_the_step_is_kept_to() -> None:
    rules = replace(RULES, min_quantity=Decimal("0.1005"), min_notional=ZERO)
    assert isinstance(plan(batch(), [member("a", "10.09")], asset(), quoted("100"), rules), BatchResult)
    assert asked_for([member("a", "10.10")], rules=rules).quantity == Quantity("0.101", "SOL")


# Shares, by example


def test_a_worse_price_is_the_desks_loss_also_for_who_asked_by_quantity() -> None:
    """Both want 0.05 at the price of the placement, and get it; one price for all members, and the slippage is the
    desk's to bear."""
    members = [member("a", "5.00", quantity="0.05"), member("b", "4.00")]  # $100 when a has asked, $80 by now
    got = shared(members, filled("0.1", "8.08"), price="80")
    assert [str(s.allocated) for s in got.values()] == ["0.05 SOL", "0.05 SOL"]
    assert [str(s.charged) for s in got.values()] == ["4.00", "4.00"]


def test_a_unit_that_can_not_be_cut_goes_to_the_largest_remainder() -> None:
    """Of equal ones it goes to the first."""
    members = [member(name, "10") for name in "cab"]
    rules = MarketRules(Decimal(1), Decimal("0.01"), Decimal(1), ZERO)
    planned = plan(batch(), members, asset(precision=0), quoted("3"), rules)
    assert isinstance(planned, Plan)
    assert planned.quantity.amount == 9
    got = shares(batch(asked=planned, found=filled("4", "12")), members)
    assert [(s.order_id, int(s.allocated.amount), str(s.charged)) for s in got] == [
        ("a", 2, "6.00"),
        ("b", 1, "3.00"),
        ("c", 1, "3.00"),
    ]


# Largest remainder


@given(
    st.integers(0, 10**30),
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 10**30), max_size=12),
)
def test_parts_are_whole_and_sum_up_and_are_within_one_of_the_exact_ones(total: int, weights: dict[str, int]) -> None:
    parts, whole = largest_remainder(total, weights), sum(weights.values())
    assert parts.keys() == weights.keys()
    if not whole:
        assert set(parts.values()) <= {0}
        return
    assert sum(parts.values()) == total
    for name, part in parts.items():
        assert abs(part * whole - total * weights[name]) < whole
        assert weights[name] or not part
    assert parts == largest_remainder(total, dict(reversed(weights.items())))
    if total <= whole:
        assert all(part <= weights[name] for name, part in parts.items())


@given(st.integers(0, 1000), st.lists(st.integers(0, 50), min_size=2, max_size=8))
def test_who_weighs_more_never_gets_less(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, {f"{n:02}": weight for n, weight in enumerate(weights)})
    ordered = [parts[f"{n:02}"] for n in sorted(range(len(weights)), key=lambda n: weights[n])]
    gaps = [b - a for a, b in pairwise(ordered)]
    assert all(gap >= -1 for gap in gaps)  # equals differ by at most the one that could not be cut
    for lighter in range(len(weights)):
        for heavier in range(len(weights)):
            if weights[lighter] < weights[heavier]:
                assert parts[f"{lighter:02}"] <= parts[f"{heavier:02}"]


# Any batch: nothing is lost, nothing is doubled


@dataclass(frozen=True)
class Case:
    batch: Batch
    members: Sequence[Member]
    asset: Asset
    wanted: Mapping[str, Decimal]  # at the price of the plan


def units(amount: Decimal, precision: int) -> Decimal:
    """In the smallest unit, exactly."""
    return amount.scaleb(precision, EXACT)


def down(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_FLOOR))


def total(amounts: Sequence[Decimal]) -> Decimal:
    """Exactly; Python's own sum rounds at 28 digits."""
    added = NONE
    for amount in amounts:
        added = EXACT.add(added, amount)
    return added


def any_cases(chance: Random, fills: int = 1) -> Iterator[Case]:
    """A batch that is planned somehow, and filled somehow, `fills` times. `chance` may be hypothesis's, which then
    finds a small one."""

    def below(many: int) -> int:
        return int(chance.random() * many)

    precision = PRECISIONS[below(len(PRECISIONS))]
    price = Decimal(1 + below(10 ** (1 + below(8)))).scaleb(-2 * below(3))
    step = Decimal(1).scaleb(-precision + min(below(7), precision))
    asked = asset(precision, SLIPPAGES[below(len(SLIPPAGES))])
    rules = MarketRules(step, PRICE_STEPS[below(len(PRICE_STEPS))], step, ZERO)
    members = []
    for n in range(1 + below(1 + below(5))):  # mostly few
        held, quantity, max_price, kind = CENT * (1 + below(10 ** (1 + below(5)))), None, None, below(6)
        if kind == 0:  # protected, perhaps by too little
            max_price = Price(price * (90 + below(21)) / 100)
        elif kind <= 3:  # by quantity, at another price than it is bought for
            before = Price(price * (80 + below(41)) / 100)
            quantity = before.quantity_for(Money(held), "SOL", precision)
            held = before.cost_of(quantity).usd
        members.append(Member(f"P{below(10)}{n}", ANN, Money(held), quantity, max_price))
    top_up = Money(CENT * below(1000)) if below(4) == 0 else ZERO
    closed = Batch("B", "SOL", BatchStatus.CLOSED, NOON, NOON, top_up=top_up)
    planned = plan(closed, members, asked, Quote(Price(price), "test", NOON), rules)
    if isinstance(planned, BatchResult):
        yield Case(replace(closed, bought=planned), members, asked, {})
        return
    wanted = {m.order_id: m.wanted(planned.quote.price, "SOL", precision).amount for m in members}
    lots = down(ROUNDING.divide(planned.quantity.amount, step))
    for _ in range(fills):
        executed = EXACT.multiply(step, Decimal((lots, lots, lots * 37 // 100, below(lots + 1), 0)[below(5)]))
        gross = EXACT.multiply(EXACT.multiply(executed, planned.limit_price.usd_per_unit), BETTER[below(len(BETTER))])
        fee, fees, rate, paid_in = ZERO, dict[str, Decimal](), RATES[below(len(RATES))], below(5)
        if paid_in == 0:
            fees["SOL"] = EXACT.multiply(executed, rate).quantize(SATOSHI, ROUND_FLOOR, ROUNDING)
        elif paid_in == 1:
            fee = Money(EXACT.multiply(gross, rate).quantize(SATOSHI, ROUND_FLOOR, ROUNDING))
        elif paid_in == 2:
            fees["BNB"] = SATOSHI
        fill = Fill("CANCELED", Quantity(executed, "SOL"), Money(gross), fee, fees)
        yield Case(replace(closed, plan=planned, bought=bought(fill, planned.quantity)), members, asked, wanted)


def any_case(chance: Random) -> Case:
    return next(any_cases(chance))


def violations(case: Case) -> Iterator[str]:
    """Every rule of a batch, reckoned in whole units and cents and without the product's own arithmetic."""
    after, found, planned = case.batch, case.batch.bought, case.batch.plan
    assert found is not None
    got = shares(after, case.members)
    held = {m.order_id: m.held.usd for m in case.members}
    if [share.order_id for share in got] != sorted(held):
        yield "somebody is left out, or there twice"
    charged = total([share.charged.usd for share in got])
    coins = total([share.allocated.amount for share in got])
    lines = {
        part.asset_id if isinstance(part, Quantity) else "USD": part.amount if isinstance(part, Quantity) else part.usd
        for part in left_to_the_desk(after, got)
    }
    if not all(lines.values()):
        yield "a line of nothing"
    if EXACT.subtract(charged, lines.get("USD", NONE)) != EXACT.add(found.gross.usd, found.fee.usd):
        yield "the members and the desk have not paid what it cost"
    refunded = total([EXACT.subtract(held[s.order_id], s.charged.usd) for s in got])
    if EXACT.add(refunded, charged) != total(list(held.values())):
        yield "what was held is neither charged nor refunded"
    received = max(NONE, EXACT.subtract(found.executed.amount, found.fee_in_asset))
    if EXACT.add(coins, lines.get("SOL", NONE)) != received:
        yield "the members and the desk have not got what was received"
    for share in got:
        mine, paid = share.allocated.amount, share.charged.usd
        if not 0 <= paid <= held[share.order_id] or EXACT.remainder(paid, CENT):
            yield f"{share.order_id} pays {paid} of {held[share.order_id]}"
        if paid and not mine:
            yield f"{share.order_id} pays {paid} for nothing"
        if not 0 <= mine <= case.wanted.get(share.order_id, NONE):
            yield f"{share.order_id} gets {mine}"
        if planned is not None and EXACT.remainder(units(mine, planned.precision), Decimal(1)):
            yield f"{share.order_id} gets {mine}, a part of a unit"
    if planned is None:
        if coins or charged or lines:
            yield "something has come of nothing"
        return
    precision, price = planned.precision, planned.quote.price
    by_the_desk = price.quantity_for(after.top_up, "SOL", precision).amount
    if planned.quantity.amount > EXACT.add(total(list(case.wanted.values())), by_the_desk):
        yield "more is asked for than is wanted"
    if not 0 <= down(units(received, precision)) - units(coins, precision) <= units(by_the_desk, precision):
        yield "the desk keeps what could have been given"
    if found.fee == ZERO:
        # What the desk loses: the slippage, what it has got itself, a cent for each member, and where a fee in coins
        # is cut out of coarse units, one of them for each.
        limit, slip = planned.limit_price.usd_per_unit, Decimal(case.asset.slippage_max_bps) / 10_000
        own = EXACT.multiply(limit, EXACT.subtract(found.executed.amount, total([before(s, found) for s in got])))
        coarse = EXACT.multiply(limit, Decimal(1).scaleb(-precision)) if found.fee_in_asset else NONE
        bearable = EXACT.add(EXACT.multiply(total(list(held.values())), slip), own) + (CENT + coarse) * len(got) + CENT
        if -lines.get("USD", NONE) > bearable:
            yield f"the desk loses {lines}, it may lose {bearable}"


def before(share: Share, found: BatchResult) -> Decimal:
    """What was executed for a share, before the fee in coins; a little less, as it is reckoned."""
    if not share.allocated.amount:
        return NONE
    if not found.fee_in_asset:
        return share.allocated.amount
    exact = ROUNDING.divide(EXACT.multiply(share.allocated.amount, found.executed.amount), found.received.amount)
    return exact.quantize(Decimal("1E-30"), ROUND_FLOOR, ROUNDING)


def test_batches_of_every_kind_add_up_to_the_unit_and_to_the_cent() -> None:
    chance, cases = Random(4), 0
    while cases < CASES:
        for case in any_cases(chance, FILLS):
            cases += 1
            for broken in violations(case):
                raise AssertionError(f"{broken}, in case {cases}: {case}")


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_shares_do_not_depend_on_the_order_of_the_members(chance: Random) -> None:
    case = any_case(chance)
    expected = shares(case.batch, case.members)
    other = list(case.members)
    chance.shuffle(other)
    assert shares(case.batch, other) == expected == shares(case.batch, case.members[::-1])


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_share_that_is_given_already_changes_nobody_elses(chance: Random) -> None:
    case = any_case(chance)
    some = [replace(m, done=chance.randint(0, 1) == 1) for m in case.members]
    assert shares(case.batch, some) == shares(case.batch, case.members)


def filled_case(
    members: Sequence[Member], asked: Asset, price: str, rules: MarketRules, fill: Fill, executed: str
) -> Case:
    """As planned at the price; `executed`: of this share of it."""
    planned = plan(batch(), members, asked, quoted(price), rules)
    assert isinstance(planned, Plan)
    part = Quantity(down(EXACT.multiply(planned.quantity.amount, Decimal(executed))), "SOL")
    gross = Money(EXACT.multiply(part.amount, Price(price).usd_per_unit))
    found = bought(replace(fill, executed=part, gross=gross), planned.quantity)
    wanted = {m.order_id: m.wanted(Price(price), "SOL", asked.precision).amount for m in members}
    return Case(batch(asked=planned, found=found), members, asked, wanted)


@pytest.mark.parametrize("precision", [0, 18])
def test_a_thousand_members_of_one_batch_add_up(precision: int) -> None:
    chance, rules = Random(precision), MarketRules(Decimal(1), Decimal("0.0001"), Decimal(1), ZERO)
    members = [member(f"P{n:04}", f"{chance.randint(1, 999)}.{chance.randint(0, 99):02}") for n in range(1000)]
    fill = Fill("EXPIRED", Quantity(0, "SOL"), ZERO, ZERO, {"SOL": Decimal("123.45678901")})
    assert not list(violations(filled_case(members, asset(precision), "0.37", rules, fill, "0.37")))


TINY = MarketRules(Decimal(1), Decimal("1E-12"), Decimal(1), ZERO)


def test_amounts_of_more_than_twenty_eight_digits_add_up_too() -> None:
    members = [member(f"P{n:02}", f"{n + 1}.{n * 3 % 100:02}") for n in range(50)]
    fill = Fill("FULLY_EXECUTED", Quantity(0, "SOL"), ZERO, ZERO, {"SOL": Decimal("88800000.12345678")})
    assert not list(violations(filled_case(members, asset(18), "0.0000000003", TINY, fill, "1")))


def test_a_plan_of_twenty_nine_digits_is_for_no_more_than_is_wanted() -> None:
    members = [member("a", "9.50"), member("b", "9.50")]
    fine = replace(TINY, quantity_step=Decimal("1E-18"), min_quantity=Decimal("1E-18"))
    planned = plan(batch(), members, asset(18), quoted("0.0000000003"), fine)
    assert isinstance(planned, Plan)
    wanted = [m.wanted(Price("0.0000000003"), "SOL", 18).amount for m in members]
    assert planned.quantity.amount <= total(wanted)
