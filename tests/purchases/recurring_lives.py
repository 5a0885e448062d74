"""Random lives with faults in which customers have coins bought again and again, and change their minds.

    python -m tests.purchases.recurring_lives 4711            replays one seed and tells what happened
    python -m tests.purchases.recurring_lives --from 0 --lives 100000

The clock comes or stays away for days, the price is not to be had for hours, dollars come and go, assets are switched
off; processes die. `Desk.check` says what must hold: each date is dealt with once, and each purchase is of one.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from random import Random
from typing import Any

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.errors import Refusal, Unavailable
from common.money import Money
from common.owner import Owner
from functions.purchases.recurring import Changes, Every, RecurringBuy
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.faults import Crash, Faults, by_chance, never
from tests.lives import RATES, Forgetful, lived, main
from tests.purchases.lives import pass_time, unfinished

COMMAND = "python -m tests.purchases.recurring_lives"
RULES: dict[str, Any] = {"price_age_max_seconds": 3 * 3600, "pool_deadline_seconds": 3_600}


@cache
def beginning() -> tuple[Desk, list[Owner]]:
    """Every life goes on from here: two customers, one of whom has few dollars."""
    desk = Desk()
    desk.list_exchange_asset(**RULES)
    return desk, [desk.customer("ann", usd="500.00"), desk.customer("bob", usd="9.00")]


class Life:
    """One seed: a desk, and what its people, its price source and its hosts do."""

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        before, self.owners = beginning()
        self.desk = FaultyDesk.after(before, Faults(by_chance(seed, RATES), calls=Forgetful()))
        self.told: list[str] = []
        self.plans: list[RecurringBuy] = []
        self.active, self.dark = True, False  # is the asset traded; has its price nobody to tell it

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        desk, chance = self.desk, self.chance
        for step in range(chance.randint(4, 12)):
            self._something(f"{self.seed}-{step}")
            self._days_pass(chance.choice([0, 0.5, 1, 2, 4]), rounds=chance.choice([0, 2, 4, 8]))
            self._checked()
        desk.faults.choose = never
        desk.faults.heal()
        self.dark = False
        self._asset(active=True)
        for owner in self.owners:  # also of those whose answer never came
            for plan in desk.recurring_buys.recurring_buys(owner, limit=100, after=None).items:
                with suppress(Refusal):
                    desk.recurring_buys.cancel(owner, plan.plan_id)
        self._days_pass(1.5, rounds=6)
        self._checked()
        left = unfinished(desk)
        assert not left, f"not over: {left}"

    def _checked(self) -> None:
        self.desk.check()

    def _something(self, key: str) -> None:
        desk, chance = self.desk, self.chance
        match chance.randrange(10):
            case 0 | 1 | 2:
                self._plan(key)
            case 3:
                self.dark = not self.dark
                self._tell(f"the price is {'not ' if self.dark else ''}to be had")
            case 4:
                self._asset(active=not self.active)
            case 5:
                owner = chance.choice(self.owners)
                self._tell(f"{owner.username} deposits")
                self._insist(lambda: desk.accounts.deposit(owner, key, Money("5.00")))
            case _ if self.plans:
                self._move(chance.choice(self.plans))
            case _:
                self._plan(key)

    def _plan(self, key: str) -> None:
        desk, chance = self.desk, self.chance
        owner, every = chance.choice(self.owners), chance.choice([Every.DAILY, Every.DAILY, *Every])
        usd = chance.choice(["2.50", "4.00", "12.00"])
        more: dict[str, Any] = {} if chance.random() < 0.8 else {"max_price": "90"}
        if chance.random() < 0.4:
            more["starts_at"] = desk.clock.at + timedelta(hours=chance.randint(0, 60))
        if chance.random() < 0.3:
            more["ends_at"] = desk.clock.at + timedelta(days=chance.randint(3, 9))
        self._tell(f"{owner.username} buys for ${usd} {every} {more or ''}")
        made = self._insist(lambda: desk.recurring_buy(owner, usd, every, key=key, **more))
        if made is not None:
            self.plans.append(made)

    def _move(self, plan: RecurringBuy) -> None:
        acts, chance = self.desk.recurring_buys, self.chance
        what = chance.choice(["pause", "resume", "resume", "cancel", "change", "change"])
        self._tell(f"{what} {plan.plan_id}")
        if what != "change":
            self._insist(lambda: getattr(acts, what)(plan.owner, plan.plan_id))
            return
        given: dict[str, Any] = chance.choice(
            [
                {"quote_amount": Money("3.00")},
                {"quantity": Decimal("0.05")},
                {"every": Every.DAILY},
                {"every": Every.MONTHLY, "max_price": None},
                {"starts_at": self.desk.clock.at + timedelta(hours=chance.randint(0, 30))},
                {"ends_at": self.desk.clock.at + timedelta(days=chance.randint(1, 5))},
            ]
        )
        now = self._insist(lambda: acts.recurring_buy(plan.owner, plan.plan_id))
        if now is not None:
            self._insist(lambda: acts.change(plan.owner, plan.plan_id, now.version, Changes(given)))

    def _asset(self, *, active: bool) -> None:
        self.active = active
        self._tell(f"the asset is {'' if active else 'not '}traded")
        self.desk.list_exchange_asset(price=None, active=active, **RULES)

    def _days_pass(self, days: float, rounds: int) -> None:
        """With so many rounds of the clock that buys."""
        for _ in range(rounds):
            self._pass(days=days / (rounds + 1))
            self.desk.process()
            with suppress(Unavailable, Crash):
                self._tell(f"a round: {self.desk.buy_recurring()}")
        self._pass(days=days / (rounds + 1))

    def _pass(self, **of: float) -> None:
        self.desk.process()
        pass_time(self.desk, self._ticks, **of)
        self._ticks()
        self.desk.process()

    def _ticks(self) -> None:
        if not self.dark:
            self.desk.mark("SOL", "100")

    def _insist(self, ask: Any) -> Any:
        """A customer who sends it again when he is told so, or gives up; a process that dies answers nothing."""
        for _ in range(self.chance.randint(1, 4)):
            self.desk.process()
            try:
                return ask()
            except (Unavailable, Crash) as unanswered:
                self._tell(f"  not answered: {type(unanswered).__name__}")
                self.desk.clock.forward(seconds=self.chance.choice([1, 30, 90]))
            except Refusal as refusal:
                self._tell(f"  refused: {type(refusal).__name__}")
                break
        return None

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.desk.clock.at:%d %H:%M:%S} {what}")


live = partial(lived, Life, COMMAND)


if __name__ == "__main__":
    sys.exit(main(Life, COMMAND, __doc__))
