"""Every call that a use case makes to the table × everything that can go wrong at it, and the user's retry after it.

After each, dollars and coins are conserved; after the retry the thing is done once, or refused as it would have been.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from common.domain.catalogue.model import Asset, Execution
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.payouts.events import Taken
from common.domain.payouts.model import PayoutUnsettled
from common.gateways.bank import BankEvent
from common.money import Money
from common.owner import Owner
from common.table.transaction import Patience
from functions.operations.model import StillRunning
from functions.orders.model import Status
from tests import books
from tests.desk import NOON, TABLE, Clock, Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import Faults
from tests.harness.memory import InMemoryDynamoDB

Act = Callable[[Desk], Any]  # on a desk whose table may fail
UseCase = Callable[[Desk, Owner], Act]  # prepares, on a desk where nothing fails, what is acted on then


def buy(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.place(ann, "BUY", "1", key="k").made.order_id


def buy_too_much(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.place(ann, "BUY", "1000", key="k")


def buy_again_at_a_price_that_has_left_the_protection(quiet: Desk, ann: Owner) -> Act:
    from common.money import Price

    quiet.place(ann, "BUY", "1", key="k", max_price=Price(100))
    quiet.mark("BTC", "101")
    return lambda desk: desk.place(ann, "BUY", "1", key="k", max_price=Price(100)).made.order_id


def sell(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "3")
    return lambda desk: desk.place(ann, "SELL", "1", key="k").made.order_id


def sell_everything(quiet: Desk, ann: Owner) -> Act:
    quiet.mark("BTC", "33.333333")
    quiet.buy(ann, "3")
    quiet.sell(ann, "1")
    return lambda desk: desk.place(ann, "SELL", "2", key="k").made.order_id


def sell_too_much(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "1")
    return lambda desk: desk.place(ann, "SELL", "2", key="k")


def rest_a_buy(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.place(ann, "BUY", "1", key="k", order_price="90").made.order_id


def rest_a_sale(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    return lambda desk: desk.place(ann, "SELL", "1", key="k", order_price="110").made.order_id


def cancel(side: str) -> UseCase:
    def use_case(quiet: Desk, ann: Owner) -> Act:
        quiet.buy(ann, "2")
        order = quiet.place(ann, side, "1", order_price="90" if side == "BUY" else "110").made
        return lambda desk: desk.orders.cancel(ann, order.order_id).made.status

    return use_case


def cancel_all(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    for _ in range(2):
        quiet.buy(ann, "1", order_price="90")
        quiet.sell(ann, "1", order_price="110")
    return lambda desk: desk.orders.cancel_all(ann, None, None).after


def fill(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    orders = [quiet.buy(ann, "1", order_price="100"), quiet.sell(ann, "1", order_price="100")]

    def rounds(desk: Desk) -> list[Status]:
        desk.match()
        seen = Desk(desk.dynamo).orders
        ends = [seen.order(ann, order.order_id).status for order in orders]
        assert ends == [Status.COMPLETED] * 2, "a further round is needed"
        return ends

    return rounds


def expire(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    quiet.buy(ann, "1", order_price="90")
    quiet.sell(ann, "1", order_price="110")

    def late(desk: Desk) -> int:
        desk.clock.at = max(desk.clock.at, NOON + timedelta(days=31))
        return desk.expire()

    return late


def end_by_hand(quiet: Desk, ann: Owner) -> Act:
    order = quiet.buy(ann, "1", order_price="90")
    return lambda desk: desk.orders.fail(order.order_id, "delisted", "olga").after


def open_an_account(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.accounts.open(Owner("new", "sub-new"))[0].owner


def deposit(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.accounts.deposit(ann, "k", Money(5)).made.transfer_id


def deposit_over_the_limit(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.accounts.deposit(ann, "k", Money(999_999))


def credit(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.accounts.credit("ann", "k", Money(5), "wire 42", "olga").id


def withdraw(quiet: Desk, ann: Owner) -> Act:
    return lambda desk: desk.accounts.withdraw(ann, "k", Money(5), "ann-bank").made.transfer_id


def withdraw_to_a_client_that_was_blocked_since(quiet: Desk, ann: Owner) -> Act:
    quiet.accounts.withdraw(ann, "k", Money(5), "ann-bank")
    quiet.clients(ann, ClientStatus.BLOCKED)
    return withdraw(quiet, ann)


def pay(quiet: Desk, ann: Owner) -> Act:
    asked = withdraw(quiet, ann)(quiet)
    return lambda desk: desk.by_hand("mark_paid", asked, "wire 42", "olga").after


def reject(quiet: Desk, ann: Owner) -> Act:
    asked = withdraw(quiet, ann)(quiet)
    return lambda desk: desk.by_hand("give_back", asked, "no such bank", "olga").after


def rejected_by_the_bank(quiet: Desk, ann: Owner) -> str:
    quiet.world.simulated.set_outcome("refuse")
    asked = str(withdraw(quiet, ann)(quiet))
    quiet.run(sweep=False)
    return asked


def pay_what_the_bank_has_rejected(quiet: Desk, ann: Owner) -> Act:
    asked = rejected_by_the_bank(quiet, ann)
    return lambda desk: desk.by_hand("mark_paid", asked, "wire 42", "olga").after


def reject_what_the_bank_has_rejected(quiet: Desk, ann: Owner) -> Act:
    asked = rejected_by_the_bank(quiet, ann)
    return lambda desk: desk.by_hand("give_back", asked, "no such bank", "olga").after


def try_again_what_the_bank_has_rejected(quiet: Desk, ann: Owner) -> Act:
    asked = rejected_by_the_bank(quiet, ann)
    return lambda desk: desk.by_hand("retry", asked, "the bank is back", "olga").after


def redrive(quiet: Desk, ann: Owner) -> Act:
    """Of what was never started: in this world no execution runs until somebody starts one."""
    asked = withdraw(quiet, ann)(quiet)

    def act(desk: Desk) -> str | None:
        try:
            return desk.operations.redrive(asked, "the bank is back", "olga").after
        except StillRunning:  # the answer was lost, and it was done
            return desk.operations.story(asked).status

    return act


def give_an_attempt_up(quiet: Desk, ann: Owner) -> Act:
    quiet.world.simulated.set_outcome("pending")
    asked = withdraw(quiet, ann)(quiet)
    quiet.world.machines.run()

    def act(desk: Desk) -> str | None:
        try:
            return desk.by_hand("abandon", asked, "ticket 4714", "olga").after
        except PayoutUnsettled:  # the answer was lost, and it was done
            return desk.accounts.withdrawal(ann, asked).status

    return act


def unpaid_sale(act: str) -> UseCase:
    """What an operator does about a sale whose payouts the bank has rejected."""

    def use_case(quiet: Desk, ann: Owner) -> Act:
        quiet.buy(ann, "2")
        quiet.world.simulated.set_outcome("refuse")
        order_id = quiet.cash_out(ann, "1").order_id
        quiet.run(sweep=False)
        return lambda desk: desk.by_hand(act, order_id, "ticket 4713", "olga").after

    return use_case


def event(says: str, *, known: bool = True) -> Callable[[Desk, Owner], BankEvent]:
    """What the bank tells of a withdrawal, or of nothing that it was sent."""

    def told(quiet: Desk, ann: Owner) -> BankEvent:
        quiet.world.simulated.set_outcome(says)
        withdraw(quiet, ann)(quiet)
        quiet.world.machines.run()
        quiet.clock.forward(seconds=5)
        quiet.world.simulated.settle()
        (said,) = quiet.world.simulated.take_events()
        reference_id = said.adjustment.reference_id if known else f"W{'A' * 25}-01"
        return replace(said, adjustment=replace(said.adjustment, reference_id=reference_id))

    return told


def hear(says: str) -> UseCase:
    def use_case(quiet: Desk, ann: Owner) -> Act:
        said = event(says)(quiet, ann)
        return lambda desk: desk.events.receive(said)

    return use_case


def hear_of_nothing(quiet: Desk, ann: Owner) -> Act:
    said = event("complete", known=False)(quiet, ann)
    return lambda desk: desk.events.receive(said)


def replay_an_event(quiet: Desk, ann: Owner) -> Act:
    said = event("complete", known=False)(quiet, ann)
    quiet.events.receive(said)
    return lambda desk: desk.operations.replay(said.event_id, "let us see", "olga").after


def dismiss_an_event(quiet: Desk, ann: Owner) -> Act:
    said = event("complete", known=False)(quiet, ann)
    quiet.events.receive(said)
    return lambda desk: desk.operations.dismiss(said.event_id, "a test of theirs", "olga").after


def save_a_client(quiet: Desk, ann: Owner) -> Act:
    client = Client("new", ClientKind.BANKING, ann, ClientStatus.ACTIVE, NOON, "acc-2")
    return lambda desk: desk.operations.save_client(client, "his papers are complete", "olga").after


def save_an_asset(quiet: Desk, ann: Owner) -> Act:
    asset = Asset("OP", "Optimism", 8, Money(1), Money(1000), Execution.INSTANT, True, "optimism", 120)
    return lambda desk: desk.operations.save_asset(asset, "a new coin", "olga").after


def look(quiet: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    quiet.buy(ann, "1", order_price="90")

    def everything(desk: Desk) -> tuple[Any, ...]:
        orders = desk.orders.orders(ann, limit=10, after=None)
        history = desk.orders.history(ann, "BTC", limit=10, after=None)
        reconciled = desk.operations.reconcile(ann)
        return (desk.orders.portfolio(ann).balance, len(orders.items), len(history.items), reconciled.differences)

    return everything


USE_CASES: dict[str, UseCase] = {
    use_case.__name__: use_case
    for use_case in (
        buy,
        buy_too_much,
        buy_again_at_a_price_that_has_left_the_protection,
        sell,
        sell_everything,
        sell_too_much,
        rest_a_buy,
        rest_a_sale,
        cancel_all,
        fill,
        expire,
        end_by_hand,
        open_an_account,
        deposit,
        deposit_over_the_limit,
        credit,
        withdraw,
        withdraw_to_a_client_that_was_blocked_since,
        pay,
        reject,
        pay_what_the_bank_has_rejected,
        reject_what_the_bank_has_rejected,
        try_again_what_the_bank_has_rejected,
        redrive,
        give_an_attempt_up,
        hear_of_nothing,
        replay_an_event,
        dismiss_an_event,
        save_a_client,
        save_an_asset,
        look,
    )
} | {
    "cancel_a_buy": cancel("BUY"),
    "cancel_a_sale": cancel("SELL"),
    "hear_that_it_is_paid": hear("complete"),
    "hear_that_it_is_rejected": hear("fail"),
    "retry_the_payout_of_a_sale": unpaid_sale("retry"),
    "mark_a_sale_filled": unpaid_sale("mark_paid"),
    "credit_a_sale_here": unpaid_sale("give_back"),
}
IN_PAIRS = ("buy", "sell", "cancel_a_sale", "withdraw", "pay", "hear_that_it_is_paid")
# An answer that is lost was perhaps an answer: the repeat then finds it done.
REPEATS: dict[str, set[Any]] = {
    "hear_that_it_is_paid": {Taken.APPLIED, Taken.REPEATED},
    "hear_that_it_is_rejected": {Taken.APPLIED, Taken.REPEATED},
    "hear_of_nothing": {Taken.PARKED, Taken.REPEATED},
}


def is_as_good(name: str, first: Any, again: Any) -> bool:
    return name == "expire" or first == again or {first, again} <= REPEATS.get(name, set())


def scenario(use_case: UseCase) -> Callable[[Faults], Scene]:
    quiet = Desk()
    quiet.list_asset("BTC", "100", price_age_max_seconds=86_400)
    ann = quiet.customer(usd="1000.00")
    quiet.clients(ann)
    act = use_case(quiet, ann)

    def build(faults: Faults) -> Scene:
        dynamo = quiet.dynamo.copy()
        desk = Desk(dynamo, Clock(quiet.clock.at + timedelta(seconds=1)), client=faults.client(dynamo))
        desk.patience = Patience(
            budget_seconds=0.1, monotonic=desk.clock.monotonic, sleep=desk.clock.sleep, jitter=lambda: 0.5
        )

        def check() -> None:
            items = dynamo.items()
            books.check(items)
            assert quiet.outside is None or not quiet.outside.violations(items)

        return Scene(act=lambda: act(desk), check=check)

    return build


@pytest.mark.parametrize("name", USE_CASES)
def test_a_fault_at_any_call_loses_nothing_and_the_retry_finishes_it(name: str) -> None:
    report = crash_matrix(scenario(USE_CASES[name]), same=partial(is_as_good, name))
    assert report.runs > len(report.calls) > 0
    assert not report.violations, report


@pytest.mark.parametrize("name", IN_PAIRS)
def test_two_faults_one_after_the_other_lose_nothing_either(name: str) -> None:
    report = crash_matrix(scenario(USE_CASES[name]), pairs=True, same=partial(is_as_good, name))
    assert not report.violations, report


def test_a_purchase_made_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: a retry under a new id each time, as if the key were not the record."""
    from functions.orders import model

    ids = iter(f"O{'A' * 24}{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    monkeypatch.setattr(model, "order_id", lambda *_: next(ids))

    def build(faults: Faults) -> Scene:
        dynamo = InMemoryDynamoDB(TABLE)
        quiet, desk = Desk(dynamo), Desk(dynamo, client=faults.client(dynamo))
        quiet.list_asset("BTC", "100")
        ann = quiet.customer()

        def once() -> None:
            orders = [item for item in dynamo.items() if item["entity_type"] == {"S": "order"}]
            assert len(orders) <= 1, "the purchase was made twice"

        act = buy(quiet, ann)
        return Scene(act=lambda: act(desk), check=once)

    assert crash_matrix(build).violations
