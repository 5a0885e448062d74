"""A purchase is asked for, pooled or not, looked at, and cancelled: what is refused, and what a repeat gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.domain import pools
from common.domain.catalogue.model import (
    AboveMaximum,
    AmountTooLarge,
    AssetInactive,
    AssetNotFound,
    BelowMinimum,
    ContradictoryTerms,
    Execution,
    PrecisionExceeded,
    PriceMoved,
    PriceUnavailable,
)
from common.domain.ledger.model import AccountNotFound, InsufficientFunds
from common.errors import Refusal
from common.idempotency import IdempotencyKeyReused
from common.money import ZERO, Money, Price, Quantity
from common.owner import Owner
from common.table.transaction import Busy
from functions.purchases.model import (
    AmountTooSmall,
    BoughtHere,
    Pool,
    Purchase,
    PurchaseNotFound,
    PurchaseNotPending,
    Status,
    Terms,
    shard_of,
)
from functions.purchases.service.pooling import JOIN_TRIES_MAX
from functions.purchases.strategy import Strategy
from tests.desk import Desk
from tests.harness.errors import client_error
from tests.operations.test_operations import Unreachable
from tests.seen import around, at_the_exchange, before_next_write, dollars, executions, moves, raw


@contextmanager
def refused(desk: Desk, kind: type[Refusal]) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """The block is refused so, and nothing has come of it."""
    before = desk.dynamo.items()
    with pytest.raises(kind) as told:
        yield told
    assert type(told.value) is kind
    assert desk.dynamo.items() == before


def look(desk: Desk, purchase: Purchase) -> Purchase:
    return desk.purchases.purchase(purchase.owner, purchase.order_id)


def coins(desk: Desk, owner: Owner, asset_id: str = "SOL") -> Decimal:
    _, holdings = desk.orders.holdings(owner)
    return sum((h.whole.amount for h in holdings if h.asset_id == asset_id), Decimal(0))


def pool(desk: Desk, asset_id: str = "SOL", shard: int = 0) -> Pool:
    (state,) = [state for state in desk.purchases.pools() if state.asset.asset_id == asset_id]
    return state.shards[shard]


def batches(desk: Desk) -> list[str]:
    return [item["PK"]["S"] for item in desk.dynamo.items() if item["entity_type"]["S"] == "batch"]


def lose_next_answer(desk: Desk) -> None:
    """The table does the next write, and its answer is lost."""
    answers = iter([client_error("InternalServerError", "lost", "TransactWriteItems")])

    def write(real: Callable[..., Any], **request: Any) -> Any:
        done = real(**request)
        for lost in answers:
            raise lost
        return done

    desk.client = around(desk.dynamo, transact_write_items=write)


# Alone


def test_what_is_worth_the_minimum_is_bought_at_once_and_alone(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "10.00")
    assert (asked.strategy, asked.status, asked.held) == (Strategy.DIRECT, Status.PENDING, Money(10))
    assert (asked.shard, asked.expires_at) == (None, None)
    assert dollars(desk, ann) == (Money(990), Money(10))
    desk.run()
    done = look(desk, asked)
    assert (done.status, done.executed, done.total_amount) == (Status.COMPLETED, Quantity("0.0999", "SOL"), Money(10))
    assert (dollars(desk, ann), coins(desk, ann)) == ((Money(990), ZERO), Decimal("0.0999"))
    (placed,) = at_the_exchange(desk)
    assert (placed.quantity, placed.price) == (Decimal("0.1"), Decimal(101))


def test_by_quantity_the_dollars_for_it_are_held_up_to_the_cent(desk: Desk, ann: Owner) -> None:
    desk.mark("SOL", "33.333")
    asked = desk.purchase(ann, quantity="1.00001")
    assert (asked.held, asked.quantity, asked.quote_amount) == (Money("33.34"), Quantity("1.00001", "SOL"), None)
    assert dollars(desk, ann) == (Money("966.66"), Money("33.34"))


def test_by_dollars_the_quantity_is_what_they_would_buy(desk: Desk, ann: Owner) -> None:
    desk.mark("SOL", "33.333")
    asked = desk.purchase(ann, "20.00")
    assert (asked.quantity, asked.quote_amount) == (Quantity("0.600006000", "SOL"), Money(20))
    assert (asked.quote.price, asked.quote.source) == (Price("33.333"), "test")


def test_what_is_not_spent_of_what_was_held_goes_back_to_the_cent(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_sells()
    desk.world.ask("99.37", "1000")
    asked = desk.purchase(ann, quantity="0.123")
    desk.run()
    done = look(desk, asked)
    assert (asked.held, done.total_amount) == (Money("12.30"), Money("12.23"))  # 12.22251, up to the cent
    assert dollars(desk, ann) == (Money("987.77"), ZERO)


def test_the_journal_has_what_was_bought_at_what_was_paid(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "50.00")
    desk.run()
    (line,) = (move.line for move in desk.orders.history(ann, "SOL", since=None, until=None, limit=5, after=None).items)
    assert (line.order_id, line.quantity, line.total_amount) == (asked.order_id, Quantity("0.4995", "SOL"), Money(50))
    assert str(line.price_per_unit) == "100.1001001001001001"
    _, holdings = desk.orders.holdings(ann)
    assert [(h.asset_id, h.cost_basis) for h in holdings] == [("SOL", Money(50))]


def test_a_direct_purchase_is_bought_at_the_price_that_was_told(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "100.00")
    desk.mark("SOL", "110")
    desk.run()
    assert look(desk, asked).status is Status.COMPLETED
    (placed,) = at_the_exchange(desk)
    assert (placed.quantity, placed.price) == (Decimal(1), Decimal(101))


def test_a_price_that_was_told_too_long_ago_is_not_bought_at(desk: Desk, ann: Owner) -> None:
    desk.world.client = Unreachable()
    asked = desk.purchase(ann, "99.50")
    desk.world.client = desk.world.machines
    desk.clock.forward(seconds=121)
    desk.mark("SOL", "99.50")
    desk.run()
    (placed,) = at_the_exchange(desk)
    assert (placed.quantity, placed.price) == (Decimal(1), Decimal("100.49"))
    assert look(desk, asked).total_amount == Money("99.50")  # it cost 100


def test_a_purchase_tells_its_moves(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "10.00")
    desk.run()
    assert moves(desk, asked.order_id) == [(None, "PENDING"), ("PENDING", "COMPLETED")]
    assert moves(desk, asked.batch_id) == [
        (None, "CLOSED"),
        ("CLOSED", "PLACED"),
        ("PLACED", "WORKING"),
        ("WORKING", "DECIDED"),
        ("DECIDED", "ALLOCATED"),
    ]


# In a pool


def test_four_three_and_five_dollars_become_one_order_of_exact_parts(
    desk: Desk, ann: Owner, bob: Owner, cid: Owner
) -> None:
    asked = [desk.purchase(owner, usd) for owner, usd in ((ann, "4"), (bob, "3"))]
    assert {p.strategy for p in asked} == {Strategy.POOLED}
    assert (pool(desk).total, pool(desk).members, at_the_exchange(desk)) == (Money(7), 2, [])
    asked.append(desk.purchase(cid, "5"))
    assert len({p.batch_id for p in asked}) == 1
    assert (pool(desk).total, pool(desk).members, pool(desk).generation) == (ZERO, 0, 2)
    desk.run()
    (placed,) = at_the_exchange(desk)
    assert placed.quantity == Decimal("0.12")
    assert [look(desk, p).executed for p in asked] == [
        Quantity("0.03996", "SOL"),
        Quantity("0.02997", "SOL"),
        Quantity("0.04995", "SOL"),
    ]
    assert [look(desk, p).total_amount for p in asked] == [Money(4), Money(3), Money(5)]


def test_a_pool_waits_for_its_deadline_from_its_first_member_on(desk: Desk, ann: Owner, bob: Owner) -> None:
    first = desk.purchase(ann, "4")
    desk.clock.forward(hours=5)
    desk.mark("SOL", "100")
    second = desk.purchase(bob, "4")
    assert first.expires_at == first.created_at + timedelta(hours=24)
    assert second.expires_at == first.expires_at == pool(desk).due_at


@pytest.mark.parametrize(("last", "closes"), [("5.99", False), ("6.00", True), ("6.01", True)])
def test_a_pool_closes_with_exactly_the_minimum_and_not_a_cent_below(
    desk: Desk, ann: Owner, bob: Owner, last: str, closes: bool
) -> None:
    first, second = desk.purchase(ann, "4"), desk.purchase(bob, last)
    assert first.batch_id == second.batch_id == pools.batch_id("SOL", 0, 1)
    assert batches(desk) == ([first.batch_id] if closes else [])
    assert pool(desk).generation == (2 if closes else 1)


def test_one_customer_may_be_in_a_pool_several_times(desk: Desk, ann: Owner) -> None:
    asked = [desk.purchase(ann, "3.34") for _ in range(3)]
    desk.run()
    assert {look(desk, p).status for p in asked} == {Status.COMPLETED}
    assert coins(desk, ann) == Decimal("0.0999")  # of a lot of 0.1
    assert dollars(desk, ann)[1] == ZERO


def test_assets_never_meet_in_a_pool(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.list_exchange_asset("BTC")
    sol, btc = desk.purchase(ann, "6"), desk.purchase(bob, "6", asset_id="BTC")
    assert sol.batch_id != btc.batch_id
    assert (pool(desk).total, pool(desk, "BTC").total, batches(desk)) == (Money(6), Money(6), [])
    desk.purchase(bob, "6")
    assert batches(desk) == [sol.batch_id]
    assert pool(desk, "BTC").members == 1
    desk.run()


def test_a_hot_pool_has_shards_each_of_which_fills_by_itself(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(pool_shards=4)
    asked = [desk.purchase(ann, "4") for _ in range(24)]
    assert {p.shard for p in asked} == {0, 1, 2, 3}
    for p in asked:
        assert p.shard == shard_of(p.order_id, 4)
        assert p.batch_id == pools.batch_id("SOL", p.shard, p.generation or 0)
    members = [sum(p.shard == n for p in asked) for n in range(4)]
    assert [pool(desk, shard=n).members for n in range(4)] == [count % 3 for count in members]
    assert len(batches(desk)) == sum(count // 3 for count in members)
    desk.run()


def test_shards_that_an_asset_has_no_more_expire_at_their_deadline(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(pool_shards=4)
    asked = next(p for p in (desk.purchase(ann, "1") for _ in range(50)) if p.shard == 3)
    desk.list_exchange_asset(pool_shards=1)
    desk.clock.forward(hours=25)
    desk.close_pools()
    desk.run()
    assert look(desk, asked).status is Status.FAILED
    assert dollars(desk, ann) == (Money(1000), ZERO)


def test_joining_is_one_read_and_one_write(desk: Desk, ann: Owner) -> None:
    desk.catalogue_is_cached()
    desk.purchase(ann, "1")
    for usd in ("1", "9"):
        asked: list[str] = []
        desk.dynamo.observers[:] = [lambda used: asked.append(used.operation)]  # noqa: B023
        desk.purchase(ann, usd)
        assert [name for name in asked if name != "Query"] == ["GetItem", "TransactWriteItems"]
    desk.dynamo.observers.clear()


def test_who_finds_the_pool_filled_meanwhile_opens_the_next_generation(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.purchase(ann, "6")
    before_next_write(desk, lambda: desk.purchase(bob, "4"))
    late = desk.purchase(ann, "1")
    assert (late.generation, pool(desk).members, pool(desk).total) == (2, 1, Money(1))
    assert late.expires_at == late.created_at + timedelta(hours=24)
    assert len(batches(desk)) == 1


def test_who_would_have_waited_closes_the_pool_that_others_have_joined(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.purchase(ann, "4")
    before_next_write(desk, lambda: desk.purchase(bob, "5"))
    late = desk.purchase(ann, "1")
    assert (late.generation, pool(desk).members, batches(desk)) == (1, 0, [late.batch_id])


def test_who_would_have_closed_the_pool_waits_when_another_has_left(desk: Desk, ann: Owner, bob: Owner) -> None:
    first = desk.purchase(bob, "9")
    before_next_write(desk, lambda: desk.purchases.cancel(bob, first.order_id))
    late = desk.purchase(ann, "1")
    assert (late.generation, pool(desk).members, batches(desk)) == (1, 1, [])
    assert late.expires_at == pool(desk).due_at


def test_two_who_are_the_first_of_an_asset_at_once_are_in_one_pool(desk: Desk, ann: Owner, bob: Owner) -> None:
    """It waits for the first of them."""
    first: list[Purchase] = []
    before_next_write(desk, lambda: first.append(desk.purchase(bob, "4")))
    desk.purchase(ann, "4")
    assert (pool(desk).members, pool(desk).total, pool(desk).due_at) == (2, Money(8), first[0].expires_at)


def test_two_who_are_the_first_of_a_generation_at_once_wait_for_the_first(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.purchases.cancel(ann, desk.purchase(ann, "1").order_id)  # there is a pool by now, and nobody in it
    first: list[Purchase] = []
    before_next_write(desk, lambda: first.append(desk.purchase(bob, "4")))
    desk.purchase(ann, "4")
    assert (pool(desk).members, pool(desk).due_at) == (2, first[0].expires_at)


def test_a_pool_that_never_stands_still_is_busy_and_nothing_is_held(desk: Desk, ann: Owner, bob: Owner) -> None:
    """Whoever writes finds it changed: full when it was not, and the other way round."""
    tries: list[int] = []

    def write(real: Callable[..., Any], **request: Any) -> Any:
        desk.client = None
        tries.append(1)
        waiting = pool(desk)
        if waiting.members:
            (there,) = [i for i in desk.dynamo.items() if i["entity_type"]["S"] == "member" and "allocated_at" not in i]
            desk.purchases.cancel(bob, there["SK"]["S"].removeprefix("MEMBER#"))
        else:
            desk.purchase(bob, "9")
        desk.client = around(desk.dynamo, transact_write_items=write)
        return real(**request)

    desk.client = around(desk.dynamo, transact_write_items=write)
    with pytest.raises(Busy):
        desk.purchase(ann, "1")
    desk.client = None
    assert (len(tries), dollars(desk, ann)) == (JOIN_TRIES_MAX, (Money(1000), ZERO))


# Refusals


def test_refusals_come_in_this_order(desk: Desk) -> None:
    """Everything is wrong with it, and one thing after the other is put right."""
    ann, asked = Owner("ann", "sub-ann"), {"quantity": "1234567890123456.001", "max_price": "99", "key": "k"}

    def listed(**rules: Any) -> None:
        desk.list_exchange_asset("XRP", rules.pop("price", None), precision=rules.pop("precision", 2), **rules)

    def buy(kind: type[Refusal]) -> None:
        with refused(desk, kind):
            desk.purchase(ann, asset_id="XRP", **asked)

    rules: dict[str, Any] = {"execution": Execution.INSTANT, "max_notional": "1000"}
    buy(AssetNotFound)
    listed(active=False, **rules)
    buy(AssetInactive)
    listed(**rules)
    buy(PriceUnavailable)
    listed(price="100", **rules)
    desk.clock.forward(seconds=121)
    buy(PriceUnavailable)
    listed(price="100", **rules)
    buy(BoughtHere)
    del rules["execution"]
    listed(**rules)
    buy(PrecisionExceeded)
    listed(precision=3, **rules)
    buy(AmountTooLarge)
    asked["quantity"] = "12345678901234.001"
    buy(AmountTooLarge)
    asked["quantity"] = "10.001"
    buy(AboveMaximum)
    asked["quantity"] = "10"
    buy(PriceMoved)
    del asked["max_price"]
    buy(AccountNotFound)
    desk.customer("ann", usd="999.99")
    buy(InsufficientFunds)
    desk.accounts.deposit(ann, "more", Money("0.01"))
    assert desk.purchase(ann, asset_id="XRP", **asked).held == Money(1000)


def test_dollars_that_do_not_buy_the_smallest_unit_are_too_few(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset("XRP", precision=0, max_notional="20", min_notional="20")
    with refused(desk, AmountTooSmall):
        desk.purchase(ann, "99.99", max_price="1", asset_id="XRP")
    with refused(desk, AboveMaximum):
        desk.purchase(ann, "100", max_price="1", asset_id="XRP")


def test_dollars_that_buy_more_than_any_amount_may_be_are_too_large(desk: Desk, ann: Owner) -> None:
    """As POST /orders refuses them: one amount has at most fifteen digits before the point."""
    desk.list_exchange_asset("PEPE", "0.00000000000003", precision=18)
    with refused(desk, AmountTooLarge):
        desk.purchase(ann, "100", asset_id="PEPE")


def test_an_asset_that_is_sold_from_the_desks_book_says_where_to_go(desk: Desk, ann: Owner) -> None:
    with refused(desk, BoughtHere) as told:
        desk.purchase(ann, "10", asset_id="BTC")
    assert told.value.facts == {"route": "POST /orders"}


@pytest.mark.parametrize("given", [{}, {"quantity": Decimal(1), "quote_amount": Money(1)}], ids=["neither", "both"])
def test_either_a_quantity_or_an_amount_of_dollars_is_given(given: dict[str, Any]) -> None:
    with pytest.raises(ContradictoryTerms):
        Terms("SOL", **given)


@pytest.mark.parametrize(("max_price", "bought"), [("99.999999999999999999", False), ("100", True), ("100.01", True)])
def test_max_price_protects_from_a_price_above_it(desk: Desk, ann: Owner, max_price: str, bought: bool) -> None:
    if bought:
        assert desk.purchase(ann, "10", max_price=max_price).max_price == Price(max_price)
    else:
        with refused(desk, PriceMoved) as told:
            desk.purchase(ann, "10", max_price=max_price)
        assert told.value.facts == {"price": "100", "max_price": max_price}


@pytest.mark.parametrize("usd", ["4", "10"], ids=["pooled", "direct"])
def test_nothing_is_bought_on_credit(desk: Desk, usd: str) -> None:
    poor = desk.customer("poor", usd=str(Money(usd) - Money("0.01")))
    with refused(desk, InsufficientFunds):
        desk.purchase(poor, usd)
    desk.accounts.deposit(poor, "more", Money("0.01"))
    assert desk.purchase(poor, usd).held == Money(usd)
    with refused(desk, InsufficientFunds):
        desk.purchase(poor, "1.00")


def test_dollars_that_are_held_are_not_spent_twice(desk: Desk) -> None:
    poor = desk.customer("poor", usd="9.00")
    desk.purchase(poor, "5")
    with refused(desk, InsufficientFunds):
        desk.purchase(poor, "4.01")


@pytest.mark.parametrize("usd", ["4", "10"], ids=["pooled", "direct"])
def test_a_table_that_others_keep_busy_says_so_and_a_repeat_is_a_new_try(desk: Desk, ann: Owner, usd: str) -> None:
    def throttled(*_: Any, **__: Any) -> Any:
        raise client_error("ThrottlingException", "slow down", "TransactWriteItems")

    desk.client = around(desk.dynamo, transact_write_items=throttled)
    with refused(desk, Busy):
        desk.purchase(ann, usd, key="k")
    desk.client = None
    assert desk.purchase(ann, usd, key="k").status is Status.PENDING
    assert dollars(desk, ann)[1] == Money(usd)


# Repeats


@pytest.mark.parametrize("usd", ["4", "10"], ids=["pooled", "direct"])
def test_the_same_key_and_terms_are_the_same_purchase_for_ever(desk: Desk, ann: Owner, usd: str) -> None:
    first = desk.purchases.buy(ann, "k", Terms("SOL", quote_amount=Money(usd)))
    before = desk.dynamo.items()
    again = desk.purchases.buy(ann, "k", Terms("SOL", quote_amount=Money(f"{usd}.0")))
    assert (first.replayed, again.replayed, again.made) == (False, True, first.made)
    assert desk.dynamo.items() == before
    desk.run(days=3)
    desk.close_pools()
    desk.run()
    over = desk.purchases.buy(ann, "k", Terms("SOL", quote_amount=Money(usd)))
    assert (over.replayed, over.made) == (True, look(desk, first.made))


SINCE: dict[str, Callable[[Desk], object]] = {
    "another price": lambda desk: desk.mark("SOL", "119"),
    "inactive": lambda desk: desk.list_exchange_asset(active=False),
    "stale": lambda desk: desk.clock.forward(hours=1),
    "sold here": lambda desk: desk.list_exchange_asset(execution=Execution.INSTANT),
    "smaller": lambda desk: desk.list_exchange_asset(max_notional="1", min_notional="1"),
}


@pytest.mark.parametrize("usd", ["4", "20"], ids=["pooled", "direct"])
@pytest.mark.parametrize("since", SINCE)
def test_a_repeat_gets_the_same_answer_whatever_has_changed(desk: Desk, ann: Owner, usd: str, since: str) -> None:
    first = desk.purchase(ann, usd, max_price="110", key="k")
    SINCE[since](desk)
    before = desk.dynamo.items()
    assert desk.purchase(ann, usd, max_price="110", key="k") == first
    assert desk.dynamo.items() == before


def test_a_repeat_when_the_money_is_gone_gets_the_same_answer(desk: Desk) -> None:
    poor = desk.customer("poor", usd="10.00")
    first = desk.purchase(poor, "6", key="a")
    other = desk.purchase(poor, "4", key="b")
    assert [desk.purchase(poor, "6", key="a"), desk.purchase(poor, "4", key="b")] == [first, other]


@pytest.mark.parametrize(
    "other",
    [
        {"usd": "4.01"},
        {"usd": "400"},
        {"quantity": "0.04"},
        {"usd": "4", "max_price": "100"},
        {"usd": "4", "asset_id": "BTC"},
        {"usd": "4", "asset_id": "nothing"},
        {"usd": "1000000000"},
    ],
    ids=str,
)
def test_the_same_key_with_other_terms_is_refused(desk: Desk, ann: Owner, other: dict[str, Any]) -> None:
    """Whatever else is wrong with them."""
    first = desk.purchase(ann, "4", key="k")
    with refused(desk, IdempotencyKeyReused) as told:
        desk.purchase(ann, **other, key="k")
    assert told.value.facts == {"id": first.order_id}
    desk.list_exchange_asset(active=False)
    with refused(desk, IdempotencyKeyReused):
        desk.purchase(ann, **other, key="k")


def test_a_refusal_is_not_remembered(desk: Desk, ann: Owner) -> None:
    with refused(desk, PriceMoved):
        desk.purchase(ann, "10", max_price="90", key="k")
    desk.mark("SOL", "90")
    assert desk.purchase(ann, "10", max_price="90", key="k").status is Status.PENDING


def test_the_key_of_another_customer_is_another_purchase(desk: Desk, ann: Owner, bob: Owner) -> None:
    assert desk.purchase(ann, "4", key="k").order_id != desk.purchase(bob, "5", key="k").order_id


@pytest.mark.parametrize("usd", ["4", "10"], ids=["pooled", "direct"])
def test_the_key_of_anothers_namesake_tells_nothing_of_his_purchase(desk: Desk, ann: Owner, usd: str) -> None:
    desk.purchase(ann, usd, key="k")
    with refused(desk, AccountNotFound):
        desk.purchase(Owner(ann.username, "another-sub"), usd, key="k")


@pytest.mark.parametrize("usd", ["4", "10"], ids=["pooled", "direct"])
def test_one_key_that_is_sent_twice_at_once_is_one_purchase(desk: Desk, ann: Owner, usd: str) -> None:
    answers: list[Purchase] = []
    before_next_write(desk, lambda: answers.append(desk.purchase(ann, usd, key="k")))
    answers.append(desk.purchase(ann, usd, key="k"))
    assert answers[0] == answers[1]
    assert dollars(desk, ann) == (Money(1000) - Money(usd), Money(usd))
    desk.run()


def test_a_purchase_that_was_cancelled_stays_so_when_it_is_sent_again(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "4", key="k")
    desk.purchases.cancel(ann, asked.order_id)
    assert desk.purchase(ann, "4", key="k").status is Status.CANCELLED
    assert dollars(desk, ann) == (Money(1000), ZERO)


# Looking


def test_what_is_no_purchase_is_not_found(desk: Desk, ann: Owner) -> None:
    bought = desk.buy(ann, "1")
    for order_id in ("P" + "A" * 25, bought.order_id, desk.purchase(ann, "10").batch_id):
        for ask in (desk.purchases.purchase, desk.purchases.cancel):
            with refused(desk, PurchaseNotFound):
                ask(ann, order_id)


def test_pools_are_those_of_active_assets_that_are_bought_at_the_exchange(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset("XRP", active=False)
    desk.list_exchange_asset("ADA", pool_shards=3)
    desk.purchase(ann, "4")
    seen = {state.asset.asset_id: [(s.total, s.members) for s in state.shards] for state in desk.purchases.pools()}
    assert seen == {"SOL": [(Money(4), 1)], "ADA": [(ZERO, 0)] * 3}


# Cancelling


def test_a_member_leaves_its_pool_and_has_its_dollars_back(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked, other = desk.purchase(ann, "4"), desk.purchase(bob, "3")
    gone = desk.purchases.cancel(ann, asked.order_id)
    assert (gone.status, gone.reason) == (Status.CANCELLED, "cancelled by the customer")
    assert look(desk, asked) == gone
    assert (dollars(desk, ann), pool(desk).total, pool(desk).members) == ((Money(1000), ZERO), Money(3), 1)
    assert pool(desk).due_at == other.expires_at
    assert moves(desk, asked.order_id) == [(None, "PENDING"), ("PENDING", "CANCELLED")]


def test_a_pool_that_its_last_member_has_left_waits_for_nothing(desk: Desk, ann: Owner, bob: Owner) -> None:
    """Who comes next begins its time anew."""
    asked = desk.purchase(ann, "4")
    desk.purchases.cancel(ann, asked.order_id)
    assert (pool(desk).total, pool(desk).members, pool(desk).due_at) == (ZERO, 0, None)
    desk.clock.forward(hours=30)
    assert desk.close_pools() == 0
    desk.mark("SOL", "100")
    later = desk.purchase(bob, "4")
    assert (later.generation, later.expires_at) == (1, later.created_at + timedelta(hours=24))


def test_cancelling_again_gives_the_cancelled_purchase_and_no_dollars(desk: Desk, ann: Owner) -> None:
    asked, _ = desk.purchase(ann, "4"), desk.purchase(ann, "3")
    gone = desk.purchases.cancel(ann, asked.order_id)
    before = desk.dynamo.items()
    assert desk.purchases.cancel(ann, asked.order_id) == gone
    assert desk.dynamo.items() == before
    assert dollars(desk, ann) == (Money(997), Money(3))


def test_cancelling_twice_at_once_gives_the_dollars_back_once(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked, _ = desk.purchase(ann, "4"), desk.purchase(bob, "4")
    before_next_write(desk, lambda: desk.purchases.cancel(ann, asked.order_id))
    assert desk.purchases.cancel(ann, asked.order_id).status is Status.CANCELLED
    assert (dollars(desk, ann), pool(desk).members) == ((Money(1000), ZERO), 1)


@pytest.mark.parametrize("ran", [False, True], ids=["closed", "over"])
def test_a_purchase_of_a_closed_pool_is_not_cancelled(desk: Desk, ann: Owner, bob: Owner, ran: bool) -> None:
    asked = desk.purchase(ann, "4")
    desk.purchase(bob, "6")
    if ran:
        desk.run()
    with refused(desk, PurchaseNotPending) as told:
        desk.purchases.cancel(ann, asked.order_id)
    assert told.value.facts == {"id": asked.order_id, "order_status": "COMPLETED" if ran else "PENDING"}


def test_a_purchase_of_a_pool_that_has_expired_is_not_cancelled(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "4")
    desk.clock.forward(hours=25)
    assert desk.close_pools() == 1
    with refused(desk, PurchaseNotPending):
        desk.purchases.cancel(ann, asked.order_id)
    desk.run()
    with refused(desk, PurchaseNotPending):
        desk.purchases.cancel(ann, asked.order_id)
    assert dollars(desk, ann) == (Money(1000), ZERO)


@pytest.mark.parametrize("ran", [False, True], ids=["pending", "over"])
def test_a_direct_purchase_is_not_cancelled(desk: Desk, ann: Owner, ran: bool) -> None:
    asked = desk.purchase(ann, "10")
    if ran:
        desk.run()
    with refused(desk, PurchaseNotPending) as told:
        desk.purchases.cancel(ann, asked.order_id)
    why = "the purchase is COMPLETED" if ran else "it is being bought at the exchange"
    assert told.value.detail == f"{why}: it can not be cancelled"


def test_a_cancellation_takes_nothing_from_the_next_generation(desk: Desk, ann: Owner, bob: Owner) -> None:
    """The pool is filled meanwhile, and opened again."""
    asked = desk.purchase(ann, "4")
    before_next_write(desk, lambda: [desk.purchase(bob, "6"), desk.purchase(bob, "4")])  # one member again
    with pytest.raises(PurchaseNotPending):
        desk.purchases.cancel(ann, asked.order_id)
    assert (pool(desk).generation, pool(desk).members, pool(desk).total) == (2, 1, Money(4))
    desk.run(days=1 / 24)
    assert (look(desk, asked).status, coins(desk, ann)) == (Status.COMPLETED, Decimal("0.03996"))


def test_a_cancellation_that_races_with_the_deadline_loses_to_it(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "4")
    desk.clock.forward(hours=25)
    before_next_write(desk, lambda: desk.close_pools())
    with pytest.raises(PurchaseNotPending):
        desk.purchases.cancel(ann, asked.order_id)
    desk.run()
    assert (look(desk, asked).status, dollars(desk, ann)) == (Status.FAILED, (Money(1000), ZERO))


def test_the_deadline_that_races_with_a_cancellation_comes_again(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked, other = desk.purchase(ann, "4"), desk.purchase(bob, "3")
    desk.clock.forward(hours=25)
    before_next_write(desk, lambda: desk.purchases.cancel(ann, asked.order_id))
    assert desk.close_pools() == 0
    assert (look(desk, asked).status, look(desk, other).status) == (Status.CANCELLED, Status.PENDING)
    assert desk.close_pools() == 1
    desk.run()
    assert look(desk, other).status is Status.FAILED


def test_a_cancellation_whose_pool_another_joins_meanwhile_is_done(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked = desk.purchase(ann, "4")
    before_next_write(desk, lambda: desk.purchase(bob, "5"))  # he was the only one, as he has seen it
    assert desk.purchases.cancel(ann, asked.order_id).status is Status.CANCELLED
    assert (pool(desk).total, pool(desk).members, pool(desk).due_at) == (Money(5), 1, asked.expires_at)


def test_the_last_of_two_who_leave_at_once_ends_the_pools_waiting(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked, other = desk.purchase(ann, "4"), desk.purchase(bob, "5")
    before_next_write(desk, lambda: desk.purchases.cancel(bob, other.order_id))
    desk.purchases.cancel(ann, asked.order_id)
    assert "open_work" not in raw(desk, "POOL#SOL#0", "HEAD")


def test_a_cancellation_whose_answer_is_lost_is_done_once(desk: Desk, ann: Owner) -> None:
    asked, _ = desk.purchase(ann, "4"), desk.purchase(ann, "3")
    lose_next_answer(desk)
    assert desk.purchases.cancel(ann, asked.order_id).status is Status.CANCELLED
    desk.client = None
    assert dollars(desk, ann) == (Money(997), Money(3))


@pytest.mark.parametrize("usd", ["4", "6", "10"], ids=["joins", "fills", "direct"])
def test_a_purchase_whose_answer_is_lost_is_made_once(desk: Desk, ann: Owner, bob: Owner, usd: str) -> None:
    desk.purchase(bob, "4")
    lose_next_answer(desk)
    asked = desk.purchase(ann, usd, key="k")
    desk.client = None
    assert desk.purchase(ann, usd, key="k") == asked
    assert dollars(desk, ann)[1] == Money(usd)
    desk.run()
    assert len(executions(desk, asked.batch_id)) == (usd != "4")


def test_a_pool_takes_nothing_below_its_floor(desk: Desk) -> None:
    """Which is a field of the catalogue, and a dollar unless it says otherwise: a cent costs more than it brings."""
    ann = desk.customer()
    for usd, quantity in (("0.99", None), (None, "0.0099")):
        with pytest.raises(BelowMinimum) as refused:
            desk.purchase(ann, usd, quantity)
        assert refused.value.facts == {"notional_usd": "0.99", "min_notional_usd": "1.00"}
    assert desk.purchase(ann, "1.00").strategy is Strategy.POOLED
    desk.list_exchange_asset(min_pooled="5")
    with pytest.raises(BelowMinimum):
        desk.purchase(ann, "4.99")
    desk.purchase(ann, "5.00")
    desk.list_exchange_asset(min_pooled="50")
    assert desk.purchase(ann, "10.00").strategy is Strategy.DIRECT
    with pytest.raises(BelowMinimum):
        desk.purchase(ann, "9.99")
