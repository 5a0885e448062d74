"""The whole life of a market-making order: every call of every request, poll, task, round of sending and round of the
sweeper × everything that can go wrong at it. After each the books balance with custody and exchange; in the end the
order is over, and all of it is back with who paid, less what moving it has cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from common.errors import Unavailable
from common.idempotency import uuid_of
from common.money import plain
from common.owner import Owner
from functions.market_making import store
from functions.market_making.model import Status, Terms, order_id
from functions.market_making.service.opening import to_pay
from tests.depth import FULL, SIMULATED, points
from tests.harness.crash_matrix import FAULTS, Scenario, Scene, crash_matrix
from tests.harness.faults import Faults
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ANN, BTC, ETH, ORDER, PAIR, USDT

OWNER = Owner("ann", "sub-ann")
OVER = {Status.RETURNED, Status.REFUNDED}
RISEN = 200_000
LISTED_AFTER = timedelta(seconds=60)  # an exchange that shows what is withdrawn a minute later
T = TypeVar("T")


@dataclass
class Story:
    """One order of Ann's. `pay` is called once, and answers the order's id. When it could quote, she has it home."""

    market: FaultyMarket
    pay: Callable[[FaultyMarket], str]
    paid: list[str] = field(default_factory=list)
    created: bool = False

    def act(self) -> str:
        """She may do it again, until it is over. Answers how it stands."""
        market = self.market
        if not self.paid:
            self.paid.append(self.pay(market))
        market.go_on(hours=1, until=lambda: self.status in {Status.CREATED, *OVER})
        if self.status is Status.CREATED:
            self.created = True
            insist(market, lambda: market.quoting.bring_home(self.paid[0]))
        market.go_on(hours=4, until=lambda: self.status in OVER)
        return "over" if self.status in OVER else f"{self.status}: {self.waits_for}"

    @property
    def status(self) -> Status | None:
        return self.market.status(self.paid[0])

    @property
    def waits_for(self) -> str:
        found = store.find(self.market.quiet, self.paid[0])
        return "nothing" if found is None else "a person" if found.needs_person else found.waits_for or "nothing"

    @property
    def has_risen(self) -> bool:
        return RISEN in self.market.safe.costs(BTC).values()

    def recover(self) -> None:
        self.market.process()
        self.market.go_on(minutes=5)

    def settled(self) -> None:
        """Who was asked to look lets the order go on."""
        self.market.faults.heal()
        self.market.let_go_on(self.paid[0])
        self.market.go_on(hours=4)
        self.market.check()
        left = [item["PK"]["S"] for item in self.market.dynamo.items(having="open_work")]
        assert not left, f"still unfinished: {left}"


def story(
    pay: Callable[[FaultyMarket], str],
    before: Callable[[FaultyMarket], None] = lambda _: None,
    tried: Callable[[Story], bool] = lambda _: True,
) -> Scenario:
    """`tried`: the part of it that is no other story's; `make simulate` tries all of it."""

    def build(faults: Faults) -> Scene:
        market = FaultyMarket(faults)
        market.exchange.wallet.withdrawals.refuses_repeats = False
        market.fake_funds.listed_after = LISTED_AFTER
        market.list_pair()
        market.poll()
        before(market)
        told = Story(market, pay)
        return Scene(told.act, market.check, told.recover, told.settled, lambda: SIMULATED or tried(told))

    return build


def insist(market: FaultyMarket, ask: Callable[[], T]) -> T:
    """Ask until it is answered: a 503 says that the same may be sent again, later."""
    for _ in range(30):
        try:
            return ask()
        except Unavailable:
            market.go_on(minutes=1)
    raise AssertionError("never answered")


def ends_well(undisturbed: str, ended: str) -> bool:
    """What takes too long waits for a person, and ends when he has looked."""
    return undisturbed == "over" and (ended == "over" or ended.endswith(": a person"))


def by_memo(market: FaultyMarket) -> str:
    """Four transfers, the first of which opens the order."""
    market.fund_all()
    return order_id(ORDER)


def by_api(market: FaultyMarket) -> str:
    """Opened by its owner, who pays what he is told to."""
    order = insist(market, lambda: market.opening.open(OWNER, "key", Terms(PAIR, Decimal("0.1"), Decimal(5000))).made)
    for part in to_pay(order):
        market.fund(ANN, part.quantity.asset_id, plain(part.quantity.amount), uuid_of(order.order_id))
    return order.order_id


def too_little(market: FaultyMarket) -> str:
    """Its time is nearly over when its machine first looks: sixty checks are as good as one."""
    market.fund(ANN, BTC, "0.1")
    market.poll()
    market.clock.forward(minutes=9.8)
    return order_id(ORDER)


def nothing(market: FaultyMarket) -> str:
    return insist(
        market, lambda: market.opening.open(OWNER, "key", Terms(PAIR, Decimal("0.1"), Decimal(5000))).made
    ).order_id


def refusing(market: FaultyMarket) -> None:
    """Once both legs are decided, withdrawing costs more than was paid for it: the custody refuses both."""

    def rise() -> None:
        if market.status() is Status.WITHDRAWING:
            market.safe.set_fees(BTC, {BTC: RISEN})
            market.safe.set_fees(USDT, {ETH: 10_000_000})

    market.watch = rise


LIVES: dict[str, Scenario] = {
    "opened by memo, quoting, home": story(by_memo),
    "opened by API, quoting, home": story(by_api, tried=lambda told: not told.created),
    "paid too little, refunded": story(too_little),
    "never paid": story(nothing),
    "both legs are refused, refunded": story(by_memo, refusing, lambda told: told.has_risen),
}
LONG = ("opened by memo, quoting, home", "opened by API, quoting, home")


@pytest.mark.parametrize("life", list(LIVES) if FULL else [life for life in LIVES if life not in LONG])
def test_whatever_fails_once_an_order_ends_as_it_would_have(life: str) -> None:
    report = crash_matrix(LIVES[life], FAULTS, same=ends_well, points=points(life, everyday=64, proved=4))
    assert not report.violations, report
    assert not report.never_dealt(FAULTS), report
