"""The machine `purchase`: a batch is placed, polled and allocated, whatever the exchange and the clock do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.domain.catalogue.model import PriceUnavailable
from common.domain.exchange_orders.model import (
    LAST_LOOK_SECONDS,
    POLL_LIMIT,
    ExchangeOrder,
)
from common.domain.exchange_orders.model import Status as AtExchange
from common.gateways.exchange import (
    ExchangeOrderUnknown,
    OrderReport,
)
from common.money import ZERO, Money, Quantity
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.operations.model import OVERDUE_AFTER
from functions.purchases.model import (
    CALLED_OFF,
    PLACE_LIMIT,
    Batch,
    BatchNotFound,
    BatchNotStuck,
    BatchStatus,
    Purchase,
    Stage,
    Status,
    direct_batch_id,
)
from functions.purchases.store import batch as read_batch
from sandbox.exchange.orders import Fees
from sandbox.exchange.orders import Status as AtTheExchange
from tests.desk import Desk
from tests.operations.test_operations import Unreachable
from tests.outside import ACCOUNT
from tests.seen import (
    OnItsWay,
    around,
    at_the_exchange,
    before_next_write,
    dollars,
    executions,
    moves,
    raw,
    strays_of,
    waits_for_person,
)

FREE = (Money(1000), ZERO)  # nothing is held, nothing was paid
NO_FEES = Fees(Decimal(0), Decimal(0))


def look(desk: Desk, asked: Purchase) -> Purchase:
    return desk.purchases.purchase(asked.owner, asked.order_id)


def batch(desk: Desk, asked: Purchase) -> Batch:
    return read_batch(desk.table, asked.batch_id)


def exchange_order(desk: Desk, asked: Purchase) -> ExchangeOrder:
    """The order that its batch has there, as the desk's own table says."""
    return desk.at_exchange.existing(asked.batch_id, 1)


def coins(desk: Desk, owner: Owner) -> Decimal:
    _, holdings = desk.orders.holdings(owner)
    return sum((h.whole.amount for h in holdings if h.asset_id == "SOL"), Decimal(0))


def desks_own(desk: Desk) -> dict[str, Decimal]:
    """What the desk itself has of batches, by asset; nothing is left out."""
    sums: dict[str, Decimal] = {}
    for item in desk.dynamo.items():
        if item["entity_type"]["S"] == "desk_transaction":
            asset_id = item["PK"]["S"].removeprefix("DESK#")
            sums[asset_id] = sums.get(asset_id, Decimal(0)) + Decimal(item["amount"]["N"])
    return {asset_id: amount for asset_id, amount in sums.items() if amount}


def market_moves(desk: Desk, price: str) -> None:
    """The exchange sells at this price from now on, and the desk is told so."""
    desk.world.nobody_sells()
    desk.world.ask(price, "100")
    desk.mark("SOL", price)


def void(desk: Desk, asked: Purchase, *, dry_run: bool = False) -> OperatorOutcome:
    return desk.batches.void(asked.batch_id, "because", "olga", dry_run=dry_run)


def audited(desk: Desk) -> list[tuple[str, str]]:
    entries = desk.operations.audit("2026-11-21", limit=100, after=None).items
    return [(entry.action, entry.subject) for entry in entries]


def stopped_before(desk: Desk, usd: str, owner: Owner, **more: Any) -> Purchase:
    """A direct purchase whose machine was not started, and will not be until the sweeper comes."""
    desk.world.client = Unreachable()
    asked = desk.purchase(owner, usd, **more)
    desk.world.client = desk.world.machines
    return asked


@pytest.fixture
def three(desk: Desk, ann: Owner, bob: Owner, cid: Owner) -> list[Purchase]:
    """$4, $3 and $5 that are to be one order of 0.12, closed and not placed."""
    return [desk.purchase(owner, usd) for owner, usd in ((ann, "4"), (bob, "3"), (cid, "5"))]


def refunded(desk: Desk, asked: list[Purchase], reason: str) -> None:
    """All of them, to the last cent, and told why; and nothing is waited for."""
    for purchase in asked:
        after = look(desk, purchase)
        assert (after.status, after.reason, after.total_amount) == (Status.FAILED, reason, ZERO)
        assert (dollars(desk, purchase.owner), coins(desk, purchase.owner)) == (FREE, Decimal(0))
    assert batch(desk, asked[0]).status is BatchStatus.ALLOCATED
    assert desks_own(desk) == {}


def waiting(desk: Desk) -> list[str]:
    return [item["PK"]["S"] for item in desk.dynamo.items(having="open_work")]


# Done


def test_an_undisturbed_batch_is_one_execution_without_a_wait(desk: Desk, three: list[Purchase]) -> None:
    desk.run()
    (execution,) = executions(desk, three[0].batch_id)
    assert (execution.name, execution.status, execution.waits_seconds) == (three[0].batch_id, "SUCCEEDED", [])
    assert execution.visited[-1] == "Bought"
    assert (waiting(desk), len(at_the_exchange(desk))) == ([], 1)


def test_a_pool_is_bought_at_the_price_when_it_is_placed(desk: Desk, ann: Owner, bob: Owner) -> None:
    """Not at those when its members came."""
    first = desk.purchase(ann, "5")
    market_moves(desk, "125")
    second = desk.purchase(bob, "5")
    desk.run()
    (placed,) = at_the_exchange(desk)
    assert placed.quantity == Decimal("0.08")
    assert look(desk, first).executed == look(desk, second).executed == Quantity("0.03996", "SOL")


@pytest.mark.parametrize(
    ("price", "other", "got", "paid", "why"),
    [
        ("125", "5", "0.04", "5", "of 0.05 SOL, what $5.00 buys in whole lots, less the exchange's fee; price $125"),
        ("80", "6", "0.05", "4", None),
    ],
    ids=["risen", "fallen"],
)
def test_a_member_by_quantity_gets_what_his_dollars_buy_and_no_more(
    desk: Desk, ann: Owner, bob: Owner, price: str, other: str, got: str, paid: str, why: str | None
) -> None:
    """He is told when it is less; the rest of his dollars goes back."""
    desk.world.venue.set_fees(NO_FEES)
    first = desk.purchase(ann, quantity="0.05")
    market_moves(desk, price)
    desk.purchase(bob, other)
    desk.run()
    after = look(desk, first)
    assert (after.executed, after.total_amount, after.reason) == (Quantity(got, "SOL"), Money(paid), why)
    assert dollars(desk, ann) == (Money(1000) - Money(paid), ZERO)


def test_members_whose_max_price_is_passed_meanwhile_are_refunded(desk: Desk, ann: Owner, bob: Owner) -> None:
    """The others are bought for."""
    first = desk.purchase(ann, "4", max_price="100")
    market_moves(desk, "110")
    second = desk.purchase(bob, "9")
    desk.run()
    after = look(desk, first)
    assert (after.status, dollars(desk, ann)) == (Status.FAILED, FREE)
    assert after.reason == "not bought: the limit of $111.1 is above max_price $100"
    assert look(desk, second).executed == Quantity("0.080919", "SOL")  # 0.081, less the fee


def test_a_batch_that_is_too_small_for_the_exchange_is_refunded(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked = [desk.purchase(ann, "5", max_price="100"), desk.purchase(bob, "4", max_price="100")]
    desk.mark("SOL", "110")
    asked.append(desk.purchase(desk.customer("dan"), "4.50"))
    desk.run()
    assert at_the_exchange(desk) == []
    assert {look(desk, p).status for p in asked} == {Status.FAILED}
    refunded(
        desk,
        asked,
        "not bought: less than the exchange's smallest order without those for whom "
        "the price of $110 is above max_price",
    )


def test_a_pool_below_the_exchanges_minimum_is_refunded_and_told_so(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(min_notional="2")
    asked = desk.purchase(ann, "4.90")
    desk.run()
    refunded(desk, [asked], "not bought: less than the exchange's smallest order")
    assert at_the_exchange(desk) == []


# Fills


@pytest.mark.parametrize(
    ("usd", "state"), [("166.60", "CANCELED"), ("133.30", "EXPIRED"), ("122.20", "REJECTED")], ids=str
)
def test_an_order_that_the_exchange_ends_with_nothing_executed_is_refunded(
    desk: Desk, ann: Owner, usd: str, state: str
) -> None:
    asked = desk.purchase(ann, usd)  # a magic quantity
    desk.run()
    quantity = Decimal(usd) / 100
    refunded(desk, [asked], f"the exchange has executed 0 SOL of {quantity.normalize()} SOL ({state})")


def test_thirty_seven_per_cent_are_allocated_and_the_rest_is_refunded(
    desk: Desk, ann: Owner, bob: Owner, cid: Owner
) -> None:
    desk.list_exchange_asset(min_notional="100")
    desk.world.venue.set_fees(NO_FEES)
    desk.world.nobody_sells()
    desk.world.ask("100", "0.445")  # of 1.2
    asked = [desk.purchase(owner, usd) for owner, usd in ((ann, "40"), (bob, "30"), (cid, "50"))]
    desk.run()
    after = [look(desk, p) for p in asked]
    assert {p.status for p in after} == {Status.COMPLETED}
    got = [p.executed.amount for p in after if p.executed is not None]
    assert got == [Decimal("0.148333333"), Decimal("0.11125"), Decimal("0.185416667")]
    assert [p.total_amount for p in after] == [Money("14.83"), Money("11.13"), Money("18.54")]
    assert {p.reason for p in after} == {"the exchange has executed 0.445 SOL of 1.2 SOL (CANCELED)"}
    assert [dollars(desk, owner)[0] for owner in (ann, bob, cid)] == [Money("985.17"), Money("988.87"), Money("981.46")]
    assert desks_own(desk) == {}
    (placed,) = at_the_exchange(desk)
    assert (placed.status, placed.executed) == (AtTheExchange.CANCELED, Decimal("0.445"))


def test_half_of_an_order_that_the_exchange_then_ends_is_allocated(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "144.40")  # magic: half, at the limit
    desk.run()
    after = look(desk, asked)
    assert (after.status, after.executed) == (Status.COMPLETED, Quantity("0.721278", "SOL"))
    assert after.total_amount == Money("72.93")  # at the limit of $101 it cost 72.922
    assert desks_own(desk) == {"USD": Decimal("0.008")}


@pytest.mark.parametrize(
    ("price", "paid", "left"),
    [
        ("90", ["3.60", "2.70", "4.50"], {}),
        ("101", ["4", "3", "5"], {"USD": Decimal("-0.12"), "SOL": Decimal("0.001186932")}),
    ],
    ids=["better", "worse"],
)
def test_members_pay_what_it_has_cost(
    desk: Desk, three: list[Purchase], price: str, paid: list[str], left: dict[str, Decimal]
) -> None:
    """What their dollars do not reach the desk keeps, for what it has cost."""
    desk.world.nobody_sells()
    desk.world.ask(price, "100")
    desk.run()
    after = [look(desk, p) for p in three]
    assert [p.total_amount for p in after] == [Money(usd) for usd in paid]
    assert desks_own(desk) == left
    for p in after:
        assert p.executed is not None
        assert p.total_amount is not None
        assert Decimal(price) * p.executed.amount <= p.total_amount.usd


def test_who_is_alone_has_his_max_price_as_his_limit(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "20", max_price="100.5")
    desk.run()
    assert [placed.price for placed in at_the_exchange(desk)] == [Decimal("100.5")]
    assert look(desk, asked).status is Status.COMPLETED


def test_a_price_beyond_the_slippage_is_not_paid_and_all_are_refunded(desk: Desk, three: list[Purchase]) -> None:
    """They are when the time of their order is over."""
    desk.world.nobody_sells()
    desk.world.ask("101.01", "100")
    began = desk.clock.at
    desk.run(until=lambda: batch(desk, three[0]).status is BatchStatus.ALLOCATED)
    assert POLL_LIMIT <= desk.clock.at - began <= POLL_LIMIT + timedelta(minutes=2)
    refunded(desk, three, "the exchange has executed 0 SOL of 0.12 SOL (CANCELED)")
    (execution,) = executions(desk, three[0].batch_id)
    assert (execution.visited.count("CancelBatch"), execution.waits_seconds[:3]) == (1, [5, 7.5, 11.25])


def test_a_slippage_of_nothing_is_kept_to(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(slippage_max_bps=0)
    asked = desk.purchase(ann, "20")
    desk.run()
    (placed,) = at_the_exchange(desk)
    assert (placed.price, look(desk, asked).status) == (Decimal(100), Status.COMPLETED)


# Fees


def test_a_fee_in_the_coin_is_the_customers(desk: Desk, three: list[Purchase]) -> None:
    desk.world.venue.set_fees(Fees(Decimal(200)))
    desk.run()
    assert [look(desk, p).executed for p in three] == [
        Quantity("0.0392", "SOL"),
        Quantity("0.0294", "SOL"),
        Quantity("0.049", "SOL"),
    ]
    assert raw(desk, three[0].batch_id, "BATCH")["fee_in_asset"] == Decimal("0.0024")
    assert desks_own(desk) == {}


def test_a_fee_in_another_coin_is_the_desks_and_in_its_books(desk: Desk, three: list[Purchase]) -> None:
    desk.world.venue.deposit(ACCOUNT, "BNB", Decimal(10))
    desk.world.venue.set_fees(Fees(asset="BNB", asset_price=Decimal(600)))
    desk.run()
    assert [look(desk, p).executed for p in three] == [
        Quantity("0.04", "SOL"),
        Quantity("0.03", "SOL"),
        Quantity("0.05", "SOL"),
    ]
    assert desks_own(desk) == {"BNB": Decimal("-0.00002")}
    assert raw(desk, three[0].batch_id, "BATCH")["fees_elsewhere"] == '{"BNB": "0.00002"}'


@pytest.mark.parametrize(
    ("at", "got", "paid", "left"),
    [
        ("100", "0.039960039", "4.00", {"USD": Decimal("-0.012"), "SOL": Decimal("0.000119883")}),
        ("99", "0.04", "3.97", {"USD": Decimal("0.008")}),
    ],
)
def test_a_fee_in_dollars_is_the_customers_as_far_as_their_dollars_reach(
    desk: Desk, three: list[Purchase], at: str, got: str, paid: str, left: dict[str, Decimal]
) -> None:
    desk.world.nobody_sells()
    desk.world.ask(at, "100")

    def in_dollars(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        return replace(real(*asked), fee=Money("0.012"), fees_elsewhere={})

    desk.world.exchange = around(desk.world.fake, order=in_dollars)
    desk.run()
    after = look(desk, three[0])
    assert (after.executed, after.total_amount) == (Quantity(got, "SOL"), Money(paid))
    assert raw(desk, three[0].batch_id, "BATCH")["fee_amount"] == Decimal("0.012")
    assert desks_own(desk) == left


def test_what_can_not_be_cut_into_the_assets_units_is_the_desks(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.world.venue.set_fees(Fees(Decimal("33.3333")))
    asked = [desk.purchase(ann, "5"), desk.purchase(bob, "5")]
    desk.list_exchange_asset()
    desk.run()
    received = Decimal("0.1") - Decimal("0.00033333")
    got = [p.executed.amount for p in (look(desk, p) for p in asked) if p.executed is not None]
    assert (sum(got), max(got) - min(got) <= Decimal("1E-9")) == (received, True)
    assert desks_own(desk) == {}


def test_where_a_fee_cuts_the_last_unit_nobody_pays_for_more_than_he_gets() -> None:
    """Two want a tenth each, and less the fee one is there: he pays for one, and the other gets everything back."""
    desk = Desk()
    desk.list_exchange_asset(precision=1, min_notional="30")
    ann, bob = desk.customer("ann"), desk.customer("bob")
    first, second = desk.purchase(ann, "16"), desk.purchase(bob, "18")
    desk.run()
    after, without = look(desk, first), look(desk, second)
    assert (after.executed, after.total_amount, after.reason) == (Quantity("0.1", "SOL"), Money("10.02"), None)
    assert dollars(desk, ann) == (Money("989.98"), ZERO)
    assert (without.status, dollars(desk, bob)) == (Status.FAILED, FREE)
    assert desks_own(desk) == {"USD": Decimal("-9.98"), "SOL": Decimal("0.0998")}
    desk.check()


# The exchange refuses, or does not answer


def test_a_refusal_refunds_everybody_and_says_why(desk: Desk, three: list[Purchase]) -> None:
    desk.world.fake.refuse_next()
    desk.run()
    refunded(desk, three, "not bought: fake was told to refuse this order")
    assert (at_the_exchange(desk), waiting(desk)) == ([], [])
    assert raw(desk, three[0].batch_id, "VENUE#1")["status"] == "REFUSED"


def test_an_order_that_never_arrived_is_refunded_after_two_looks(desk: Desk, three: list[Purchase]) -> None:
    """It is looked for once more."""
    desk.world.fake.fail_before_next("place")
    began = desk.clock.at
    desk.run(until=lambda: batch(desk, three[0]).status is BatchStatus.ALLOCATED)
    assert timedelta(seconds=70) <= desk.clock.at - began <= timedelta(minutes=4)
    refunded(desk, three, "not bought: the exchange never had the order")
    assert waiting(desk) == [three[0].batch_id]
    assert exchange_order(desk, three[0]).status is AtExchange.NEVER
    look_at, finds = exchange_order(desk, three[0]).look_at, desk.world.fake.calls["find"]
    desk.run()
    assert desk.clock.at >= look_at
    assert (desk.world.fake.calls["find"], batch(desk, three[0]).waits, waiting(desk)) == (finds + 1, False, [])
    (execution,) = executions(desk, three[0].batch_id)
    assert [name for name in execution.visited if "LookAgain" in name] == ["WaitToLookAgain", "LookAgain"]
    assert waits_for_person(desk, three[0].batch_id) is None


def test_an_order_that_turns_up_after_its_refund_waits_for_a_person(desk: Desk, three: list[Purchase]) -> None:
    """It costs no customer anything."""
    on_its_way = OnItsWay(desk)
    desk.run(until=lambda: batch(desk, three[0]).status is BatchStatus.ALLOCATED)
    order_id = on_its_way.arrives()
    desk.run()
    refunded(desk, three, "not bought: the exchange never had the order")
    expected = f"an operator: the exchange has order {order_id} after all, and its members were refunded"
    assert waits_for_person(desk, three[0].batch_id) == expected
    assert (batch(desk, three[0]).needs_person, exchange_order(desk, three[0]).status) == (True, AtExchange.TURNED_UP)
    (execution,) = executions(desk, three[0].batch_id)
    assert execution.status == "FAILED"
    said = void(desk, three[0], dry_run=True)
    assert (said.done, said.says) == (False, "nothing of it is looked for any more")
    assert exchange_order(desk, three[0]).status is AtExchange.TURNED_UP
    done = void(desk, three[0])
    assert (done.done, done.before, exchange_order(desk, three[0]).status) == (
        True,
        BatchStatus.ALLOCATED,
        AtExchange.DEALT_WITH,
    )
    assert (waiting(desk), waits_for_person(desk, three[0].batch_id)) == ([], None)


def given_up_by(desk: Desk, purchase: Purchase, status: AtExchange) -> None:
    """The task that places it is slow: the others give it up meanwhile."""

    def place(real: Callable[..., str], *asked: Any) -> str:
        desk.world.exchange = desk.world.fake
        before = status is AtExchange.NEVER
        desk.run(until=lambda: batch(desk, purchase).status is BatchStatus.ALLOCATED and before)
        assert exchange_order(desk, purchase).status is status
        return real(*asked)

    desk.world.exchange = around(desk.world.fake, place=place)


def test_an_answer_that_comes_when_everybody_is_refunded_is_for_a_person(desk: Desk, three: list[Purchase]) -> None:
    given_up_by(desk, three[0], AtExchange.NEVER)
    assert desk.batches.place(three[0].batch_id).stage is Stage.STOPPED
    refunded(desk, three, "not bought: the exchange never had the order")
    assert waits_for_person(desk, three[0].batch_id)
    void(desk, three[0])
    assert (waiting(desk), exchange_order(desk, three[0]).status) == ([], AtExchange.DEALT_WITH)


def test_an_answer_that_comes_after_the_last_look_is_a_stray(desk: Desk, three: list[Purchase]) -> None:
    """The batch is over and stays so."""
    given_up_by(desk, three[0], AtExchange.ABSENT)
    assert desk.batches.place(three[0].batch_id).stage is Stage.DONE
    refunded(desk, three, "not bought: the exchange never had the order")
    (stray,) = strays_of(desk)
    assert (waiting(desk), waits_for_person(desk, three[0].batch_id)) == ([stray.id], None)
    assert f"for {three[0].batch_id}, whose order there is ABSENT" in stray.waits_for


def test_a_batch_is_placed_when_an_exchange_that_was_down_is_back(desk: Desk, three: list[Purchase]) -> None:
    desk.world.fake.down = True
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at >= began + timedelta(minutes=20))
    assert (batch(desk, three[0]).status, desk.world.fake.calls["place"]) == (BatchStatus.CLOSED, 0)
    desk.world.fake.down = False
    desk.mark("SOL", "100")
    desk.run()
    assert {look(desk, p).status for p in three} == {Status.COMPLETED}


def test_an_exchange_that_is_down_for_an_hour_has_everybody_refunded(desk: Desk, three: list[Purchase]) -> None:
    desk.world.fake.down = True

    def marked() -> bool:
        desk.mark("SOL", "100")
        return batch(desk, three[0]).status is BatchStatus.ALLOCATED

    began = desk.clock.at
    desk.run(until=marked)
    assert PLACE_LIMIT <= desk.clock.at - began < PLACE_LIMIT + timedelta(minutes=10)
    refunded(desk, three, "not bought: fake is down")


def test_a_price_that_stays_too_old_for_an_hour_has_everybody_refunded(desk: Desk, three: list[Purchase]) -> None:
    desk.clock.forward(minutes=3)
    with pytest.raises(PriceUnavailable):
        desk.batches.place(three[0].batch_id)
    desk.run()
    told = "not bought: the latest price of SOL is too old to trade on"
    refunded(desk, three, told)
    assert desk.clock.at - three[-1].created_at >= PLACE_LIMIT
    assert (at_the_exchange(desk), waiting(desk)) == ([], [])


def test_a_price_that_comes_back_within_the_hour_is_bought_at(desk: Desk, three: list[Purchase]) -> None:
    desk.clock.forward(minutes=3)
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at > began + timedelta(minutes=30))
    assert batch(desk, three[0]).status is BatchStatus.CLOSED
    desk.mark("SOL", "100")
    desk.run()
    assert {look(desk, p).status for p in three} == {Status.COMPLETED}


def test_an_asset_that_the_exchange_does_not_trade_is_refunded(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset("XRP")
    asked = desk.purchase(ann, "10", asset_id="XRP")
    desk.run()
    refunded(desk, [asked], "not bought: fake has no open market for XRP in USDT")


def test_an_asset_that_was_made_inactive_meanwhile_is_refunded(desk: Desk, three: list[Purchase]) -> None:
    desk.list_exchange_asset(active=False)
    desk.run()
    refunded(desk, three, "not bought: SOL is not traded at present")


def test_a_placed_order_is_finished_though_its_asset_is_inactive_by_now(desk: Desk, three: list[Purchase]) -> None:
    assert desk.batches.place(three[0].batch_id).stage is Stage.POLL
    desk.list_exchange_asset(active=False)
    desk.run()
    assert {look(desk, p).status for p in three} == {Status.COMPLETED}


# At the deadline


def test_a_pool_that_has_not_filled_by_its_deadline_is_refunded(desk: Desk, ann: Owner, bob: Owner) -> None:
    asked = [desk.purchase(ann, "4"), desk.purchase(bob, "3")]
    desk.clock.at = asked[0].created_at + timedelta(hours=24, seconds=-1)
    assert desk.close_pools() == 0
    desk.clock.forward(seconds=1)
    assert (desk.close_pools(), desk.close_pools()) == (1, 0)
    desk.run()
    refunded(desk, asked, "its pool did not fill by its deadline")
    assert (at_the_exchange(desk), waiting(desk)) == ([], [])


def test_a_refund_needs_neither_a_price_nor_an_exchange(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "4")
    desk.world.fake.down = True
    desk.clock.forward(hours=24)
    desk.close_pools()
    desk.run()
    refunded(desk, [asked], "its pool did not fill by its deadline")


def test_the_desk_adds_what_is_missing_where_the_asset_says_so(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.list_exchange_asset(pool_top_up=True)
    desk.world.venue.set_fees(NO_FEES)
    asked = [desk.purchase(ann, "4"), desk.purchase(bob, "3")]
    desk.clock.forward(hours=24)
    desk.mark("SOL", "100")
    assert desk.close_pools() == 1
    assert batch(desk, asked[0]).top_up == Money(3)
    desk.run()
    (placed,) = at_the_exchange(desk)
    assert placed.quantity == Decimal("0.1")
    assert [look(desk, p).executed for p in asked] == [Quantity("0.04", "SOL"), Quantity("0.03", "SOL")]
    assert [look(desk, p).total_amount for p in asked] == [Money(4), Money(3)]
    assert desks_own(desk) == {"USD": Decimal(-3), "SOL": Decimal("0.03")}


def test_a_top_up_of_an_order_that_is_refused_costs_the_desk_nothing(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(pool_top_up=True)
    asked = desk.purchase(ann, "4")
    desk.clock.forward(hours=24)
    desk.mark("SOL", "100")
    desk.close_pools()
    desk.world.fake.refuse_next()
    desk.run()
    refunded(desk, [asked], "not bought: fake was told to refuse this order")


def test_a_top_up_buys_nothing_when_no_member_wants_anything_at_the_price(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(pool_top_up=True)
    asked = desk.purchase(ann, "1", max_price="100")
    desk.clock.forward(hours=24)
    desk.mark("SOL", "101")
    desk.close_pools()
    desk.run()
    assert (look(desk, asked).status, dollars(desk, ann)) == (Status.FAILED, FREE)
    assert (at_the_exchange(desk), desks_own(desk)) == ([], {})


def test_a_pool_of_an_inactive_asset_is_refunded_and_not_topped_up(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset(pool_top_up=True)
    asked = desk.purchase(ann, "4")
    desk.list_exchange_asset(pool_top_up=True, active=False)
    desk.clock.forward(hours=24)
    desk.close_pools()
    desk.run()
    refunded(desk, [asked], "its pool did not fill by its deadline")


@pytest.mark.parametrize("usd", ["4", "6"], ids=["who waits", "who fills it"])
def test_who_joins_as_his_pool_expires_is_in_the_next_generation(desk: Desk, ann: Owner, bob: Owner, usd: str) -> None:
    first = desk.purchase(ann, "4")
    desk.clock.forward(hours=24)
    desk.mark("SOL", "100")
    before_next_write(desk, desk.close_pools)
    late = desk.purchase(bob, usd)
    assert (late.generation, late.expires_at) == (2, late.created_at + timedelta(hours=24))
    desk.run(days=1 / 24)
    assert (look(desk, first).status, look(desk, late).status) == (Status.FAILED, Status.PENDING)


@pytest.mark.parametrize(("usd", "closed"), [("3", 1), ("6", 0)], ids=["who waits", "who fills it"])
def test_the_deadline_that_finds_another_member_looks_again(
    desk: Desk, ann: Owner, bob: Owner, usd: str, closed: int
) -> None:
    asked = [desk.purchase(ann, "4")]
    desk.clock.forward(hours=24)
    desk.mark("SOL", "100")
    before_next_write(desk, lambda: asked.append(desk.purchase(bob, usd)))
    assert (desk.close_pools(), desk.close_pools()) == (0, closed)
    assert {p.generation for p in asked} == {1}
    desk.run()
    assert {look(desk, p).status for p in asked} == {Status.FAILED if closed else Status.COMPLETED}


def test_two_rounds_of_the_clock_at_once_close_a_pool_once(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "4")
    desk.clock.forward(hours=24)
    rounds: list[int] = []
    before_next_write(desk, lambda: rounds.append(desk.close_pools()))
    assert (desk.close_pools(), rounds) == (0, [1])
    desk.run()
    refunded(desk, [asked], "its pool did not fill by its deadline")


def test_a_round_that_is_cut_short_leaves_the_rest_to_the_next(desk: Desk, ann: Owner) -> None:
    for n in range(3):
        desk.list_exchange_asset(f"X{n}")
        desk.purchase(ann, "4", asset_id=f"X{n}")
    desk.clock.forward(hours=24)
    looks = iter([True])
    assert desk.purchases.pooling.close_overdue_pools(lambda: next(looks, False)) == 1
    assert desk.close_pools() == 2
    desk.run()
    assert dollars(desk, ann) == FREE


# What a crash has left


def test_the_sweeper_starts_what_was_never_started(desk: Desk, ann: Owner, bob: Owner) -> None:
    desk.world.client = Unreachable()
    direct, pooled = desk.purchase(ann, "10"), [desk.purchase(ann, "4"), desk.purchase(bob, "6")]
    expired = desk.purchase(bob, "1")
    desk.clock.forward(hours=24)
    assert desk.close_pools() == 1
    desk.world.client = desk.world.machines
    assert desk.world.machines.executions == []
    desk.mark("SOL", "100")
    desk.clock.forward(minutes=1)
    assert desk.sweeper.sweep(lambda: True).started == 3
    desk.run()
    assert {look(desk, p).status for p in (direct, *pooled)} == {Status.COMPLETED}
    assert (look(desk, expired).status, waiting(desk)) == (Status.FAILED, [])
    assert (dollars(desk, ann), dollars(desk, bob)) == ((Money(986), ZERO), (Money(994), ZERO))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("task", range(8))
def test_a_restart_of_the_machines_during_any_task_is_no_loss(
    desk: Desk, three: list[Purchase], task: int, when: str
) -> None:
    counter = iter(range(10_000))
    desk.world.process = lambda: desk.world.machines.restart() if next(counter) == task else None
    if when == "after":
        desk.world.fake.drop_answer_next("place")
    desk.run()
    assert [look(desk, p).total_amount for p in three] == [Money(4), Money(3), Money(5)]
    assert len(at_the_exchange(desk)) == 1


def test_an_allocation_that_is_short_of_time_goes_on_where_it_was(desk: Desk, three: list[Purchase]) -> None:
    assert desk.batches.place(three[0].batch_id).stage is Stage.POLL
    assert desk.batches.poll(three[0].batch_id).stage is Stage.ALLOCATE
    for given in (1, 2):
        looks = iter([True])
        assert desk.batches.allocate(three[0].batch_id, lambda: next(looks, False)).stage is Stage.ALLOCATE  # noqa: B023
        assert sum(look(desk, p).status is Status.COMPLETED for p in three) == given
        desk.check()
    assert desk.batches.allocate(three[0].batch_id, lambda: True).stage is Stage.DONE
    desk.run()
    assert [look(desk, p).total_amount for p in three] == [Money(4), Money(3), Money(5)]


def test_two_that_allocate_at_once_give_each_member_his_share_once(desk: Desk, three: list[Purchase]) -> None:
    batch_id = three[0].batch_id
    desk.batches.place(batch_id)
    desk.batches.poll(batch_id)
    before_next_write(desk, lambda: desk.batches.allocate(batch_id, lambda: True))
    assert desk.batches.allocate(batch_id, lambda: True).stage is Stage.DONE
    assert [coins(desk, p.owner) for p in three] == [Decimal("0.03996"), Decimal("0.02997"), Decimal("0.04995")]
    assert len(moves(desk, batch_id)) == 5


def test_a_share_that_another_has_just_given_stops_nobody(desk: Desk, three: list[Purchase]) -> None:
    """It is given already, and its hold is not missing: the other was cut short after the first."""
    batch_id, looks = three[0].batch_id, iter([True])
    desk.batches.place(batch_id)
    desk.batches.poll(batch_id)
    before_next_write(desk, lambda: desk.batches.allocate(batch_id, lambda: next(looks, False)))
    assert desk.batches.allocate(batch_id, lambda: True).stage is Stage.DONE
    assert waits_for_person(desk, batch_id) is None


def test_what_else_a_member_has_reserved_pays_no_second_share(desk: Desk, three: list[Purchase]) -> None:
    """Of who has nothing else reserved a second share is refused for want of its hold, whatever guards it."""
    batch_id = three[0].batch_id
    for p in three:
        desk.buy(p.owner, "1", order_price="90")
    desk.batches.place(batch_id)
    desk.batches.poll(batch_id)

    def twice() -> None:
        before_next_write(desk, lambda: desk.batches.allocate(batch_id, lambda: True))
        desk.batches.allocate(batch_id, lambda: True)

    before_next_write(desk, twice)
    assert desk.batches.allocate(batch_id, lambda: True).stage is Stage.DONE
    assert [coins(desk, p.owner) for p in three] == [Decimal("0.03996"), Decimal("0.02997"), Decimal("0.04995")]
    assert [look(desk, p).total_amount for p in three] == [Money(4), Money(3), Money(5)]
    desk.check()


def test_two_that_place_at_once_ask_the_exchange_once(desk: Desk, three: list[Purchase]) -> None:
    stages: list[str] = []
    before_next_write(desk, lambda: stages.append(desk.batches.place(three[0].batch_id).stage))
    stages.append(desk.batches.place(three[0].batch_id).stage)
    assert (stages, len(at_the_exchange(desk))) == ([Stage.POLL, Stage.POLL], 1)
    desk.run()


def test_a_second_execution_of_a_batch_that_is_over_changes_nothing(desk: Desk, three: list[Purchase]) -> None:
    desk.run()
    before, asked = desk.dynamo.items(), desk.world.fake.calls.total()
    batches, batch_id = desk.batches, three[0].batch_id
    tasks = (
        batches.read,
        batches.place,
        batches.resolve,
        batches.poll,
        batches.cancel_order,
        lambda b: batches.allocate(b, lambda: True),
        batches.look_again,
    )
    assert {task(batch_id).stage for task in tasks} == {Stage.DONE}
    assert (desk.dynamo.items(), desk.world.fake.calls.total()) == (before, asked)
    for task in tasks:
        with pytest.raises(BatchNotFound):
            task("B" + "A" * 25)


def test_the_machine_of_a_batch_that_does_not_exist_ends_silently(desk: Desk) -> None:
    desk.machines.start("purchase", "B" + "A" * 25, "B" + "A" * 25)
    desk.world.machines.run()
    (execution,) = desk.world.machines.executions
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "Bought")


# A member whose account is not as it was


@contextmanager
def account_of_another(desk: Desk, owner: Owner) -> Iterator[None]:
    """The name is somebody else's, until the block ends."""
    (item,) = [i for i in desk.dynamo.items() if (i["PK"]["S"], i["SK"]["S"]) == (owner.username, "BALANCE")]
    desk.dynamo.put_item(TableName="desk", Item={**item, "sub": {"S": "another-sub"}})
    try:
        yield
    finally:
        desk.dynamo.put_item(TableName="desk", Item=item)


@pytest.mark.parametrize("refuse", [False, True], ids=["bought", "refused"])
def test_a_member_whose_name_is_anothers_does_not_block_the_others(
    desk: Desk, three: list[Purchase], refuse: bool
) -> None:
    """A person is asked to look at him."""
    ann, bob, cid = three
    if refuse:
        desk.world.fake.refuse_next()
    with account_of_another(desk, bob.owner):
        desk.run()
        over = Status.FAILED if refuse else Status.COMPLETED
        assert (look(desk, ann).status, look(desk, cid).status, look(desk, bob).status) == (over, over, Status.PENDING)
        assert batch(desk, ann).status is BatchStatus.DECIDED
        asked = waits_for_person(desk, ann.batch_id) or ""
        assert asked.startswith(f"an operator: 1 members can not get their shares: {bob.order_id}: ")
        assert executions(desk, ann.batch_id)[-1].status == "FAILED"
        ran = len(executions(desk, ann.batch_id))
        desk.clock.forward(seconds=OVERDUE_AFTER.total_seconds())
        desk.sweep()
        assert len(executions(desk, ann.batch_id)) == ran
        desk.interventions.redrive(ann.batch_id, "try again", "olga", dry_run=False)  # to no avail
        desk.run()
        assert waits_for_person(desk, ann.batch_id)
    desk.interventions.redrive(ann.batch_id, "it is his again", "olga", dry_run=False)
    desk.run()
    assert (look(desk, bob).status, batch(desk, ann).status, waiting(desk)) == (over, BatchStatus.ALLOCATED, [])
    assert [len(moves(desk, p.order_id)) for p in three] == [2, 2, 2]


# Operators


def test_a_batch_that_is_not_sent_is_voided_and_its_members_refunded(desk: Desk, three: list[Purchase]) -> None:
    before = desk.dynamo.items()
    said = void(desk, three[0], dry_run=True)
    assert (said.before, said.after, said.done, said.says) == (
        BatchStatus.CLOSED,
        BatchStatus.DECIDED,
        False,
        "its members are refunded",
    )
    assert desk.dynamo.items() == before
    done = void(desk, three[0])
    assert (done.before, done.after, done.done) == (BatchStatus.CLOSED, BatchStatus.DECIDED, True)
    assert audited(desk) == [("batches void", three[0].batch_id)]
    desk.run()
    refunded(desk, three, f"not bought: {CALLED_OFF}")
    assert at_the_exchange(desk) == []


def test_a_batch_that_is_sent_while_it_is_voided_is_not_voided(desk: Desk, three: list[Purchase]) -> None:
    before_next_write(desk, lambda: desk.batches.place(three[0].batch_id))
    with pytest.raises(BatchNotStuck):
        void(desk, three[0])
    assert audited(desk) == []
    desk.run()
    assert {look(desk, p).status for p in three} == {Status.COMPLETED}


def test_a_batch_that_is_voided_while_it_is_sent_is_not_sent(desk: Desk, three: list[Purchase]) -> None:
    before_next_write(desk, lambda: void(desk, three[0]))
    assert desk.batches.place(three[0].batch_id).stage in (Stage.ALLOCATE, Stage.DONE)
    desk.run()
    refunded(desk, three, f"not bought: {CALLED_OFF}")
    assert desk.world.fake.calls["place"] == 0


def at(desk: Desk, status: BatchStatus, owner: Owner) -> Purchase:
    """A direct purchase whose batch is so."""
    asked = stopped_before(desk, "155.50", owner)
    match status:
        case BatchStatus.PLACED:
            desk.world.fake.drop_answer_next("place")
            assert desk.batches.place(asked.batch_id).stage is Stage.RESOLVE
        case BatchStatus.WORKING:
            desk.batches.place(asked.batch_id)
        case BatchStatus.DECIDED:
            desk.world.fake.refuse_next()
            desk.batches.place(asked.batch_id)
        case BatchStatus.ALLOCATED:
            desk.run()
    assert batch(desk, asked).status is status
    return asked


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    "status", [BatchStatus.PLACED, BatchStatus.WORKING, BatchStatus.DECIDED, BatchStatus.ALLOCATED]
)
def test_a_batch_that_the_exchange_may_have_or_that_is_over_is_not_voided(
    desk: Desk, ann: Owner, status: BatchStatus, dry_run: bool
) -> None:
    asked = at(desk, status, ann)
    before = desk.dynamo.items()
    with pytest.raises(BatchNotStuck):
        void(desk, asked, dry_run=dry_run)
    assert desk.dynamo.items() == before
    desk.run()


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_no_batch_is_not_voided(desk: Desk, ann: Owner, dry_run: bool) -> None:
    pooled = desk.purchase(ann, "4")  # its generation is open
    for batch_id in ("B" + "A" * 25, pooled.batch_id, pooled.order_id, direct_batch_id(pooled.order_id)):
        with pytest.raises(BatchNotFound):
            desk.batches.void(batch_id, "because", "olga", dry_run=dry_run)


def forgotten(desk: Desk, asked: Purchase) -> None:
    """The exchange has lost the order that it had accepted, whatever id it is asked by."""

    def unknown(*_: Any) -> OrderReport:
        raise ExchangeOrderUnknown("no such order")

    desk.world.exchange = around(desk.world.fake, order=unknown, find=unknown)


def test_a_forgotten_order_is_voided_by_a_person_when_it_is_late_enough(desk: Desk, ann: Owner) -> None:
    asked = at(desk, BatchStatus.WORKING, ann)
    forgotten(desk, asked)
    with pytest.raises(BatchNotStuck):
        void(desk, asked)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    said = void(desk, asked, dry_run=True)
    assert (said.done, said.before) == (False, BatchStatus.WORKING)
    assert said.says == "its members are refunded, and were anything bought, it is the desk's"
    done = void(desk, asked)
    assert (done.done, done.after) == (True, BatchStatus.DECIDED)
    assert exchange_order(desk, asked).status is AtExchange.LOST
    desk.run()
    refunded(desk, [asked], "not bought: the exchange does not know the order any more")
    assert waiting(desk) == []


def test_a_voided_order_that_turns_up_is_for_a_person(desk: Desk, ann: Owner) -> None:
    asked = at(desk, BatchStatus.WORKING, ann)
    forgotten(desk, asked)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    void(desk, asked)
    desk.world.exchange = desk.world.fake
    desk.run()
    refunded(desk, [asked], "not bought: the exchange does not know the order any more")
    assert waits_for_person(desk, asked.batch_id)
    assert desk.clock.at - asked.created_at >= timedelta(seconds=LAST_LOOK_SECONDS)
    void(desk, asked)
    assert (waiting(desk), audited(desk)) == ([], [("batches void", asked.batch_id)] * 2)


def test_a_batch_that_waits_for_a_price_is_voided_and_its_machine_goes_on(desk: Desk, three: list[Purchase]) -> None:
    desk.clock.forward(minutes=3)
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at > began + timedelta(minutes=5))
    void(desk, three[0])
    desk.run()
    refunded(desk, three, f"not bought: {CALLED_OFF}")
    assert len(executions(desk, three[0].batch_id)) == 1
