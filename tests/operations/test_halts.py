"""One operator halts a flow, within five seconds; another lifts it. What is halted takes nothing and sends nothing, and
strands nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from common.domain.catalogue.model import AssetNotFound
from common.domain.catalogue.store import VIEW_SECONDS
from common.domain.flow_halts import FLOWS, Flow, Halted, ImpossibleHalt
from common.domain.halts import HaltMoved, HaltOwn
from common.gateways.bank import Adjustment
from common.money import ZERO, Money
from common.owner import Owner
from functions.offramp.model import Status as CashOut
from functions.orders.model import Side, Status, Terms
from functions.purchases.model import PLACE_LIMIT, BatchStatus, Purchase
from functions.purchases.model import Status as Bought
from tests.desk import Desk
from tests.seen import around, at_the_exchange, attempts, before_next_write, decided, dollars, executions, paid, status


@pytest.fixture
def ann(desk: Desk) -> Owner:
    ann = desk.customer("ann")
    desk.clients(ann)
    return ann


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.list_exchange_asset(price_age_max_seconds=86_400)
    return desk


# Of operators


def test_who_has_halted_does_not_lift_it_and_another_does(desk: Desk) -> None:
    assert desk.flows.halt(Flow.ORDERS, None, "strange prices", "olga", dry_run=False).done
    assert not desk.flows.halt(Flow.ORDERS, None, "strange prices", "olga", dry_run=False).done
    with pytest.raises(HaltOwn):
        desk.flows.lift(Flow.ORDERS, None, "over", "olga", dry_run=False)
    assert desk.flows.lift(Flow.ORDERS, None, "over", "oleg", dry_run=False).done
    assert not desk.flows.lift(Flow.ORDERS, None, "over", "oleg", dry_run=False).done
    assert desk.flows.halts() == []
    told = [(entry.operator, entry.action, entry.subject, entry.detail) for entry in audited(desk)]
    assert told == [("oleg", "halt lift", "orders", "over"), ("olga", "halt orders", "orders", "strange prices")]


def test_what_two_have_halted_a_third_lifts(desk: Desk) -> None:
    for operator in ("olga", "oleg"):
        assert desk.flows.halt(Flow.ALL, None, "a drill", operator, dry_run=False).done
    for operator in ("olga", "oleg"):
        with pytest.raises(HaltOwn):
            desk.flows.lift(Flow.ALL, None, "over", operator, dry_run=False)
    assert desk.flows.lift(Flow.ALL, None, "over", "omar", dry_run=False).done


def test_a_halt_of_the_same_moment_is_not_lifted_unseen(desk: Desk) -> None:
    """Who lifts has read a halt of one operator, and another has halted it since: perhaps he himself."""
    desk.halt("orders")
    before_next_write(desk, lambda: desk.halt("orders", operator="oleg"))
    with pytest.raises(HaltMoved):
        desk.flows.lift(Flow.ORDERS, None, "over", "oleg", dry_run=False)
    assert [list(halt.operators) for halt in desk.flows.halts()] == [["olga", "oleg"]]


def test_of_two_who_halt_at_once_neither_is_forgotten(desk: Desk) -> None:
    before_next_write(desk, lambda: desk.halt("orders", operator="oleg"))
    with pytest.raises(HaltMoved):
        desk.flows.halt(Flow.ORDERS, None, "a drill", "olga", dry_run=False)
    assert desk.flows.halt(Flow.ORDERS, None, "a drill", "olga", dry_run=False).done
    assert [list(halt.operators) for halt in desk.flows.halts()] == [["oleg", "olga"]]


def test_a_dry_run_halts_nothing_and_lifts_nothing(desk: Desk) -> None:
    assert not desk.flows.halt(Flow.ORDERS, None, "a drill", "olga", dry_run=True).done
    assert desk.flows.halts() == []
    desk.halt("orders")
    assert not desk.flows.lift(Flow.ORDERS, None, "over", "oleg", dry_run=True).done
    assert len(desk.flows.halts()) == 1


def test_payouts_have_no_asset_and_an_asset_is_one_of_the_catalogue(desk: Desk) -> None:
    """A name that is misspelt would halt nothing, and nobody would notice."""
    with pytest.raises(ImpossibleHalt):
        desk.flows.halt(Flow.PAYOUTS, "BTC", "a drill", "olga", dry_run=False)
    with pytest.raises(AssetNotFound):
        desk.flows.halt(Flow.ORDERS, "BTX", "a drill", "olga", dry_run=False)


def test_who_lifts_is_told_what_else_is_halted(desk: Desk) -> None:
    desk.halt("all")
    desk.halt("orders", "BTC")
    desk.halt("purchases")
    told = desk.flows.lift(Flow.ALL, None, "over", "oleg", dry_run=False).says
    assert told.endswith("; still halted: orders:BTC, purchases")
    assert desk.flows.lift(Flow.CASH_OUTS, None, "over", "oleg", dry_run=False).says.endswith("nothing to do")


# Orders


def test_a_halt_of_orders_holds_within_five_seconds_and_so_does_its_end(desk: Desk, ann: Owner) -> None:
    """In a process that has just looked at the catalogue."""
    desk.catalogue_is_cached()
    desk.buy(ann, "1")
    desk.halt("orders")
    desk.clock.forward(seconds=VIEW_SECONDS)
    with pytest.raises(Halted) as no:
        desk.buy(ann, "1")
    assert no.value.facts == {"flow": "orders", "retry_after_seconds": 60}
    desk.lift("orders")
    desk.clock.forward(seconds=VIEW_SECONDS)
    assert desk.buy(ann, "1").status is Status.COMPLETED
    assert VIEW_SECONDS <= 5


def test_while_orders_are_halted_neither_orders_nor_quotes_are_taken(desk: Desk, ann: Owner) -> None:
    promised = desk.orders.quote(ann, "q", Terms("BTC", Side.BUY, quantity=Decimal(1))).made
    desk.halt("orders")
    before = desk.dynamo.items()
    with pytest.raises(Halted):
        desk.buy(ann, "1", order_price="90")
    with pytest.raises(Halted):
        desk.orders.quote(ann, "r", Terms("BTC", Side.BUY, quantity=Decimal(1)))
    with pytest.raises(Halted):
        desk.buy(ann, "1", quote_id=promised.quote_id)
    assert desk.dynamo.items() == before


def test_what_was_taken_before_a_halt_is_a_repeat_for_ever(desk: Desk, ann: Owner) -> None:
    first = desk.place(ann, "BUY", "1", key="k").made
    desk.halt("orders")
    again = desk.place(ann, "BUY", "1", key="k")
    assert (again.replayed, again.made) == (True, first)


def test_what_rests_is_not_filled_while_it_is_halted_but_cancelled_or_expired(desk: Desk, ann: Owner) -> None:
    kept, unwanted = desk.buy(ann, "2", order_price="90"), desk.buy(ann, "1", order_price="95")
    desk.halt("orders")
    desk.mark("BTC", "90")
    with pytest.raises(Halted):
        desk.match()
    assert desk.orders.cancel(ann, unwanted.order_id).made.status is Status.CANCELLED
    assert dollars(desk, ann) == (Money(820), Money(180))
    desk.lift("orders")
    assert desk.match() == 1
    assert desk.orders.order(ann, kept.order_id).status is Status.COMPLETED


def test_a_halt_in_the_middle_of_a_round_leaves_the_rest_of_it_unfilled(desk: Desk, ann: Owner) -> None:
    """It is looked at before each order."""
    for _ in range(2):
        desk.buy(ann, "1", order_price="95")
    desk.mark("BTC", "90")
    desk.catalogue_is_cached()

    def halted() -> None:
        desk.halt("orders")
        desk.clock.forward(seconds=VIEW_SECONDS)

    catalogue = desk.catalogue
    before_next_write(desk, halted)
    assert desk.book.match(catalogue, "BTC", lambda: True) == 1


def test_a_halt_of_one_asset_leaves_the_others_alone(desk: Desk, ann: Owner) -> None:
    desk.list_asset("ETH", "100")
    for flow in ("orders", "all"):
        desk.halt(flow, "BTC")
        with pytest.raises(Halted, match="of BTC"):
            desk.buy(ann, "1")
        assert desk.buy(ann, "1", "ETH").status is Status.COMPLETED
        desk.lift(flow, "BTC")
    assert desk.buy(ann, "1").status is Status.COMPLETED


def test_a_halt_of_one_flow_leaves_the_others_alone(desk: Desk, ann: Owner) -> None:
    """And a halt of all none."""
    takes: dict[str, Callable[[], Any]] = {
        "orders": lambda: desk.buy(ann, "1"),
        "purchases": lambda: desk.purchase(ann, "20"),
        "cash-outs": lambda: desk.cash_out(ann, "0.1"),
        "payouts": lambda: desk.accounts.withdraw(ann, next(desk.keys), Money(10), "ann-bank"),
    }
    desk.buy(ann, "2")
    for halted in takes:
        desk.halt(halted)
        for name, take in takes.items():
            stopped = {halted} | ({"cash-outs"} if halted == "payouts" else set())
            if name in stopped:
                with pytest.raises(Halted):
                    take()
            else:
                take()
        desk.lift(halted)
    desk.halt("all")
    for take in takes.values():
        with pytest.raises(Halted):
            take()


# Purchases


def test_a_pooled_purchase_may_be_left_while_purchases_are_halted(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "5")
    desk.halt("purchases")
    with pytest.raises(Halted):
        desk.purchase(ann, "5")
    desk.bring(ann, "1")
    with pytest.raises(Halted):
        desk.sale(ann, "0.1")
    assert desk.purchases.cancel(ann, asked.order_id).status is Bought.CANCELLED
    assert dollars(desk, ann)[1] == ZERO


def test_a_batch_is_not_placed_while_it_is_halted_and_is_afterwards(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "100")
    desk.halt("purchases")
    with pytest.raises(Halted):
        desk.batches.place(asked.batch_id)
    desk.run(days=0.002)
    assert status(desk, asked.batch_id) == BatchStatus.CLOSED
    assert at_the_exchange(desk) == []
    desk.lift("purchases")
    desk.run()
    assert look(desk, asked).status is Bought.COMPLETED


def test_what_a_halt_has_kept_for_an_hour_is_given_back(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "100")
    desk.halt("purchases", "SOL")
    desk.clock.forward(minutes=61)
    desk.batches.place(asked.batch_id)
    desk.run(days=0.001)
    after = look(desk, asked)
    assert (after.status, dollars(desk, ann)) == (Bought.FAILED, (Money(1000), ZERO))
    assert after.reason is not None
    assert after.reason.startswith("not bought: the desk has halted purchases of SOL")
    assert "a drill" not in after.reason
    assert PLACE_LIMIT.total_seconds() == 3600
    assert at_the_exchange(desk) == []


def test_what_was_placed_before_a_halt_is_bought_and_shared_out(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "100")
    desk.batches.place(asked.batch_id)
    desk.halt("all")
    desk.run()
    assert look(desk, asked).status is Bought.COMPLETED


def test_what_is_too_small_at_its_deadline_is_refunded_though_it_is_halted(desk: Desk, ann: Owner) -> None:
    asked = desk.purchase(ann, "5")
    desk.halt("purchases")
    desk.clock.forward(days=1.1)
    assert desk.close_pools() == 1
    desk.run(days=0.001)
    assert (look(desk, asked).status, dollars(desk, ann)) == (Bought.FAILED, (Money(1000), ZERO))


def test_a_recurring_buy_waits_while_purchases_are_halted(desk: Desk, ann: Owner) -> None:
    desk.halt("purchases")
    desk.recurring_buy(ann, "20")
    assert desk.buy_recurring() == {"ordered": 0, "skipped": 0, "postponed": 1}
    desk.lift("purchases")
    desk.clock.forward(minutes=10)
    desk.mark("SOL", "100")
    assert desk.buy_recurring() == {"ordered": 1, "skipped": 0, "postponed": 0}


# Cash-outs


def test_a_halted_cash_out_holds_nothing_and_asks_the_exchange_for_nothing(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    before = desk.dynamo.items()
    for flow, asset_id in (("cash-outs", None), ("cash-outs", "BTC"), ("payouts", None)):
        desk.halt(flow, asset_id)
        held = desk.dynamo.items()
        with pytest.raises(Halted):
            desk.cash_out(ann, "1", key="k")
        assert desk.dynamo.items() == held
        desk.lift(flow, asset_id)
    assert len(before) < len(desk.dynamo.items())  # by the audit alone
    assert at_the_exchange(desk) == []
    assert desk.cash_out(ann, "1", key="k").status is CashOut.BASE_TXN_PENDING


def test_a_cash_out_that_the_exchange_has_is_sold_and_paid_though_halted(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    order = desk.cash_out(ann, "1")
    desk.halt("cash-outs")
    desk.run()
    assert status(desk, order.order_id) == CashOut.FILLED


# Payouts


def test_a_payout_that_is_not_sent_waits_for_the_end_of_the_halt(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    order = desk.cash_out(ann, "1")
    desk.halt("payouts")
    desk.run(days=0.005)
    assert status(desk, order.order_id) == CashOut.BASE_TXN_COMPLETED
    assert (attempts(desk, order.order_id), desk.world.simulated.records()) == ([], [])
    desk.lift("payouts")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (CashOut.FILLED, ["COMPLETED"])


def test_a_payout_that_a_halt_keeps_for_days_goes_on_by_itself(desk: Desk, ann: Owner) -> None:
    """Its execution has ended long ago: the sweeper starts the next one."""
    asked = desk.accounts.withdraw(ann, "w", Money(50), "ann-bank").made
    desk.halt("payouts")
    desk.run(days=0.001)
    for execution in executions(desk, asked.transfer_id):
        desk.world.machines.kill(execution.arn)
    desk.clock.forward(days=2)
    assert dollars(desk, ann) == (Money(950), Money(50))
    desk.lift("payouts")
    desk.run()
    assert paid(desk, asked.transfer_id) == [(f"{asked.transfer_id}-01", Money(50))]


def test_a_payout_that_was_sent_before_a_halt_is_booked(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: attempts(desk, order.order_id) != [])
    desk.halt("all")
    desk.run()
    assert status(desk, order.order_id) == CashOut.FILLED


def test_who_dies_between_intent_and_bank_sends_nothing_again_while_halted(desk: Desk, ann: Owner) -> None:
    """The attempt is written, the bank has never heard of it, and payouts are halted meanwhile."""
    asked = desk.accounts.withdraw(ann, "w", Money(50), "ann-bank").made

    def dies(_: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        raise KeyboardInterrupt

    real, desk.world.bank = desk.world.bank, around(desk.world.simulated, credit=dies)
    with pytest.raises(KeyboardInterrupt):
        desk.payouts.create(asked.transfer_id)
    desk.world.bank = real
    desk.halt("payouts")
    with pytest.raises(Halted):
        desk.payouts.check(asked.transfer_id)
    assert desk.world.simulated.records() == []
    desk.lift("payouts")
    desk.run()
    assert paid(desk, asked.transfer_id) == [(f"{asked.transfer_id}-01", Money(50))]


def test_a_withdrawal_that_was_asked_for_before_a_halt_is_a_repeat(desk: Desk, ann: Owner) -> None:
    desk.accounts.withdraw(ann, "w", Money(50), "ann-bank")
    desk.halt("payouts")
    assert desk.accounts.withdraw(ann, "w", Money(50), "ann-bank").replayed


# All of it


def test_a_desk_that_was_halted_at_any_moment_balances_and_strands_nothing(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "2")
    desk.cash_out(ann, "1")
    desk.purchase(ann, "50")
    desk.accounts.withdraw(ann, "w", Money(50), "ann-bank")
    for _ in FLOWS:
        desk.halt("all")
        desk.run(days=0.002)
        desk.lift("all")
        desk.run(days=0.001)
    desk.run()
    desk.check()
    assert desk.waiting() == []
    assert dollars(desk, ann)[1] == ZERO


def look(desk: Desk, asked: Purchase) -> Purchase:
    return desk.purchases.purchase(asked.owner, asked.order_id)


def audited(desk: Desk) -> Any:
    return desk.operations.audit("2026-11-21", limit=10, after=None).items


def test_a_coin_that_is_misspelt_halts_nothing_and_is_refused(desk: Desk) -> None:
    """For market making as for the rest: it would look as if it did."""
    desk.market.list_pair()
    with pytest.raises(AssetNotFound, match=r"no coin BTCC, .*: its pairs are of BTC, USDT"):
        desk.flows.halt(Flow.MARKET_MAKING, "BTCC", "a drill", "olga", dry_run=True)
    assert desk.flows.halt(Flow.MARKET_MAKING, "USDT", "a drill", "olga", dry_run=False).done
    assert [halt.coin for halt in desk.flows.halts()] == ["USDT"]


@pytest.mark.parametrize("flow", [Flow.ALL, Flow.MARKET_MAKING])
def test_an_asset_that_the_exchange_calls_otherwise_is_halted_there(desk: Desk, flow: Flow) -> None:
    """Market making knows coins by their markets' names."""
    desk.list_asset("MATIC", exchange_symbol="POL")
    said = desk.flows.halt(flow, "MATIC", "its network has split", "olga", dry_run=False)
    assert said.says.startswith("of MATIC, in market making POL: ")
    (halt,) = desk.flows.halts()
    assert (halt.stops(Flow.MARKET_MAKING, ["POL"]), halt.stops(Flow.MARKET_MAKING, ["MATIC"])) == (True, False)
    assert halt.stops(Flow.ORDERS, ["MATIC"]) is (flow is Flow.ALL)
    assert not halt.stops(Flow.ORDERS, ["POL"])
    assert desk.flows.lift(flow, "MATIC", "one again", "oleg", dry_run=False).done
