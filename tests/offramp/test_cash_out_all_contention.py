"""Everything is cashed out while others move the same coin: under every schedule nothing is sold twice, and nothing is
sold of which its order does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from random import Random

from common.domain.catalogue.store import Catalogue
from common.domain.ledger import store as ledger
from common.domain.ledger.model import NothingToSell
from common.money import Quantity
from common.owner import Owner
from common.table.transaction import Patience
from functions.purchases.model import BatchStatus
from tests import books
from tests.depth import deep
from tests.desk import Clock, Desk
from tests.harness.interleave import Interleaver, Outcome, every_schedule
from tests.harness.memory import InMemoryDynamoDB
from tests.outside import Outside
from tests.seen import intent

ANN = Owner("ann", "sub-ann")
HAS, COMES = Decimal("0.2004"), Decimal("0.1")


@dataclass(frozen=True)
class Before:
    dynamo: InMemoryDynamoDB
    at: datetime
    batch_id: str


@cache
def before() -> Before:
    """Ann has 0.2004 SOL, in lots of 0.001, and has bought 0.1 more, which she is to be given."""
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=1_000_000)
    desk.customer(ANN.username)
    desk.clients(ANN)
    desk.bring(ANN, str(HAS))
    desk.world.ask("100", "1000")
    batch_id = desk.purchase(ANN, quantity=str(COMES)).batch_id
    desk.batches.place(batch_id)
    assert desk.batches.poll(batch_id).facts["status"] == BatchStatus.DECIDED
    return Before(desk.dynamo, desk.clock.at, batch_id)


def meeting(interleaver: Interleaver) -> Desk:
    """A desk whose every call to the table is a step of one of several threads."""
    of = before()
    desk = Desk(of.dynamo.copy(), Clock(of.at))
    desk._catalogue = Catalogue(desk.table, desk.clock, desk.purchases.catalogue.listings(), desk.clock.at)
    desk.outside = Outside(desk.clock)
    desk.world.nobody_sells()
    for _ in range(3):  # the exchange counts its orders anew: none has the number of the one that has bought
        desk.world.bid("100", "1000", "SOLUSDT")
    interleaver.watch(desk.dynamo)
    desk.patience = Patience(monotonic=interleaver.monotonic, sleep=interleaver.sleep, jitter=Random(1).random)
    return desk


def everything(desk: Desk, key: str = "k") -> Callable[[], Quantity]:
    return lambda: desk.cash_out(ANN, "all", asset_id="SOL", key=key).quantity


def allocated(desk: Desk) -> Callable[[], object]:
    return lambda: desk.batches.allocate(before().batch_id, lambda: True)


def left(desk: Desk) -> Decimal:
    """Of SOL, when what was asked for is sold."""
    desk.dynamo.pause, desk.patience = None, None
    desk.offramp.poll(intent(desk))
    books.check(desk.dynamo.items())
    now = ledger.holding(desk.table, ANN, "SOL", consistent=True)
    assert now is not None
    assert not now.held_quantity.amount
    return now.quantity.amount


def refused(outcomes: list[Outcome]) -> list[type[BaseException]]:
    return [type(outcome.error) for outcome in outcomes if outcome.error is not None]


def test_everything_is_sold_once_by_two_requests_at_once() -> None:
    """The other finds nothing."""

    def meet(interleaver: Interleaver) -> None:
        desk = meeting(interleaver)
        outcomes = interleaver.run(everything(desk, "one"), everything(desk, "two"))
        assert refused(outcomes) == [NothingToSell]
        assert left(desk) == 0

    assert every_schedule(meet, stages=(), preemptions_max=deep(everyday=1, full=3)) > 5


def test_everything_goes_before_or_after_a_purchase_that_settles() -> None:
    """With all of what it brings, or with nothing of it."""
    seen = set()

    def meet(interleaver: Interleaver) -> None:
        desk = meeting(interleaver)
        asked, settled = interleaver.run(everything(desk), allocated(desk))
        settled.result()
        quantity = asked.result().amount
        seen.add(quantity)
        assert left(desk) == HAS + Decimal("0.0999") - quantity

    assert every_schedule(meet, stages=(), preemptions_max=deep(everyday=1, full=4)) > 5
    assert seen == {HAS, HAS + Decimal("0.0999")}
