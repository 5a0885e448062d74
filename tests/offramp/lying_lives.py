"""Random lives in which exchange and bank lie, or are gone for ever, besides all that goes wrong in `lives`.

    python -m tests.offramp.lying_lives 4711            replays one seed and tells what happened
    python -m tests.offramp.lying_lives --from 0 --lives 100000

What must hold is in `tests/truth.py`: nothing is paid that was not earned. What is held when nothing moves any more, a
person knows of; and what two operators can do with true evidence ends all of it.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import cache, partial
from random import Random

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain.payouts.events import BankEvents
from common.gateways.bank import BankEvent
from common.money import Money
from common.owner import Owner
from tests import books
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.faults import Faults, by_chance, never
from tests.liars import LyingBank, LyingExchange
from tests.lives import RATES, Forgetful, lived, main
from tests.offramp.lives import OUTCOMES, QUANTITIES, Life
from tests.operators import Operators
from tests.truth import Truth, holds, settle

COMMAND = "python -m tests.offramp.lying_lives"
LONG = timedelta(minutes=10)
ANN, BOB = Owner("ann", "sub-ann"), Owner("bob", "sub-bob")


@cache
def beginning() -> Desk:
    """Ann and Bob have dollars and coins, and may sell them and be paid."""
    desk = Desk()
    desk.list_asset("BTC", "100", min_notional="0.01")
    for owner in (ANN, BOB):
        desk.customer(owner.username, usd="2000.00")
        desk.clients(owner)
        desk.buy(owner, "10.00000777", key="first")
    return desk


class LyingLife(Life):
    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        self.faults = Faults(never, calls=Forgetful())
        self.desk = FaultyDesk.after(beginning(), self.faults)
        self.told: list[str] = []
        self.late: list[BankEvent] = []
        world, now = self.desk.world, self.desk.clock
        lies = Random(f"lies {seed}")
        exchange = LyingExchange(world.exchange, lies, now, self._tell)
        bank = LyingBank(world.bank, world.simulated, lies, now, self._tell)
        world.exchange, world.bank, world.passes = exchange, bank, bank.pass_time
        self.truth, self.bank = Truth(self.desk, exchange, bank), bank
        world.deliver_event = self._told_event
        if self.chance.random() < 0.5:
            self.faults.choose = by_chance(seed, RATES)
        if self.chance.random() < 0.2:
            self.desk.payout_max = Money(40)
            self._tell("a payout over $40 waits for two operators")

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        for step in range(self.chance.choice([1, 1, 2])):
            self._something(f"{self.seed}-{step}")
            self.desk.process()
            self._pass(minutes=self.chance.choice([0, 1, 30]))
        self.faults.heal()
        self._pass(minutes=45)
        self._deliver_late()
        settle(self.desk, self._pass)
        self._check()
        operators = Operators(self.desk, self.truth, self.chance, self._tell, lambda: self._pass(minutes=6))
        operators.see_to_everything()
        self._check()
        self._nothing_is_held()

    def _something(self, key: str) -> None:
        desk, chance, owner = self.desk, self.chance, self.chance.choice([ANN, ANN, BOB])
        name = owner.username
        if chance.random() < 0.3:
            outcome, times = chance.choice(OUTCOMES), chance.choice([1, 1, 2, 6])
            desk.world.simulated.set_outcome(outcome, times=times)
            self._tell(f"the bank will {outcome}, {times} times")
        if chance.random() < 0.1:
            desk.world.simulated.fail_next("no_funds", "credit", chance.choice([1, 1, 3]))
            self._tell("the desk's own account at the bank is empty")
        if chance.random() < 0.1:
            desk.world.nobody_buys()
            self._tell("nobody buys")
        if chance.random() < 0.7:
            quantity = chance.choice(QUANTITIES)
            self._tell(f"{name} cashes out {quantity}")
            self._insist(lambda: desk.cash_out(owner, quantity, key=key))
        else:
            amount = chance.choice([Money(20), Money(f"{chance.randint(1, 50)}.{chance.randint(0, 50):02d}")])
            self._tell(f"{name} withdraws ${amount}")
            self._insist(lambda: desk.accounts.withdraw(owner, key, amount, f"{name}-bank"))

    def _pass(self, **time: float) -> None:
        """Time passes, too, where nothing moves by itself; most of a long time at once."""
        until = self.desk.clock.at + timedelta(**time)
        if until - self.desk.clock.at > LONG:
            super()._pass(minutes=4)
            self.desk.clock.at = max(self.desk.clock.at, until - timedelta(minutes=2))
        super()._pass(minutes=(until - self.desk.clock.at) / timedelta(minutes=1))
        self.desk.clock.at = max(self.desk.clock.at, until)

    def _told_event(self, events: BankEvents, event: BankEvent) -> None:
        for told in self.bank.tells(event):
            self._deliver(events, told)

    def _check(self) -> None:
        items = list(self.desk.dynamo.items())
        books.check(items)
        self.truth.check(items)

    def _nothing_is_held(self) -> None:
        held = holds(self.desk.dynamo.items())
        assert not held, f"held, and nobody can release it: {held}"


live = partial(lived, LyingLife, COMMAND)


if __name__ == "__main__":
    sys.exit(main(LyingLife, COMMAND, __doc__))
