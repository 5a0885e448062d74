"""Many at once on one account: every schedule is one that some order of the requests explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from random import Random

import pytest

from common.domain.ledger.model import InsufficientAsset, InsufficientFunds
from common.domain.limits import DailyLimitExceeded
from common.domain.payouts.model import EventOutcome, PayoutUnsettled, Stage
from common.errors import Unavailable
from common.idempotency import Replayable
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.table.transaction import Busy, Patience
from functions.accounts.service import Rules
from functions.offramp.model import SaleUnresolved
from functions.operations.model import NotProposable
from functions.orders.model import Order, OrderNotPending, Status
from tests.depth import deep
from tests.desk import RULES, TABLE, Desk
from tests.harness.faults import (
    AnswerLost,
    Call,
    FailBefore,
    Fault,
    Faults,
    InternalError,
    Throttle,
    by_chance,
)
from tests.harness.interleave import Choice, Interleaver, at_random, in_turn
from tests.harness.memory import InMemoryDynamoDB

SEEDS = range(deep(everyday=5, full=25))


class Uncounted(list[Call]):
    """Tens of thousands of calls with their tracebacks would only keep the garbage collector busy."""

    def append(self, call: Call) -> None:
        pass


def shared(
    choose: Choice, rules: Rules = RULES, faults: Mapping[Fault, float] | None = None
) -> tuple[Desk, Interleaver]:
    """A desk whose every call to the table is a step that others may come before, and may meet a fault besides.
    A step takes 4 ms."""
    interleaver = Interleaver(choose, seconds_per_step=0.004, steps_max=1_000_000)
    patience = Patience(monotonic=interleaver.monotonic, sleep=interleaver.sleep, jitter=Random(1).random)
    dynamo = interleaver.watch(InMemoryDynamoDB(TABLE))
    client = Faults(by_chance(1, faults or {}), calls=Uncounted()).client(dynamo)
    desk = Desk(dynamo, client=client, patience=patience, rules=rules)
    desk.list_asset("BTC", "100", price_age_max_seconds=86_400)
    return desk, interleaver


def insisting(act: Callable[[], Replayable[Order]]) -> Replayable[Order]:
    """A client that does what 503 tells it: the same request again."""
    while True:
        try:
            return act()
        except Unavailable:
            pass


def test_thirty_two_writers_of_one_account_lose_nothing_and_double_nothing() -> None:
    faults = {
        Throttle(): 0.02,
        AnswerLost(): 0.02,
        FailBefore(): 0.02,
        InternalError(after=True): 0.01,
    }
    desk, interleaver = shared(at_random(7), faults=faults)
    ann = desk.customer(usd="1000000.00")
    desk.buy(ann, "500")
    desk.catalogue_is_cached()
    writers, each = 32, deep(everyday=4, full=63)  # 2,016 orders
    kept: list[Replayable[Order]] = []

    def work(writer: int) -> Callable[[], None]:
        chance = Random(writer)

        def trade() -> None:
            for n in range(each):
                side, quantity = chance.choice(["BUY", "BUY", "SELL"]), f"{chance.randint(1, 400) / 100:.2f}"
                kept.append(insisting(partial(desk.place, ann, side, quantity, key=f"{writer}-{n}")))

        return trade

    for outcome in interleaver.run(*map(work, range(writers))):
        outcome.result()
    assert len({placed.made.order_id for placed in kept}) == writers * each
    orders = [item for item in desk.dynamo.items() if item["entity_type"] == {"S": "order"}]
    assert len(orders) == writers * each + 1
    desk.check()
    assert Desk(desk.dynamo).reconciliation.reconcile("ann").differences == []


@pytest.mark.parametrize("choose", [in_turn(), *map(at_random, range(5))], ids=["in turn", *map(str, range(5))])
def test_no_sale_starves_among_buyers_and_sellers_of_the_same_asset(choose: Choice) -> None:
    desk, interleaver = shared(choose)
    ann = desk.customer(usd="1000000.00")
    desk.buy(ann, "100")
    desk.catalogue_is_cached()

    def buyer(n: int) -> Callable[[], object]:
        return lambda: [desk.buy(ann, "1", key=f"b{n}-{i}") for i in range(20)]

    def seller(n: int) -> Callable[[], object]:
        return lambda: [desk.sell(ann, "1", key=f"s{n}-{i}") for i in range(20)]

    for outcome in interleaver.run(*map(buyer, range(4)), *map(seller, range(4))):
        outcome.result()  # no Busy: nobody had to be told to come again
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.quantity.amount, btc.total_sold.amount) == (Decimal(100), Decimal(80))
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_key_sent_by_eight_at_once_is_one_order(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="1000.00")
    desk.catalogue_is_cached()
    outcomes = interleaver.run(*[lambda: desk.place(ann, "BUY", "1", key="k")] * 8)
    placed = [outcome.result() for outcome in outcomes]
    assert Counter(p.replayed for p in placed) == {False: 1, True: 7}
    assert len({p.made.order_id for p in placed}) == 1
    assert desk.accounts.balance(ann).current == Money(900)
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_dollars_are_spent_once(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="250.00")
    desk.clients(ann)
    desk.catalogue_is_cached()
    outcomes = interleaver.run(
        *(partial(desk.buy, ann, "1", key=f"b{n}") for n in range(3)),
        lambda: desk.accounts.withdraw(ann, "w", Money(100), "ann-bank"),
        lambda: desk.buy(ann, "1", order_price="100", key="l"),
    )
    assert Counter(type(o.error) for o in outcomes) == {type(None): 2, InsufficientFunds: 3}
    assert desk.accounts.balance(ann).current == Money(50)
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_units_are_sold_once_and_take_all_the_cost_with_them(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="1000.00")
    desk.mark("BTC", "33.333333")
    desk.buy(ann, "3")
    desk.catalogue_is_cached()
    sales = interleaver.run(*(partial(desk.sell, ann, "1", key=f"s{n}") for n in range(5)))
    assert sum(outcome.error is None for outcome in sales) == 3
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.whole.amount, btc.cost_basis) == (Decimal(0), Money(0))
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_daily_limit_holds_against_deposits_at_once(seed: int) -> None:
    desk, interleaver = shared(at_random(seed), Rules(True, Money(100), Money(100)))
    ann = desk.customer(usd=None)
    outcomes = interleaver.run(*(partial(desk.accounts.deposit, ann, f"d{n}", Money(30)) for n in range(6)))
    assert Counter(type(o.error) for o in outcomes) == {type(None): 3, DailyLimitExceeded: 3}
    assert desk.accounts.balance(ann).current == Money(90)
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_order_that_is_filled_cancelled_and_expired_at_once_ends_one_way(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    orders: list[tuple[Owner, str]] = []
    for side, price in (("BUY", "100"), ("SELL", "100")):
        order = desk.place(ann, side, "1", order_price=price).made
        orders.append((ann, order.order_id))

    def cancel(owner: Owner, order_id: str) -> Callable[[], object]:
        return lambda: desk.orders.cancel(owner, order_id)

    outcomes = interleaver.run(
        desk.match, desk.match, lambda: desk.orders.cancel_all(ann, None, None), *(cancel(*order) for order in orders)
    )
    assert {type(o.error) for o in outcomes} <= {type(None), OrderNotPending}
    ends = [desk.orders.order(*order).status for order in orders]
    assert set(ends) <= {Status.COMPLETED, Status.CANCELLED}
    desk.check()


def withdrawing(seed: int) -> tuple[Desk, Interleaver, Owner, str]:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="100.00")
    desk.clients(ann)
    asked: str = desk.accounts.withdraw(ann, "w", Money(40), "ann-bank").made.transfer_id
    return desk, interleaver, ann, asked


def said_paid(desk: Desk, asked: str) -> OperatorOutcome:
    """An operator proposes that it was paid by another way."""
    propose = desk.proposals.propose
    return propose("withdrawals complete", asked, {}, "wire 42", "by wire", "olga", dry_run=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_withdrawal_that_is_paid_and_rejected_by_hand_at_once_ends_one_way(seed: int) -> None:
    desk, interleaver, ann, asked = withdrawing(seed)
    outcomes = interleaver.run(
        lambda: desk.confirmed(said_paid(desk, asked)),
        lambda: desk.by_hand("give_back", asked, "no such bank", "otto"),
    )
    assert [type(outcome.error) for outcome in outcomes if outcome.error] in ([PayoutUnsettled], [NotProposable])
    assert desk.accounts.balance(ann).held == Money(0)
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_withdrawal_paid_while_operators_decide_is_paid_or_given_back_once(seed: int) -> None:
    desk, interleaver, ann, asked = withdrawing(seed)
    outcomes = interleaver.run(
        lambda: desk.payouts.create(asked),
        lambda: desk.payouts.create(asked),  # another generation of its machine
        lambda: desk.confirmed(said_paid(desk, asked)),
        lambda: desk.by_hand("give_back", asked, "no such bank", "otto"),
        lambda: desk.by_hand("retry", asked, "once more", "olga"),
    )
    assert {type(outcome.error) for outcome in outcomes} <= {type(None), PayoutUnsettled, NotProposable, Busy}
    desk.run()
    sent = len(desk.world.simulated.credits())
    by_hand = [type(outcome.error) for outcome in outcomes[2:4]]
    assert (sent, by_hand.count(type(None))) in {(1, 0), (0, 1)}
    status = desk.accounts.withdrawal(ann, asked).status
    assert status == ("REJECTED" if by_hand[1] is type(None) else "COMPLETED")
    assert desk.accounts.balance(ann).total == Money(100 if status == "REJECTED" else 60)
    assert desk.accounts.balance(ann).held == Money(0)
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_attempt_that_two_webhooks_and_a_look_up_decide_is_decided_once(seed: int) -> None:
    desk, interleaver, ann, asked = withdrawing(seed)
    desk.payouts.create(asked)
    desk.clock.forward(seconds=5)
    desk.world.simulated.settle()
    (event,) = desk.world.simulated.take_events()
    outcomes = interleaver.run(
        lambda: desk.events.receive(event),
        lambda: desk.events.receive(event),
        lambda: desk.events.receive(replace(event, event_id="evt_other")),
        lambda: desk.payouts.check(asked),
        lambda: desk.payouts.wait(asked, "a token that is gone"),
    )
    taken = [outcome.result() for outcome in outcomes[:3]]
    assert taken.count(EventOutcome.APPLIED) <= 1
    assert EventOutcome.PARKED not in taken
    assert outcomes[3].result().stage is Stage.PAID
    assert outcomes[4].error is None
    assert desk.accounts.withdrawal(ann, asked).status == "COMPLETED"
    assert desk.accounts.balance(ann).total == Money(60)
    desk.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_coins_are_sold_here_or_cashed_out_and_not_both(seed: int) -> None:
    desk, interleaver = shared(at_random(seed))
    ann = desk.customer(usd="1000.00")
    desk.clients(ann)
    desk.buy(ann, "1")
    desk.catalogue_is_cached()
    outcomes = interleaver.run(
        lambda: desk.sell(ann, "1", key="s"),
        lambda: desk.sell(ann, "1", key="l", order_price="110"),
        lambda: desk.cash_out(ann, "1", key="c"),
        lambda: desk.cash_out(ann, "1", key="c"),  # the same request twice
        lambda: desk.cash_out(ann, "1", key="d"),
    )
    won = [outcome for outcome in outcomes if outcome.error is None]
    assert {type(outcome.error) for outcome in outcomes} <= {type(None), InsufficientAsset, SaleUnresolved}
    assert len(won) == 1 or won == list(outcomes[2:4])
    desk.run()
    _, (btc,) = desk.orders.holdings(ann)
    assert btc.whole.amount == (1 if outcomes[1] in won else 0)
    desk.check()
