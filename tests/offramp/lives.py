"""Random lives with faults: customers cash out and withdraw, exchange and bank do as they please, processes die.

    python -m tests.offramp.lives 4711            replays one seed and tells what happened
    python -m tests.offramp.lives --from 0 --lives 100000

Time is virtual, the code is the product's own, and a seed gives the same life every time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import cache, partial
from random import Random
from typing import Any

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain.payouts.events import BankEvents
from common.errors import Refusal, Unavailable
from common.gateways.bank import Adjustment, Adjustments, BankEvent, BankRefused, BankUnavailable
from common.money import Money
from common.owner import Owner
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.faults import Crash, Faults, by_chance, never
from tests.lives import RATES, Forgetful, lived, main

COMMAND = "python -m tests.offramp.lives"
STRAY = "N"  # what the ids of stray orders begin with
# What becomes of a sale: mostly it fills. The others are the exchange's magic quantities.
QUANTITIES = ("all", "1", "0.5", "2.00001", "0.33333", "1.444", "1.666", "1.333", "1.222", "1.777")
OUTCOMES = ("complete", "complete", "complete", "fail", "refuse")
ANN = Owner("ann", "sub-ann")


@cache
def beginning() -> Desk:
    """Every life goes on from here: Ann has dollars and coins, and may sell them, or all of them, and be paid."""
    desk = Desk()
    desk.list_asset("BTC", "100", min_notional="0.01")
    desk.customer(ANN.username, usd="2000.00")
    desk.clients(ANN)
    desk.buy(ANN, "10.00000777", key="first")  # less than a lot of it
    return desk


class SlowBank:
    """One that takes some credits, answers nothing, and books them within eight minutes; what it is sent of them
    meanwhile it refuses, as in process."""

    def __init__(self, desk: Desk, chance: Random, told: Callable[[str], None]) -> None:
        self._desk, self._chance, self._told, self._bank = desk, chance, told, desk.world.bank
        self._in_process: dict[str, tuple[datetime, tuple[Any, ...]]] = {}

    def credit(self, reference_id: str, *terms: Any) -> Adjustment:
        self.book()
        if reference_id in self._in_process:
            raise BankRefused("the bank refuses the credit: in process", bank_said="in process")
        if self._chance.random() < 0.1 and self._desk.world.simulated.look_up(reference_id) is None:
            seconds = self._chance.choice([1, 20, 60, 480])
            self._in_process[reference_id] = self._desk.clock.at + timedelta(seconds=seconds), terms
            self._told(f"the bank takes {reference_id}, and books it in {seconds} s")
            raise BankUnavailable("no answer", what="timeout")
        return self._bank.credit(reference_id, *terms)

    def find(self, reference_id: str) -> Adjustment:
        self.book()
        return self._bank.find(reference_id)

    def adjustments(self, day: date, after: str | None = None) -> Adjustments:
        return self._bank.adjustments(day, after)

    def book(self) -> None:
        for reference_id, (due_at, terms) in list(self._in_process.items()):
            if due_at <= self._desk.clock.at:
                del self._in_process[reference_id]
                with suppress(BankRefused):  # nobody hears it
                    self._desk.world.simulated.credit(reference_id, *terms)


class Life:
    """One seed: a desk, and what its people, its exchange and its bank do."""

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        self.faults = Faults(never, calls=Forgetful())
        self.desk = FaultyDesk.after(beginning(), self.faults)
        self.told: list[str] = []
        self.late: list[BankEvent] = []
        self.desk.world.deliver_event = self._deliver
        self.slow_bank = SlowBank(self.desk, self.chance, self._tell)
        self.desk.world.bank = self.slow_bank
        self.faults.choose = by_chance(seed, RATES)

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        for step in range(self.chance.randint(1, 2)):
            self._something(f"{self.seed}-{step}")
            self.desk.process()
            self._pass(minutes=self.chance.choice([0, 1, 30]))
            self.desk.check()
        self.faults.heal()
        self._deliver_late()
        self._pass(days=4)
        self._operators()
        self._pass(days=4)
        self.slow_bank.book()
        self._pass(days=4)
        self.desk.check()
        self._all_is_over()
        if self.seed % 4 == 0:  # a fourth of a life's time, and all of it is in the books that were checked
            self.desk.check_as_the_product_does()

    def _something(self, key: str) -> None:
        desk, chance = self.desk, self.chance
        if chance.random() < 0.5:
            outcome, times = chance.choice(OUTCOMES), chance.choice([1, 1, 2, 6])
            desk.world.simulated.set_outcome(outcome, times=times)
            self._tell(f"the bank will {outcome}, {times} times")
        if chance.random() < 0.1:
            desk.world.nobody_buys()
            self._tell("nobody buys")
        match chance.randrange(4):
            case 0 | 1 | 2:
                quantity = chance.choice(QUANTITIES)
                self._tell(f"cash out {quantity}")
                self._insist(lambda: desk.cash_out(ANN, quantity, key=key))
            case _:
                amount = Money(f"{chance.randint(1, 50)}.{chance.randint(0, 50):02d}")  # above .50 cents are magic
                self._tell(f"withdraw ${amount}")
                self._insist(lambda: desk.accounts.withdraw(ANN, key, amount, "ann-bank"))

    def _insist(self, ask: Callable[[], Any]) -> None:
        """A customer who sends it again when he is told so, or gives up; a process that dies answers nothing."""
        for _ in range(self.chance.randint(1, 4)):
            self.desk.mark("BTC", "100")
            self.desk.process()
            try:
                ask()
                return
            except (Unavailable, Crash) as unanswered:
                self._tell(f"  not answered: {type(unanswered).__name__}")
                self.desk.clock.forward(seconds=self.chance.choice([1, 30, 90]))
            except Refusal as refusal:
                self._tell(f"  refused: {type(refusal).__name__}")
                return

    def _pass(self, **time: float) -> None:
        chance, desk = self.chance, self.desk
        until = desk.clock.at + timedelta(**time)
        if chance.random() < 0.05:
            desk.world.machines.restart()
            self._tell("the machines' host starts anew: what ran is dead")
        desk.run(until=lambda: desk.clock.at >= until, days=max(timedelta(**time).total_seconds() / 86_400, 0.001))
        desk.process()

    def _deliver(self, events: BankEvents, event: BankEvent) -> None:
        """The bank's webhooks: lost, late, twice, out of order."""
        fate = self.chance.random()
        if fate < 0.15:
            self._tell(f"webhook {event.event_id} is lost")
            return
        if fate < 0.3:
            self.late.append(event)
            return
        for _ in range(1 if fate < 0.8 else 2):
            self._send(events, event)
        if fate > 0.9:
            self._deliver_late()

    def _deliver_late(self) -> None:
        self.chance.shuffle(self.late)
        while self.late:
            self._send(self.desk.events, self.late.pop())

    def _send(self, events: BankEvents, event: BankEvent) -> None:
        for _ in range(30):
            self.desk.process()
            with suppress(Unavailable, Crash):
                events.receive(event)
                return
            self.desk.clock.forward(minutes=5)

    def _operators(self) -> None:
        """Two operators see to what waits for a person, with the same or with different ideas."""
        for order_id in [
            i["PK"]["S"] for i in self.desk.dynamo.items() if "person" in i.get("open_work", {}).get("S", "")
        ]:
            for operator in ("olga", "oleg"):
                act = self.chance.choice(["retry", "paid", "back"])
                self._tell(f"{operator}: {act} {order_id}")
                with suppress(Refusal):
                    self._by_hand(order_id, act, operator)

    def _by_hand(self, order_id: str, act: str, operator: str) -> None:
        if order_id.startswith(STRAY):
            self.desk.interventions.close_stray(order_id, "by hand", operator, dry_run=False)
            return
        acts = {"retry": "retry", "paid": "mark_paid", "back": "give_back"}
        self.desk.by_hand(acts[act], order_id, operator=operator)

    def _all_is_over(self) -> None:
        for item in self.desk.dynamo.items():
            if (
                "open_work" in item
                and "person" not in item["open_work"]["S"]
                and item["entity_type"]["S"] != "bank_event"
            ):
                raise AssertionError(f"{item['PK']['S']} is {item['status']['S']}: {item['waits_for']['S']}")
        parked = [i for i in self.desk.dynamo.items() if i.get("outcome") == {"S": "PARKED"}]
        if parked:
            raise AssertionError(f"parked, though the bank never contradicted itself: {parked}")

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.desk.clock.at:%d %H:%M:%S} {what}")


live = partial(lived, Life, COMMAND)


if __name__ == "__main__":
    sys.exit(main(Life, COMMAND, __doc__))
