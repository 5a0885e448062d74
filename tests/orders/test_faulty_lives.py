"""Lives with faults: whatever fails at the table, a user who repeats what he asked gets it once or is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from common.domain.fees import Tier
from common.errors import Refusal, Unavailable
from common.money import Money
from common.table.transaction import Patience
from tests.depth import deep
from tests.desk import TABLE, Desk
from tests.harness.faults import (
    AnswerLost,
    Conflict,
    Crash,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    Faults,
    InternalError,
    LateIndex,
    StaleRead,
    Throttle,
    by_chance,
    never,
)
from tests.harness.memory import InMemoryDynamoDB

RATES: dict[Fault, float] = {
    Conflict(): 0.08,
    Throttle(): 0.04,
    FailBefore(): 0.03,
    AnswerLost(): 0.05,
    InternalError(after=True): 0.02,
    CrashBefore(): 0.04,
    CrashAfter(): 0.04,
    LateIndex(3): 0.15,
    StaleRead(2): 0.15,
}
STEPS, BLOCK = 40, deep(everyday=2, full=30)


def live(seed: int) -> Desk:
    """A random life of two customers, an operator, the bank, the market and the clock, on a table where things go
    wrong. Each task of a machine is a process of its own; the bank sends a webhook until it is taken."""
    chance, dynamo, faults = Random(seed), InMemoryDynamoDB(TABLE), Faults(never)
    desk = Desk(dynamo, client=faults.client(dynamo))
    desk.patience = Patience(
        budget_seconds=0.2, monotonic=desk.clock.monotonic, sleep=desk.clock.sleep, jitter=chance.random
    )
    desk.list_asset("BTC", "100", min_notional="0.01", fees_bps={Tier.STANDARD: 40, Tier.GOLD: 15})
    users = [desk.customer(name, "500.00") for name in ("ann", "bob")]
    for owner in users:
        desk.clients(owner)
    resting: list[tuple[Any, str]] = []
    withdrawals: list[str] = []
    faults.choose = by_chance(seed, RATES)

    def insist(act: Callable[[], Any]) -> Any:
        """The same request until it is answered: 503 and a dead function both mean "ask again"."""
        for _ in range(200):
            try:
                return act()
            except Unavailable:
                continue
            except Crash:
                faults.restart()
            except Refusal:
                return None
        raise AssertionError("never answered")

    desk.world.process = faults.restart
    desk.world.deliver_event = lambda events, event: insist(lambda: events.receive(event))
    for step in range(STEPS):
        owner, key = chance.choice(users), f"{seed}-{step}"
        quantity, price = f"{chance.randint(1, 300) / 100}", f"{chance.randint(5000, 15000) / 100}"
        side = chance.choice(["BUY", "SELL"])
        match chance.randrange(11):
            case 0 | 1 | 2:
                insist(lambda: desk.place(owner, side, quantity, key=key))  # noqa: B023  called at once
            case 3 | 4:
                placed = insist(lambda: desk.place(owner, side, quantity, key=key, order_price=price))  # noqa: B023
                if placed:
                    resting.append((owner, placed.made.order_id))
            case 5:
                if resting:
                    order = resting.pop(chance.randrange(len(resting)))
                    insist(lambda: desk.orders.cancel(*order))  # noqa: B023
            case 6:
                desk.mark("BTC", price)
                with suppress(Crash, Unavailable):
                    desk.match()
                faults.restart()
            case 7:
                bank, amount = f"{owner.username}-bank", Money(f"{chance.randint(1, 30) / 10}")  # no magic cents
                asked = insist(lambda: desk.accounts.withdraw(owner, key, amount, bank))  # noqa: B023
                if asked:
                    withdrawals.append(asked.made.transfer_id)
            case 8:
                if withdrawals:
                    act = chance.choice(["mark_paid", "give_back", "retry"])
                    insist(lambda: desk.by_hand(act, withdrawals[0]))  # noqa: B023
                    withdrawals.pop(0)
            case 9:
                desk.world.simulated.set_outcome(chance.choice(["complete", "complete", "fail", "refuse"]), times=1)
                desk.clock.forward(seconds=chance.randint(0, 5))
                desk.world.machines.run()
                desk.world.deliver(desk.events)
                faults.restart()
            case 10:
                tier = chance.choice(list(Tier))
                insist(lambda: desk.set_tier(owner.username, tier))  # noqa: B023
        desk.check()
    faults.heal()
    desk.run()
    desk.clock.forward(days=40)
    with suppress(Unavailable):
        desk.expire()
    return desk


@pytest.mark.parametrize("block", range(10))
def test_in_a_faulty_life_nothing_is_lost_or_doubled_or_left_undone(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        try:
            desk = live(seed)
            desk.check()
            assert not [i for i in desk.dynamo.items() if i["entity_type"] == {"S": "book_entry"}], "still resting"
            assert not desk.waiting(), "still to be paid"
        except AssertionError as violation:
            raise AssertionError(f"live({seed}): {violation}") from violation
