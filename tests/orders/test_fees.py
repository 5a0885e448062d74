"""The desk's fee of an instant trade: by the customer's tier, beside the spread, kept where an order or quote waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import cycle
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.catalogue.model import AboveMaximum, BelowMinimum, PriceMoved
from common.domain.fees import FEE_BPS_MAX, Fees, Tier
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AccountMoved, AccountNotFound, InsufficientFunds
from common.domain.proposals.model import ProposalDecided
from common.errors import Unavailable
from common.money import CENT, ZERO, Money, Price
from common.owner import Owner
from common.table.transaction import Busy
from functions.operations.model import NothingKnown, NotProposable
from functions.orders.model import FeeTakesAll, Order, Side, Status, Terms
from functions.orders.quotes import FirmQuote
from tests.depth import deep
from tests.desk import Desk
from tests.doors import opened
from tests.harness.interleave import at_random
from tests.harness.meter import Cost, Meter
from tests.operations.drifts import get
from tests.operations.test_moves import ANEW, moved
from tests.orders.test_contention import insisting, shared
from tests.seen import around, dollars

STANDARD = {"S": "STANDARD"}
BY_TIER = {Tier.STANDARD: 50, Tier.SILVER: 30, Tier.GOLD: 10}
TWO = Terms("BTC", Side.BUY, quantity=Decimal(2))


def listed(desk: Desk, price: str = "100", **rules: object) -> None:
    desk.list_asset("BTC", price, **{"fees_bps": BY_TIER, **rules})


def promoted(desk: Desk, owner: Owner, tier: Tier = Tier.GOLD) -> None:
    desk.set_tier(owner.username, tier)


def in_gold(desk: Desk) -> Owner:
    listed(desk)
    ann = desk.customer(usd="1000.00")
    promoted(desk, ann)
    return ann


def came_to(order: Order) -> tuple[str, str]:
    return str(order.total_amount), str(order.fee)


def metered(desk: Desk, act: Callable[[], object]) -> Cost:
    """In a warm function, which has the catalogue."""
    desk.catalogue_is_cached()
    desk.catalogue.listings()
    with Meter(desk.dynamo).measure() as cost:
        act()
    return cost


# What is paid


@pytest.mark.parametrize(
    ("tier", "bought", "sold"),
    [
        (Tier.STANDARD, ("201.00", "1.00"), ("199.00", "1.00")),
        (Tier.SILVER, ("200.60", "0.60"), ("199.40", "0.60")),
        (Tier.GOLD, ("200.20", "0.20"), ("199.80", "0.20")),
    ],
)
def test_each_tier_pays_its_own_fee(desk: Desk, tier: Tier, bought: tuple[str, str], sold: tuple[str, str]) -> None:
    """On top of what is bought, and off what is sold."""
    listed(desk)
    ann = desk.customer(usd="1000.00")
    promoted(desk, ann, tier)
    assert came_to(desk.buy(ann, "2")) == bought
    assert came_to(desk.sell(ann, "2")) == sold
    assert dollars(desk, ann)[0] == Money(1000) - Money(bought[0]) + Money(sold[0])
    desk.check()


def test_without_fees_nothing_is_taken(desk: Desk) -> None:
    ann = desk.customer()
    assert came_to(desk.buy(ann, "1")) == came_to(desk.sell(ann, "1")) == ("100.00", "0.00")


def test_a_tier_that_no_fee_names_pays_the_standard_one(desk: Desk) -> None:
    listed(desk, fees_bps={Tier.STANDARD: 50, Tier.GOLD: 0})
    ann = desk.customer()
    promoted(desk, ann, Tier.SILVER)
    assert came_to(desk.buy(ann, "2")) == ("201.00", "1.00")
    promoted(desk, ann, Tier.GOLD)
    assert came_to(desk.buy(ann, "2")) == ("200.00", "0.00")
    assert Fees().of(Tier.GOLD) == 0


def test_the_fee_is_beside_the_spread(desk: Desk) -> None:
    listed(desk, spread_bps=100)
    ann = desk.customer()
    order = desk.buy(ann, "2")
    assert (order.price_per_unit, *came_to(order)) == (Price("100.5"), "202.01", "1.01")
    desk.check()


def test_the_fee_is_part_of_what_coins_cost_and_of_the_gain(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer()
    desk.buy(ann, "2")
    assert desk.orders.holding(ann, "BTC").cost_basis == Money("201.00")
    desk.sell(ann, "2")
    assert desk.orders.holding(ann, "BTC").realised_gain == Money("-2.00")
    assert desk.reconciliation.reconcile("ann").differences == []


def test_a_quote_amount_is_spent_with_the_fee_and_got_after_it(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer()
    spent = desk.orders.place(ann, "b", Terms("BTC", Side.BUY, quote_amount=Money(100))).made
    assert (*came_to(spent), str(spent.quantity)) == ("100.00", "0.50", "0.995 BTC")
    got = desk.orders.place(ann, "s", Terms("BTC", Side.SELL, quote_amount=Money(50))).made
    assert came_to(got) == ("50.00", "0.26")
    desk.check()


def test_bounds_and_protection_are_without_the_fee(desk: Desk) -> None:
    listed(desk, max_notional="200", min_notional="100")
    ann = desk.customer()
    assert came_to(desk.buy(ann, "2", max_price=Price(100)))[0] == "201.00"
    assert came_to(desk.sell(ann, "1", min_price=Price(100)))[0] == "99.50"
    with pytest.raises(PriceMoved):
        desk.buy(ann, "1", max_price=Price("99.99"))
    with pytest.raises(AboveMaximum):
        desk.buy(ann, "2.0001")
    with pytest.raises(BelowMinimum):
        desk.sell(ann, "0.9999")


def test_who_has_what_the_coins_cost_and_not_the_fee_buys_nothing(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer(usd="200.99")
    with pytest.raises(InsufficientFunds) as refused:
        desk.buy(ann, "2")
    assert refused.value.facts == {"needed_usd": "201.00", "free_usd": "200.99"}
    assert dollars(desk, ann) == (Money("200.99"), ZERO)
    desk.accounts.deposit(ann, "a cent", Money("0.01"))
    desk.buy(ann, "2")
    assert dollars(desk, ann) == (ZERO, ZERO)


def test_a_sale_of_which_the_fee_takes_all_is_refused(desk: Desk) -> None:
    """Dust of a cent: of two cents one is left."""
    listed(desk, min_notional="0.01", fees_bps={Tier.STANDARD: 1})
    ann = desk.customer()
    desk.buy(ann, "1")
    before = dollars(desk, ann)
    for price in ({}, {"order_price": "100"}):
        with pytest.raises(FeeTakesAll) as refused:
            desk.sell(ann, "0.0001", **price)
        assert refused.value.facts == {"fee_usd": "0.01"}
    with pytest.raises(FeeTakesAll):
        desk.orders.quote(ann, "q", Terms("BTC", Side.SELL, quantity=Decimal("0.0001")))
    assert dollars(desk, ann) == before
    assert came_to(desk.sell(ann, "0.0002")) == ("0.01", "0.01")
    assert came_to(desk.buy(ann, "0.0001")) == ("0.02", "0.01")
    desk.check()


def test_what_only_the_standard_fee_would_refuse_is_not_refused(desk: Desk) -> None:
    """The tier is guessed when an order is made out; what is refused then is looked at with the right one."""
    listed(desk, min_notional="0.01", fees_bps={Tier.STANDARD: 50, Tier.GOLD: 0})
    ann = desk.customer()
    promoted(desk, ann)
    desk.buy(ann, "1")
    assert came_to(desk.sell(ann, "0.0001")) == ("0.01", "0.00")
    listed(desk, min_notional="99.9", fees_bps={Tier.STANDARD: 50, Tier.GOLD: 0})
    asked = Terms("BTC", Side.BUY, quote_amount=Money(100))
    assert came_to(desk.orders.place(ann, "k", asked).made) == ("100.00", "0.00")
    assert desk.orders.quote(ann, "q", asked).made.fee == ZERO
    promoted(desk, ann, Tier.STANDARD)
    with pytest.raises(BelowMinimum):
        desk.orders.place(ann, "k2", asked)
    with pytest.raises(BelowMinimum):
        desk.orders.place(Owner("nobody", "sub"), "k", asked)


# What it costs to know the tier


def test_who_is_of_the_standard_tier_buys_in_one_request(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer()
    desk.buy(ann, "1")
    cost = metered(desk, lambda: desk.buy(ann, "1"))
    assert (cost.requests, cost.write_units, cost.read_units) == (1, Decimal(10), Decimal(0))


def test_who_is_of_another_tier_buys_in_two_requests(desk: Desk) -> None:
    ann = in_gold(desk)
    desk.buy(ann, "1")
    assert metered(desk, lambda: desk.buy(ann, "1")).requests == 2


def test_where_all_tiers_pay_the_same_nobody_asks_for_the_tier(desk: Desk) -> None:
    ann = in_gold(desk)
    listed(desk, fees_bps={Tier.STANDARD: 50})
    assert came_to(desk.buy(ann, "2")) == ("201.00", "1.00")
    assert metered(desk, lambda: desk.buy(ann, "2")).requests == 1


# Limit orders


def test_a_limit_order_holds_its_fee_and_gives_back_what_it_does_not_need(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer(usd="1000.00")
    bid = desk.buy(ann, "2", order_price="90")
    assert (bid.hold, bid.fee_bps, bid.fee) == (Money("180.90"), 50, None)
    assert dollars(desk, ann) == (Money("819.10"), Money("180.90"))
    desk.check()
    desk.mark("BTC", "80")
    assert desk.match() == 1
    filled = desk.orders.order(ann, bid.order_id)
    assert came_to(filled) == ("160.80", "0.80")
    assert dollars(desk, ann) == (Money("839.20"), ZERO)
    desk.check()


def test_a_limit_sale_gets_what_is_left_after_its_fee(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    ask = desk.sell(ann, "2", order_price="110")
    desk.mark("BTC", "120")
    assert desk.match() == 1
    assert came_to(desk.orders.order(ann, ask.order_id)) == ("238.80", "1.20")
    desk.check()


@pytest.mark.parametrize("end", ["cancel", "expire", "fail"])
def test_what_ends_a_limit_order_gives_the_held_fee_back(desk: Desk, end: str) -> None:
    listed(desk)
    ann = desk.customer(usd="1000.00")
    bid = desk.buy(ann, "2", order_price="90")
    if end == "cancel":
        desk.orders.cancel(ann, bid.order_id)
    elif end == "fail":
        desk.orders.fail(bid.order_id, "delisted", "olga", dry_run=False)
    else:
        desk.clock.forward(days=31)
        desk.expire()
    assert desk.orders.order(ann, bid.order_id).status in (Status.CANCELLED, Status.FAILED)
    assert dollars(desk, ann) == (Money(1000), ZERO)
    desk.check()


@pytest.mark.parametrize("side", list(Side))
def test_a_limit_order_keeps_the_fee_that_it_was_accepted_with(desk: Desk, side: Side) -> None:
    """Neither another tier nor another rule of the asset changes it; the next order pays by them."""
    ann = in_gold(desk)
    desk.buy(ann, "4")
    order = desk.place(ann, side, "1", order_price="100").made
    promoted(desk, ann, Tier.STANDARD)
    listed(desk, fees_bps={Tier.STANDARD: 900})
    assert desk.match() == 1
    assert desk.orders.order(ann, order.order_id).fee == Money("0.10")
    assert desk.buy(ann, "1").fee == Money("9.00")
    desk.check()


@pytest.mark.parametrize(("tier", "fee"), [(Tier.STANDARD, "0.50"), (Tier.GOLD, "0.10")])
@pytest.mark.parametrize("side", list(Side))
def test_a_limit_order_pays_the_fee_of_its_customers_tier(desk: Desk, side: Side, tier: Tier, fee: str) -> None:
    listed(desk)
    ann = desk.customer()
    desk.buy(ann, "2")
    promoted(desk, ann, tier)
    order = desk.place(ann, side, "1", order_price="100").made
    assert desk.match() == 1
    assert desk.orders.order(ann, order.order_id).fee == Money(fee)
    desk.check()


def test_the_fee_is_not_in_a_limit_price(desk: Desk) -> None:
    """A buyer whose limit is the price gets it: it is the price that crosses, and not what he pays."""
    listed(desk)
    ann = desk.customer()
    desk.buy(ann, "1", order_price="100")
    assert desk.match() == 1


# Quotes


def test_a_quote_has_the_fee_in_it_whatever_becomes_of_tier_and_rules(desk: Desk) -> None:
    ann = in_gold(desk)
    quote = desk.orders.quote(ann, "q", TWO).made
    assert (quote.total_amount, quote.fee, quote.fee_bps) == (Money("200.20"), Money("0.20"), 10)
    promoted(desk, ann, Tier.STANDARD)
    listed(desk, fees_bps={Tier.STANDARD: 900})
    order = desk.orders.place(ann, "k", replace(TWO, quote_id=quote.quote_id)).made
    assert (*came_to(order), order.fee_bps) == ("200.20", "0.20", 10)
    assert desk.orders.place(ann, "k", replace(TWO, quote_id=quote.quote_id)).made == order
    desk.check()


def test_a_sale_at_a_quote_gets_what_was_promised_after_the_fee(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer()
    desk.buy(ann, "2")
    asked = replace(TWO, order_type=Side.SELL)
    quote = desk.orders.quote(ann, "q", asked).made
    order = desk.orders.place(ann, "k", replace(asked, quote_id=quote.quote_id)).made
    assert came_to(order) == (str(quote.total_amount), str(quote.fee)) == ("199.00", "1.00")
    desk.check()


# A tier that is changed meanwhile


@pytest.mark.parametrize("seed", range(deep(6, 200)))
def test_every_order_pays_the_fee_of_the_tier_at_its_write(seed: int) -> None:
    """Operators promote and demote while orders of all kinds are placed. The tier that stood on the balance when it was
    written is told by the writes themselves."""
    desk, interleaver = shared(at_random(seed))
    listed(desk, price_age_max_seconds=86_400)
    ann = desk.customer(usd="100000.00")
    desk.buy(ann, "50")
    quotes: list[FirmQuote] = []
    orders: list[Order] = []
    written: dict[str, int] = {}

    def see(_: object) -> None:
        items = desk.dynamo.items()
        tier = next(item.get("tier", STANDARD)["S"] for item in items if item["SK"] == {"S": "BALANCE"})
        new = [item["PK"]["S"] for item in items if item["entity_type"]["S"] in ("order", "quote")]
        written.update((thing, BY_TIER[Tier(tier)]) for thing in new if thing not in written)

    desk.dynamo.observers.append(see)

    def trade(n: int) -> None:
        for i in range(4):
            side = ("BUY", "SELL")[(n + i) % 2]
            price = ({}, {"order_price": "100"})[i // 2]
            orders.append(insisting(partial(desk.place, ann, side, "1", key=f"{n}-{i}", **price)).made)
        quotes.append(desk.orders.quote(ann, f"q{n}", TWO).made)

    def operate(n: int) -> None:
        chance = Random(seed + n)
        for _ in range(4):
            with suppress(NotProposable, ProposalDecided, Unavailable):
                promoted(desk, ann, chance.choice(list(Tier)))

    acts = [*(partial(trade, n) for n in range(3)), *(partial(operate, n) for n in range(2))]
    for outcome in interleaver.run(*acts):
        outcome.result()
    told = {order.order_id: order.fee_bps for order in orders} | {q.quote_id: q.fee_bps for q in quotes}
    assert len(told) == 15
    assert told.items() <= written.items()
    desk.check()


def test_while_a_tier_is_changed_without_end_nothing_is_written(desk: Desk) -> None:
    ann = in_gold(desk)
    tiers = cycle([Tier.STANDARD, Tier.GOLD, Tier.SILVER])

    def write(real: Callable[..., Any], **request: Any) -> Any:
        if "quantity" in repr(request):
            promoted(Desk(desk.dynamo, desk.clock), ann, next(tiers))
            promoted(Desk(desk.dynamo, desk.clock), ann, next(tiers))
        return real(**request)

    desk.client = around(desk.dynamo, transact_write_items=write)
    with pytest.raises(Busy):
        desk.buy(ann, "1")
    with pytest.raises(Busy):
        desk.orders.quote(ann, "q", TWO)
    desk.client = None
    assert dollars(desk, ann) == (Money(1000), ZERO)
    assert came_to(desk.buy(ann, "1"))[0] in ("100.50", "100.30", "100.10")


def test_a_moved_account_keeps_its_tier(desk: Desk) -> None:
    ann = in_gold(desk)
    moved(desk)
    assert came_to(desk.buy(ANEW, "2")) == ("200.20", "0.20")
    with pytest.raises(AccountNotFound):
        desk.buy(ann, "2")


# Operators


def test_operators_say_whose_fees_a_customer_pays(desk: Desk) -> None:
    listed(desk)
    ann = desk.customer()
    act, gold = desk.proposals.propose, {"tier": "GOLD"}
    told = act("users tier", "ann", gold, None, "volume", "olga", dry_run=True)
    assert (told.before, told.after, told.done) == (None, "PROPOSED", False)
    proposed = act("users tier", "ann", gold, None, "volume", "olga", dry_run=False)
    assert desk.accounts.balance(ann).tier is Tier.STANDARD
    assert desk.proposals.confirm(proposed.id, "so it was", "otto", dry_run=False).done
    assert not act("users tier", "ann", gold, None, "volume", "olga", dry_run=False).done
    assert desk.accounts.balance(ann).tier is Tier.GOLD
    assert desk.set_tier("ann", Tier.STANDARD).done
    assert "tier" not in get(desk, "ann", "BALANCE")
    entries = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert [(e.operator, e.action) for e in entries] == [
        ("oleg", "proposals confirm"),
        ("olga", "users tier"),
        ("otto", "proposals confirm"),
        ("olga", "users tier"),
    ]
    with pytest.raises(NothingKnown):
        desk.set_tier("nobody", Tier.GOLD)


def test_of_two_operators_at_once_one_has_changed_the_tier(desk: Desk) -> None:
    ann = desk.customer()
    writes = [ledger.set_tier(ann, Tier.STANDARD, tier, desk.clock()) for tier in (Tier.GOLD, Tier.SILVER)]
    desk.table.write(writes[0])
    with pytest.raises(AccountMoved):
        desk.table.write(writes[1])
    assert desk.accounts.balance(ann).tier is Tier.GOLD


def test_over_http_the_fee_is_told_wherever_the_trade_is(desk: Desk) -> None:
    listed(desk)
    desk.customer()
    with opened(desk) as doors:
        ann, olga = doors.customer(), doors.operator()
        because = {"reason": "volume of March"}
        assert ann.get("/assets/BTC").json["fees_bps"] == {"STANDARD": 50, "SILVER": 30, "GOLD": 10}
        assert ann.get("/balance").json["tier"] == "STANDARD"
        assert doors.confirmed(olga.post("/operations/users/ann/tier", {"tier": "GOLD", **because})).json["done"]
        assert ann.post("/operations/users/ann/tier", {"tier": "GOLD", **because}).status == 403
        assert ann.get("/balance").json["tier"] == "GOLD"
        asked = {"asset_id": "BTC", "order_type": "BUY", "quantity": "2"}
        quote = ann.post("/quotes", asked, key="q").json
        assert (quote["total_amount"], quote["fee_amount"], quote["fee_bps"]) == ("200.20", "0.20", 10)
        order = ann.post("/orders", asked, key="k").json
        assert (order["total_amount"], order["fee_amount"], order["fee_bps"]) == ("200.20", "0.20", 10)
        pending = ann.post("/orders", {**asked, "order_price": "90"}, key="p").json
        assert (pending["held_amount"], pending["fee_amount"], pending["fee_bps"]) == ("180.18", None, 10)
        lists = [ann.get(path).json["items"] for path in ("/orders", "/assets/BTC/transactions")]
        assert [[item["fee_amount"] for item in items] for items in lists] == [[None, "0.20"], ["0.20"]]
        stated = ann.get("/statements").json["items"]
        assert [(line["transaction_type"], line["fee_amount"]) for line in stated] == [
            ("DEPOSIT", None),
            ("BUY", "0.20"),
        ]
        (bought,) = [line for line in ann.get("/statements.csv").text.splitlines() if ",BUY," in line]
        assert bought.endswith(",0.20")
        rules = olga.patch("/operations/catalogue/BTC", {"fees_bps": {"GOLD": 20}, **because}).json
        fees = "fees_bps from STANDARD 50 / SILVER 30 / GOLD 10 to STANDARD 50 / SILVER 30 / GOLD 20"
        assert rules["says"] == f"another operator than olga confirms it; then it is traded by other rules: {fees}"
        for impossible in ({"GOLD": FEE_BPS_MAX + 1}, {"GOLD": -1}, {"BRONZE": 1}, {"GOLD": "1"}):
            assert olga.patch("/operations/catalogue/BTC", {"fees_bps": impossible, **because}).status == 422


# Arithmetic

CENTS = st.integers(0, 10**15).map(lambda cents: Money(Decimal(cents).scaleb(-2)))
RATES = st.integers(0, FEE_BPS_MAX)


@given(CENTS, RATES)
def test_a_fee_is_rounded_up_to_the_cent_and_never_more_than_there_is(amount: Money, bps: int) -> None:
    fee, exact = amount.fee(bps), Fraction(amount.usd) * bps / 10_000
    assert 0 <= Fraction(fee.usd) - exact < Fraction(CENT)
    assert fee <= amount
    assert fee.usd == fee.usd.quantize(CENT)
    assert (fee == ZERO) == (exact == 0)


@given(CENTS, RATES)
def test_a_larger_trade_never_leaves_less_after_its_fee(amount: Money, bps: int) -> None:
    """So a limit order that fills at a better price is never refused for its fee, nor beyond its hold."""
    more = amount + Money(CENT)
    assert amount - amount.fee(bps) <= more - more.fee(bps)
    assert amount + amount.fee(bps) < more + more.fee(bps)


@given(CENTS, RATES)
def test_what_is_bought_or_sold_for_an_amount_is_the_best_that_its_fee_allows(amount: Money, bps: int) -> None:
    cent = Money(CENT)
    within = amount.before_fee_on_top(bps)
    assert within + within.fee(bps) <= amount < within + cent + (within + cent).fee(bps)
    enough = amount.before_fee_off(bps)
    assert enough - enough.fee(bps) >= amount
    if enough > ZERO:
        assert enough - cent - (enough - cent).fee(bps) < amount
