"""Which way a purchase goes, what a batch asks the exchange for, and who gets what of it: pure, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.catalogue.model import FEE_PRECISION, Asset, Quote
from common.domain.exchange_orders.model import Fill
from common.market import MarketRules
from common.money import CENT, EXACT, ZERO, Money, Price, Quantity
from common.owner import Owner
from functions.purchases.allocation import Share, largest_remainder, left_to_the_desk, plan, shares, why_not_all
from functions.purchases.model import (
    Batch,
    BatchResult,
    BatchStatus,
    Member,
    Plan,
    Status,
    bought,
    nothing,
)
from functions.purchases.strategy import Strategy, strategy
from tests.depth import deep
from tests.desk import NOON
from tests.purchases.any_batch import Case, any_case, asset, live, violations

BLOCK = deep(everyday=100, full=1_000)
NONE = Decimal(0)
RULES = MarketRules(Decimal("0.001"), Decimal("0.01"), Decimal("0.001"), Money(5))


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


def test_a_member_with_a_max_price_is_left_out_of_what_may_cost_more() -> None:
    """One who is alone has it as his limit."""
    ann, bob = member("a", "10.00", max_price="100.5"), member("b", "10.00")
    assert [ann.takes(Price(limit)) for limit in ("100.49", "100.5", "100.500001")] == [True, True, False]
    assert asked_for([ann, bob]).quantity == Quantity("0.1", "SOL")
    alone = asked_for([ann])
    assert (alone.quantity, alone.limit_price) == (Quantity("0.1", "SOL"), Price("100.5"))
    over = plan(batch(), [ann], asset(), quoted("100.51"), RULES)
    assert over == nothing("SOL", "not bought: the price of $100.51 is above max_price")


def test_who_closes_a_pool_with_a_limit_of_his_own_refunds_nobody() -> None:
    """$5 is the exchange's smallest order: where the others are too little without him, his limit is that of all."""
    bob, mallory, cid = (
        member("b", "4.90"),
        member("m", "5.01", max_price="100.9"),
        member("c", "4.95", max_price="100"),
    )
    together = asked_for([bob, mallory])
    assert (together.quantity, together.limit_price) == (Quantity("0.099", "SOL"), Price("100.9"))
    assert asked_for([bob, mallory, cid]).limit_price == Price("100.9")
    assert asked_for([bob, cid, member("d", "5.00")]).limit_price == Price("101")
    gone = plan(batch(), [bob, member("m", "5.01", max_price="99.99")], asset(), quoted("100"), RULES)
    without = "without those for whom the price of $100 is above max_price"
    assert gone == nothing("SOL", f"not bought: less than the exchange's smallest order {without}")


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


def test_a_worse_price_is_the_members_who_get_what_their_dollars_buy() -> None:
    """Both want 0.05 at the price of the placement. Whoever holds enough gets that, the other what $4.00 buy, and the
    desk the rest, all at what it has cost."""
    members = [member("a", "5.00", quantity="0.05"), member("b", "4.00")]  # $100 when a has asked, $80 by now
    after = batch(asked=asked_for(members, "80"), found=filled("0.1", "8.08"))
    ann, bob = shares(after, members)
    assert (str(ann.allocated), str(ann.charged)) == ("0.05 SOL", "4.04")
    assert (str(bob.allocated), str(bob.charged)) == ("0.04950495 SOL", "4.00")
    assert left_to_the_desk(after, [ann, bob]) == [Money("-0.04"), Quantity("0.00049505", "SOL")]


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


def coarse(
    members: Sequence[Member], price: str, precision: int, fee: str, step: str | None = None
) -> tuple[Batch, list[Share]]:
    """Of an asset whose unit is the exchange's step, unless said: all is executed, and the fee taken in the coin."""
    lot = Decimal(1).scaleb(-precision) if step is None else Decimal(step)
    planned = plan(batch(), members, asset(precision), quoted(price), MarketRules(lot, CENT, lot, Money(5)))
    assert isinstance(planned, Plan)
    gross = planned.quote.price.cost_of(planned.quantity)
    fill = Fill("FULLY_EXECUTED", planned.quantity, gross, ZERO, {"SOL": Decimal(fee)})
    after = batch(asked=planned, found=bought(fill, planned.quantity))
    return after, shares(after, members)


@pytest.mark.parametrize(
    ("price", "precision", "held", "fee", "got", "paid", "left"),
    [
        ("7", 0, ("8.00", "9.00"), "0.002", ("1", "0"), ("7.01", "0"), ("-6.99", "0.998")),
        ("3", 0, ("5.00", "5.90"), "0.002", ("1", "0"), ("3.01", "0"), ("-2.99", "0.998")),
        ("60", 1, ("9.00", "9.90"), "0.0002", ("0.1", "0"), ("6.01", "0"), ("-5.99", "0.0998")),
        (
            "67000",
            5,
            ("4.00", "3.00", "3.00"),
            "0.00000013",
            ("0.00004",) * 3,
            ("2.69", "2.68", "2.68"),
            ("-0.66", "0.00000987"),
        ),
        ("12", 0, ("12.00",), "0.001", ("0",), ("0",), ("-12", "0.999")),
    ],
    ids=["two", "less than half given", "tenths", "three", "nothing is left"],
)
def test_a_unit_that_a_fee_cuts_is_the_desks_and_so_is_its_cost(
    price: str,
    precision: int,
    held: Sequence[str],
    fee: str,
    got: Sequence[str],
    paid: Sequence[str],
    left: tuple[str, str],
) -> None:
    """Who gets a unit pays the price of that unit, before the fee in coins, however many dollars he holds."""
    members = [member(name, usd) for name, usd in zip("abc", held, strict=False)]
    after, shared_out = coarse(members, price, precision, fee)
    assert [share.allocated.amount for share in shared_out] == [Decimal(amount) for amount in got]
    assert [share.charged for share in shared_out] == [Money(usd) for usd in paid]
    assert left_to_the_desk(after, shared_out) == [Money(left[0]), Quantity(left[1], "SOL")]


@pytest.mark.parametrize(
    ("price", "held", "fee", "got", "paid"),
    [
        ("12", ("12.00",), "0.001", ("0.999",), ("12.00",)),
        ("7", ("8.00", "9.00"), "0.002", ("0.94023530", "1.05776470"), ("6.59", "7.41")),
    ],
    ids=["one", "two together"],
)
def test_in_the_decimals_of_a_fee_whole_lots_are_given_whole(
    price: str, held: Sequence[str], fee: str, got: Sequence[str], paid: Sequence[str]
) -> None:
    """The exchange trades whole ones. To the last decimal of what it gives, and nothing is left to the desk."""
    members = [member(name, usd) for name, usd in zip("ab", held, strict=False)]
    after, shared_out = coarse(members, price, FEE_PRECISION, fee, step="1")
    assert [share.allocated.amount for share in shared_out] == [Decimal(amount) for amount in got]
    assert [share.charged for share in shared_out] == [Money(usd) for usd in paid]
    assert left_to_the_desk(after, shared_out) == []


def test_a_fee_in_dollars_is_part_of_the_cost_also_above_the_limit() -> None:
    """The limit is $80.80: 0.1 SOL for $8.08, and the fee. By a limit at the market nobody has it paid by the desk."""
    members = [member("a", "5.00", quantity="0.05"), member("b", "5.00", quantity="0.05")]
    for gross, fee, paid in (("7.99", "0.03", "4.01"), ("8.08", "0.02", "4.05")):
        got = shared(members, filled("0.1", gross, fee=fee), price="80")
        assert [str(s.charged) for s in got.values()] == [paid, paid]
    alone = [member("a", "1000.00", max_price="100")]
    after = batch(asked=asked_for(alone), found=filled("10", "1000", fee="6"))
    (ann,) = shares(after, alone)
    assert (str(ann.charged), str(ann.allocated)) == ("1000.00", "9.940357852 SOL")
    assert left_to_the_desk(after, [ann]) == [Money("-6"), Quantity("0.059642148", "SOL")]


def test_who_can_not_pay_a_unit_at_what_it_has_cost_gets_none() -> None:
    """$7.01 would be the part of the one unit that two have bought and one would get; the desk keeps it at its cost."""
    for held, got, paid, left in (("7.00", 0, "0", "-14"), ("7.01", 1, "7.01", "-6.99")):
        members = [member("a", held), member("b", "7.00")]
        after, (ann, bob) = coarse(members, "7", 0, "0.002")
        assert (ann.allocated.amount, ann.charged, bob.charged) == (Decimal(got), Money(paid), ZERO)
        assert left_to_the_desk(after, [ann, bob]) == [Money(left), Quantity(Decimal("1.998") - got, "SOL")]


@pytest.mark.parametrize(("rebate", "paid"), [("-0.10", ["3.96", "5.94"]), ("-11", ["0.00", "0.00"])])
def test_a_rebate_in_dollars_is_the_members(rebate: str, paid: list[str]) -> None:
    """As far as they pay anything."""
    got = shared([member("a", "4"), member("b", "6")], filled("0.1", "10", fee=rebate))
    assert [str(s.charged) for s in got.values()] == paid


def test_a_rebate_in_the_coin_gives_nobody_more_than_he_wants() -> None:
    """It fills up what a partial fill has left open; the rest is the desk's, with its cost."""
    members = [member("a", "4"), member("b", "6")]
    part = shared(members, filled("0.05", "5", SOL="-0.0005"))
    assert [(str(s.allocated), str(s.charged)) for s in part.values()] == [
        ("0.0202 SOL", "2.00"),
        ("0.0303 SOL", "3.00"),
    ]
    after = batch(asked=asked_for(members), found=filled("0.1", "10", SOL="-0.001"))
    got = shares(after, members)
    assert [(str(s.allocated), str(s.charged)) for s in got] == [("0.04 SOL", "3.96"), ("0.06 SOL", "5.95")]
    assert left_to_the_desk(after, got) == [Money("-0.09"), Quantity("0.001", "SOL")]


def test_whose_dollars_do_not_buy_a_unit_any_more_is_told_so() -> None:
    """Another gets one: the price has risen since both have asked."""
    members = [member("a", "9.00"), member("b", "11.00")]
    after, (ann, bob) = coarse(members, "10", 0, "0")
    assert (ann.status, bob.status) == (Status.FAILED, Status.COMPLETED)
    assert why_not_all(members[0], ann, after) == "not bought: $9.00 does not buy the smallest unit of SOL at $10"
    assert why_not_all(members[1], bob, after) is None


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


# Any batch: nothing is lost, nothing is doubled, nobody pays above the price of his part; `any_batch` plays more


@pytest.mark.parametrize("block", range(10))
def test_of_random_batches_nobody_pays_above_the_price_of_his_part(block: int) -> None:
    """To the cent up; and they add up to the unit and to the cent."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_shares_do_not_depend_on_the_order_of_the_members(chance: Random) -> None:
    case = any_case(chance)
    expected = shares(case.batch, case.members)
    other = list(case.members)
    chance.shuffle(other)
    assert shares(case.batch, other) == expected == shares(case.batch, case.members[::-1])


@settings(max_examples=200)
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
    part = Quantity(int(EXACT.multiply(planned.quantity.amount, Decimal(executed))), "SOL")
    gross = Money(EXACT.multiply(part.amount, Price(price).usd_per_unit))
    found = bought(replace(fill, executed=part, gross=gross), planned.quantity)
    return Case(batch(asked=planned, found=found), members, asked)


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
    first, second = (m.wanted(Price("0.0000000003"), "SOL", 18) for m in members)
    assert planned.quantity.amount <= (first + second).amount
