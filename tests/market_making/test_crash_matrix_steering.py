"""An owner pauses an order that quotes, configures it anew and resumes it: every call of his and of its ticker × what
can go wrong at it. After each the books balance, and while it is paused nothing is open; in the end it quotes by the
configuration that he wanted, which is written once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from common.domain.halts import HaltMoved
from common.errors import Refusal, Unavailable
from common.gateways.exchange import ExchangeUnavailable
from functions.market_making import quotes_store, shard_store, store
from functions.market_making.model import FIRST_SHARD, TICK_EVERY, MarketMakingOrderMoved, Status, order_id
from sandbox.exchange.flow import Flow
from tests.depth import points
from tests.faulty import Faulty
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import AnswerLost, Crash, CrashAfter, CrashBefore, FailBefore, Fault, Faults
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ACCOUNT, ORDER

ANEW = {"bid_spread": "0.4", "ask_spread": "0.4"}
READ = ("limits", "book", "open_orders", "trades_after", "find", "balances")
MAKER = (*READ, "place", "replace", "cancel")
OUTSIDE: tuple[Fault, ...] = (AnswerLost(), CrashAfter(), FailBefore(), CrashBefore())
UNTIL_KNOWN = 10  # ticks: after so many it is known of each placement whether it exists
T = TypeVar("T")


@dataclass
class Steered:
    """An order of Ann's that quotes, in a market that stands still."""

    market: FaultyMarket

    @property
    def open(self) -> list[Decimal]:
        return sorted(order.price for order in self.market.exchange.venue.open_orders(ACCOUNT))

    def tick(self, times: int = 1) -> None:
        """Each a process of its own."""
        market = self.market
        for _ in range(times):
            market.process()
            with suppress(Refusal, Crash):
                market.ticking.tick(FIRST_SHARD, market.clock.at, lambda: True)
            market.clock.at += TICK_EVERY

    def insist(self, ask: Callable[[], T]) -> T:
        for _ in range(30):
            try:
                return ask()
            except (Unavailable, MarketMakingOrderMoved, HaltMoved):  # each says: ask again
                self.tick()
        raise AssertionError("never answered")

    def act(self) -> tuple[Status, int, list[Decimal]]:
        steering, thing = self.market.steering, order_id(ORDER)
        self.insist(lambda: steering.pause(thing))
        self.tick(UNTIL_KNOWN)
        assert not self.open, f"it is paused, and {self.open} are open"
        self.insist(lambda: steering.configure(thing, 1, ANEW))
        self.insist(lambda: steering.resume(thing))
        self.tick(UNTIL_KNOWN)
        order = store.existing(self.market.quiet, thing)
        member = shard_store.member(self.market.quiet, order)
        assert member is not None
        return order.status, member.config, self.open

    def check(self) -> None:
        self.market.check()
        thing = order_id(ORDER)
        order = store.existing(self.market.quiet, thing)
        member = shard_store.member(self.market.quiet, order)
        assert member is not None
        assert member.status is order.status
        for version in range(1, member.config + 1):
            quotes_store.configuration(self.market.quiet, thing, version)
        versions = [i["SK"]["S"] for i in self.market.dynamo.items() if i["SK"]["S"].startswith("CONFIG#")]
        assert len(versions) == member.config


def quoted(faults: Faults) -> FaultyMarket:
    """Ann's order could quote from now on; its exchange may fail as well."""
    market = FaultyMarket(faults)
    market.list_pair()
    market.poll()
    market.fund_all()
    market.go_on(hours=1, until=lambda: market.status() is Status.CREATED)
    exchange = market.exchange
    exchange.profiles.choose("thin", ["BTCUSDT"])
    Flow(exchange.venue, {"BTCUSDT": Decimal(60_000)}.get, profiles=exchange.profiles).step()
    lost = lambda: ExchangeUnavailable("no answer", what="timeout")  # noqa: E731
    maker: Any = Faulty(faults, "maker", market.maker, MAKER, lost, lost, reads=READ)
    market.maker = maker
    return market


def steered(faults: Faults) -> Scene:
    here = Steered(quoted(faults))
    here.tick(3)
    assert len(here.open) == 2
    return Scene(here.act, here.check, recover=lambda: here.tick(UNTIL_KNOWN))


def test_whatever_fails_once_an_owner_has_it_quote_as_he_wants() -> None:
    report = crash_matrix(
        steered, OUTSIDE, same=lambda wanted, got: bool(wanted == got), points=points("steered", everyday=144, proved=4)
    )
    assert not report.violations, report
    assert not report.never_dealt(OUTSIDE), report
    assert report.ending.answer == (Status.RUNNING, 2, [Decimal(59_760), Decimal(60_240)])
